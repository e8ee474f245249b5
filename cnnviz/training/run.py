"""A training run together with the folder that it is kept in."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import torch

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.identify import read_card
from cnnviz.training.checkpoints import load_checkpoint
from cnnviz.training.metrics import Divergence, EpochMetrics, Notice, RunEvent, Saved, StepMetrics
from cnnviz.training.ranks import ALONE, Ranks
from cnnviz.training.run_folder import LOCK_FILE, RunRecord, Status, network_path, read_record
from cnnviz.training.run_lock import RunLock
from cnnviz.training.run_writer import RunWriter
from cnnviz.training.settings import TrainingSettings, checked_settings
from cnnviz.training.start import Prepared, Progress, prepare, prepare_again
from cnnviz.training.trainer import Trainer
from cnnviz.training.waiting import ThreadWaits

_WRITE_SECONDS = 1.0
_ENDS: dict[str, Status] = {"finished": "finished", "diverged": "diverged"}

Tell = Callable[[RunEvent | Saved | Notice], None]


class Run:
    """Makes steps, saves when it is time, and writes the curve; to be closed.

    Writing goes on beside the next steps. What cannot be written is told as a notice, and tried again when the next
    checkpoint is due: the run goes on.

    Parameters
    ----------
    folder
        None keeps nothing.
    tell
        Called with all that happens.
    """

    def __init__(
        self, prepared: Prepared, trainer: Trainer, folder: Path | None, record: RunRecord, tell: Tell
    ) -> None:
        self.prepared = prepared
        self.trainer = trainer
        self.folder = folder
        self._record = record
        self._tell = tell
        self._writer = RunWriter(folder) if folder is not None and trainer.ranks.leads else None
        self._waits = ThreadWaits()
        self._unwritten: list[StepMetrics | EpochMetrics | Divergence] = []
        self._written = time.monotonic()
        self._saved_step = -1
        self._warned: set[bool] = set()  # while it went on, and once it was over
        self._says_all = False  # since nobody will be asked again
        self._lock = ExitStack()

    @classmethod
    def start(
        cls,
        settings: TrainingSettings,
        folder: Path | None,
        tell: Tell,
        *,
        command: str = "",
        progress: Progress | None = None,
        ranks: Ranks = ALONE,
    ) -> Self:
        """A run from its first step; raises what :func:`cnnviz.training.start.prepare` and :class:`Trainer` do."""
        prepared = prepare(settings, command, progress)
        trainer = Trainer(prepared.module, prepared.data, settings, ranks)
        if progress is not None:
            progress("preparing", 1.0)  # whoever does not want the run any more raises: nothing is written yet
        record = RunRecord(settings=settings, started=time.time(), command=command, total_steps=trainer.total_steps)
        run = cls(prepared, trainer, folder, record, tell)
        run._open()
        for note in prepared.notes:
            tell(note)
        run.save()
        run.settle()
        return run

    @classmethod
    def resume(cls, folder: Path, tell: Tell, *, progress: Progress | None = None, ranks: Ranks = ALONE) -> Self:
        """The run in ``folder`` from its last checkpoint on.

        Raises
        ------
        CheckpointError, DatasetError, SettingsError, RunInUse
            There is none, its data set is gone, or another process works on it.
        """
        record = read_record(folder)
        if record is None:
            raise CheckpointError(f"{folder} holds no run; start one anew.")
        state = load_checkpoint(folder)
        settings = checked_settings(state.about["settings"])
        prepared = prepare_again(settings, read_card(network_path(folder, state.step)), progress)
        trainer = Trainer(prepared.module, prepared.data, settings, ranks)
        trainer.restore(state)
        if progress is not None:
            progress("preparing", 1.0)
        run = cls(prepared, trainer, folder, record.model_copy(update={"settings": settings}), tell)
        run._saved_step = state.step
        run._open()
        if run._writer is not None:
            run._writer.cut_curve(state.step, tested=trainer.phase != "testing")
            run.settle()
        if state.about["torch"] != torch.__version__:
            tell(Notice(f"The run began with PyTorch {state.about['torch']}; its last digits may differ from now on."))
        return run

    def advance(self) -> None:
        """Make the next step, or test with the next images, and save where it is due."""
        event = self.trainer.advance()
        self._waits.look()
        if event is not None:
            if isinstance(event, StepMetrics | EpochMetrics | Divergence):
                self._unwritten.append(event)
            self._tell(event)
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self._write_curve()
        self._tell_outcomes()
        every = self.trainer.settings.save_every
        if self.trainer.over or (every and self.trainer.step % every == 0):
            self.save()
        if self.trainer.over:
            self.settle()

    def save(self) -> None:
        """Write a checkpoint where the last one is older, once that before it is written."""
        if self._writer is None or (self._saved_step == self.trainer.step and not self.trainer.over):
            return
        self.settle()
        self._write_curve()
        self._writer.save(self.trainer.state(), self.trainer.card)
        self._saved_step = self.trainer.step
        self._note(_ENDS.get(self.trainer.phase, "running"))

    def settle(self) -> None:
        """Wait until all is written, or turned out not to be."""
        self._tell_outcomes(wait=True)

    def change(self, settings: TrainingSettings) -> None:
        """Go on with other settings; raises SettingsError."""
        was_over = self.trainer.over
        self.trainer.change(settings)
        first = self._record.first_settings if self.trainer.step else None
        self._record = self._record.model_copy(update={"settings": settings, "began_with": first})
        if was_over and not self.trainer.over:
            self._note("running")

    def close(self, *, killed: bool = False) -> None:
        """Save and let the folder go; ``killed`` leaves it as one that is to be offered to go on."""
        self.settle()
        self._says_all = killed
        if not self.trainer.over:
            self.save()
        self._write_curve()
        self._note(_ENDS.get(self.trainer.phase, "running" if killed else "stopped"))
        self.abandon()

    def abandon(self) -> None:
        """Let the folder go as it is, after a fault: the run can go on from its last checkpoint."""
        self.settle()
        self._waits.close()
        if self._writer is not None:
            self._writer.close()
        self._lock.close()

    def _open(self) -> None:
        if self._writer is not None and self.folder is not None:
            self._lock.enter_context(RunLock(self.folder / LOCK_FILE))
            self._note("running")

    def _note(self, status: Status) -> None:
        """Write down how the run stands."""
        if self._writer is not None:
            counts = {"status": status, "step": self.trainer.step, "total_steps": self.trainer.total_steps}
            self._record = self._record.model_copy(update=counts)
            self._writer.write_record(self._record)

    def _write_curve(self) -> None:
        self._written = time.monotonic()
        if self._writer is not None:
            self._writer.write_curve(self._unwritten)
        self._unwritten = []

    def _tell_outcomes(self, *, wait: bool = False) -> None:
        """Tell what was saved, and what goes wrong, that once until something has been saved, and again at the end."""
        for outcome in self._writer.outcomes(wait=wait) if self._writer is not None else ():
            if isinstance(outcome, Saved):
                self._warned.clear()
                self._tell(outcome)
                continue
            self._saved_step = -1
            if self._says_all or self.trainer.over not in self._warned:
                self._warned.add(self.trainer.over)
                self._tell(Notice(str(outcome), unsaved=True))
