"""Trains a network step by step: whoever holds the trainer decides when the next step is made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.training.device_data import TrainingData, augmentation_generator, epoch_order
from cnnviz.training.divergence import GOOD_EVERY, GOOD_LOSS, MOST_CUTS, what_is_wrong
from cnnviz.training.learner import Learner
from cnnviz.training.losses import loss_of_guessing
from cnnviz.training.measurement import device_memory
from cnnviz.training.metrics import Divergence, EpochMetrics, RunEvent, StepMetrics, TestProgress
from cnnviz.training.pace import Pace
from cnnviz.training.ranks import ALONE, Ranks
from cnnviz.training.schedules import ScheduleState, after_divergence, after_epoch, share_of_largest
from cnnviz.training.settings import FIXED_WHILE_RUNNING, SettingsError, TrainingSettings
from cnnviz.training.state import (
    TrainerState,
    load_random_state,
    network_state,
    random_state,
    seed_random_numbers,
)

READ_EVERY = 10
"""Steps between two looks at the loss on an accelerator, which each waits for it; the CPU's is read every step."""
TEST_CHUNK = 250

Phase = Literal["training", "testing", "finished", "diverged"]


@dataclass
class Position:
    """How far a run is."""

    step: int = 0
    epoch: int = 0
    """Epochs done."""
    offset: int = 0
    """Images of this epoch that were taken."""
    examples: int = 0
    loss_sum: float = 0.0
    """Over the images of this epoch whose loss was read, ``seen`` in number."""
    right: float = 0.0
    seen: int = 0
    cuts: int = 0
    """How often the learning rate was cut after a divergence."""


class Trainer:
    """A run that is made in small parts, by calls of :meth:`advance`.

    The same settings, data, weights at the start, device and number of threads give the same weights at every step,
    whatever pauses, tests and saves lie between. The module is trained in place.

    Parameters
    ----------
    module
        With the weights to start from.
    data
        Images on any device; its card says how they are prepared.
    ranks
        The processes that train together; all must make the same calls.

    Raises
    ------
    SettingsError
        The settings do not fit data, network or device.
    """

    def __init__(self, module: nn.Module, data: TrainingData, settings: TrainingSettings, ranks: Ranks = ALONE) -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._learner = Learner(module, data, settings, ranks)
        self.ranks = ranks
        self._data = data
        self._at = Position()
        self._schedule = ScheduleState()
        self._reference = loss_of_guessing(settings.loss, len(data.card.labels))
        self._good: TrainerState | None = None
        self._unread: list[Tensor] = []
        self._order: tuple[int, Tensor] | None = None
        self._tests: Iterator[TestProgress | EpochMetrics] | None = None
        self._pace = Pace()
        self.settings = settings
        self.phase: Phase = "training"
        self.history: list[EpochMetrics] = []
        """Of the epochs that are done."""
        seed_random_numbers(settings.seed + ranks.rank)

    @property
    def module(self) -> nn.Module:
        return self._learner.module

    @property
    def device(self) -> torch.device:
        return self._learner.device

    @property
    def card(self) -> NetworkCard:
        """Of the network as it is now; with its accuracy where it was just tested."""
        last = self.history[-1] if self.history and self.history[-1].step == self.step else None
        accuracy = round(last.test_accuracy, 6) if last and last.test_accuracy is not None else None
        return self._data.card.model_copy(update={"test_accuracy": accuracy})

    @property
    def step(self) -> int:
        """Steps done."""
        return self._at.step

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._at.epoch

    @property
    def steps_per_epoch(self) -> int:
        """An incomplete batch at the end of an epoch is left out."""
        return len(self._data.train) // self.settings.batch_size

    @property
    def total_steps(self) -> int:
        """Of the whole run, as the settings are now."""
        begun = self._at.step - self._at.offset // self.settings.batch_size
        planned = begun + (self.settings.epochs - self._at.epoch) * self.steps_per_epoch
        return min(planned, self.settings.steps or planned)

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        share = share_of_largest(self.settings, self._progress(), self._at.epoch)
        return self.settings.learning_rate * share * self._schedule.scale

    @property
    def examples_per_second(self) -> float:
        """Over all steps that this trainer made; tests and pauses do not count."""
        return self._pace.average

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.phase in ("finished", "diverged")

    def advance(self) -> RunEvent | None:
        """Make the next step, or test with the next chunk of images; None where there is nothing to tell yet."""
        if self.phase == "training":
            return self._train()
        if self.phase == "testing":
            self._pace.pause()
            self._tests = self._tests or self._testing()
            return next(self._tests)
        return None

    def pause(self) -> None:
        """Let the time until the next step count as none."""
        self._pace.pause()

    def change(self, settings: TrainingSettings) -> None:
        """Go on with other settings from the next step.

        Another optimiser remembers nothing of the gradients before it. With more epochs or steps a finished run goes
        on, and one that has diverged goes on from its last good weights.

        Raises
        ------
        SettingsError
            They do not fit data, network or device, or would make another run of it; the run goes on as before.
        """
        for name in FIXED_WHILE_RUNNING:
            if getattr(settings, name) != getattr(self.settings, name):
                raise SettingsError(f"The {name.replace('_', ' ')} of a run cannot change; start another run.")
        self._learner.change(settings)
        self._unread = [sums.to(self.device) for sums in self._unread]
        if settings.loss != self.settings.loss:
            self._reference = loss_of_guessing(settings.loss, len(self._data.card.labels))
        self.settings = settings
        if self.over:
            self.phase = "finished" if self._is_done() else "training"
        if self.phase == "training" and self._ends_epoch(0):
            self.phase = "testing"  # what is left of the epoch fills no batch of the new size

    def weights(self) -> dict[str, Tensor]:
        """Copies of weights and buffers, contiguous and on the CPU."""
        return network_state(self.module)

    def state(self) -> TrainerState:
        """All that the run needs in order to go on from here."""
        tensors, numbers = self._learner.memory()
        about = {
            **asdict(self._at),
            **numbers,
            "phase": self.phase,
            "schedule": asdict(self._schedule),
            "reference": self._reference,
            "settings": self.settings.model_dump(mode="json"),
            "history": [vars(each) for each in self.history],
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "device": str(self.device),
        }
        return TrainerState(self.weights(), tensors | random_state(self.device), about)

    def restore(self, state: TrainerState) -> None:
        """Go on from ``state``, of a run of the same settings on the same data; the number of threads is its, too."""
        about = state.about
        torch.set_num_threads(about["threads"])
        self._learner.recall(state.network, state.tensors, about)
        self._at = Position(**{name: about[name] for name in Position.__dataclass_fields__})
        self._schedule = ScheduleState(**about["schedule"])
        self._reference = about["reference"]
        self.phase = about["phase"]
        self.history = [EpochMetrics(**each) for each in about["history"]]
        self._good = state
        self._unread.clear()
        self._tests = None
        load_random_state(state.tensors, self.device)

    def _train(self) -> StepMetrics | Divergence | None:
        self._pace.start()
        at, settings = self._at, self.settings
        number = at.step + 1
        learning_rate = self.learning_rate
        indices = self._epoch_order()[at.offset : at.offset + settings.batch_size]
        done = self._learner.forward(indices, augmentation_generator(settings.seed, at.step))
        self._unread.append(done.sums)
        metrics: tuple[float, float] | None = None
        keeps = at.step % GOOD_EVERY == 0
        if keeps or self._ends_epoch() or number % (1 if self.device.type == "cpu" else READ_EVERY) == 0:
            metrics = self._read()
            loss = metrics[0]
            if at.step == 0 and math.isfinite(loss):
                self._reference = max(self._reference, loss)
            wrong = what_is_wrong(loss, self._reference, number, learning_rate)
            if wrong:
                return self._diverge(wrong, number)
            if keeps and loss <= GOOD_LOSS * self._reference:
                self._good = self.state()
        measured = self._learner.update(done.loss, learning_rate, number == 1 or number % settings.measure_every == 0)
        in_epoch = at.offset // settings.batch_size + 1
        epoch = at.epoch + 1
        self._count_step()
        self._pace.finish(settings.batch_size)
        if metrics is None:
            return None
        gradient_norm, layers = measured or (None, ())
        return StepMetrics(
            step=number,
            epoch=epoch,
            epochs=settings.epochs,
            step_in_epoch=in_epoch,
            steps_per_epoch=self.steps_per_epoch,
            loss=metrics[0],
            accuracy=metrics[1],
            learning_rate=learning_rate,
            examples=at.examples,
            examples_per_second=self._pace.examples_per_second,
            gradient_norm=gradient_norm,
            layers=layers,
            memory=device_memory(self.device) if measured else None,
        )

    def _diverge(self, reason: str, number: int) -> Divergence:
        """Put the last good weights back; go on with a smaller learning rate where that is wanted."""
        good = self._good
        if good is not None:
            self._learner.recall(good.network, good.tensors, good.about)
            self._forget_sums(good)
        goes_on = self.settings.schedule == "halve-on-divergence" and good is not None and self._at.cuts < MOST_CUTS
        if goes_on:
            self._schedule = after_divergence(self._schedule, self.settings)
            self._at.cuts += 1
            self._count_step()
        else:
            self.phase = "diverged"
        restored = good.step if good is not None else 0
        return Divergence(number, reason, restored, goes_on, self.settings.learning_rate * self._schedule.scale)

    def _forget_sums(self, good: TrainerState) -> None:
        """Of this epoch, what came after the good weights: those steps are undone, and their loss is of no network."""
        at, kept = self._at, good.about
        same = kept["epoch"] == at.epoch
        at.loss_sum, at.right, at.seen = (kept["loss_sum"], kept["right"], kept["seen"]) if same else (0.0, 0.0, 0)

    def _read(self) -> tuple[float, float]:
        """Mean loss and accuracy of the batches since the last look."""
        count = len(self._unread) * self.settings.batch_size
        loss_sum, right = self.ranks.total(torch.stack(self._unread).sum(dim=0)).tolist()
        self._unread.clear()
        self._at.loss_sum += loss_sum
        self._at.right += right
        self._at.seen += count
        return loss_sum / count, right / count

    def _epoch_order(self) -> Tensor:
        if self._order is None or self._order[0] != self._at.epoch:
            order = epoch_order(self.settings.seed, self._at.epoch, len(self._data.train))
            self._order = self._at.epoch, order.to(self._learner.data.train.images.device)
        return self._order[1]

    def _ends_epoch(self, steps: int = 1) -> bool:
        """Whether the epoch is over after so many more steps."""
        return self._at.offset + (steps + 1) * self.settings.batch_size > len(self._data.train)

    def _is_done(self) -> bool:
        steps = self.settings.steps
        return self._at.epoch >= self.settings.epochs or (steps is not None and self._at.step >= steps)

    def _progress(self) -> float:
        in_epoch = self._at.offset / (self.steps_per_epoch * self.settings.batch_size)
        progress = (self._at.epoch + in_epoch) / self.settings.epochs
        if self.settings.steps is not None:
            progress = max(progress, self._at.step / self.settings.steps)
        return min(progress, 1.0)

    def _count_step(self) -> None:
        at, batch_size = self._at, self.settings.batch_size
        at.step += 1
        at.offset += batch_size
        at.examples += batch_size
        if self._ends_epoch(0) or self._is_done():
            self.phase = "testing"

    def _testing(self) -> Iterator[TestProgress | EpochMetrics]:
        """Test where it is time for it, and finish the epoch."""
        at, settings, count = self._at, self.settings, len(self._data.test)
        ends_run = (self._ends_epoch(0) and at.epoch + 1 >= settings.epochs) or self._is_done()
        sums = None
        if ends_run or (settings.test_every and (at.epoch + 1) % settings.test_every == 0):
            sums = torch.zeros(2, dtype=torch.float64)
            for start in range(self.ranks.rank * TEST_CHUNK, count, self.ranks.count * TEST_CHUNK):
                sums += self._learner.test(slice(start, start + TEST_CHUNK))
                yield TestProgress(min(start + TEST_CHUNK, count), count)
            sums = self.ranks.total(sums.to(self.device if self.device.type == "cuda" else "cpu")).cpu() / count
        test_loss, test_accuracy = sums.tolist() if sums is not None else (None, None)
        seen = max(at.seen, 1)
        metrics = EpochMetrics(at.epoch + 1, at.step, at.loss_sum / seen, at.right / seen, test_loss, test_accuracy)
        self.history.append(metrics)
        self._schedule = after_epoch(
            self._schedule, settings, test_loss if test_loss is not None else metrics.train_loss
        )
        if self._ends_epoch(0):
            at.epoch += 1
            at.offset = at.seen = 0
            at.loss_sum = at.right = 0.0
        self._tests = None
        self.phase = "finished" if self._is_done() else "training"
        yield metrics
