"""Writes what a run keeps, one thing after another on a thread of its own, so that no step waits for the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.training.checkpoints import SaveError, save_checkpoint
from cnnviz.training.metrics import Divergence, EpochMetrics, Saved, StepMetrics
from cnnviz.training.run_folder import Curve, RunRecord, write_record
from cnnviz.training.state import TrainerState


class RunWriter:
    """Every method but :meth:`outcomes` returns at once. What it is given is the writer's alone from then on.

    Parameters
    ----------
    folder
        Made where it is not there, or no longer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._curve = Curve(folder)
        self._unwritten: list[StepMetrics | EpochMetrics | Divergence] = []
        self._thread = ThreadPoolExecutor(1, "writes the run")
        self._jobs: deque[Future[Saved | None]] = deque()

    def write_curve(self, events: Sequence[StepMetrics | EpochMetrics | Divergence]) -> None:
        """Append the figures; those that cannot be written are tried again with the next."""
        self._do(lambda: self._append(events))

    def cut_curve(self, step: int, *, tested: bool) -> None:
        """Forget what lies after ``step``, see :meth:`Curve.cut`."""
        self._do(lambda: self._curve.cut(step, tested))

    def write_record(self, record: RunRecord) -> None:
        """How the run stands."""
        self._do(lambda: self._note(record))

    def save(self, state: TrainerState, card: NetworkCard) -> None:
        """Write a checkpoint."""
        self._do(lambda: Saved(state.step, str(save_checkpoint(self._folder, state, card))))

    def outcomes(self, *, wait: bool = False) -> Iterator[Saved | SaveError]:
        """What was saved, and what could not be written, since the last look; ``wait`` for all that is under way."""
        while self._jobs and (wait or self._jobs[0].done()):
            try:
                saved = self._jobs.popleft().result()
            except SaveError as error:
                yield error
            else:
                if saved is not None:
                    yield saved

    def close(self) -> None:
        """After the last outcome: end the thread."""
        self._thread.shutdown()

    def _do(self, job: Callable[[], Saved | None]) -> None:
        self._jobs.append(self._thread.submit(job))

    def _append(self, events: Sequence[StepMetrics | EpochMetrics | Divergence]) -> None:
        self._unwritten.extend(events)
        try:
            self._curve.append(self._unwritten)
        except OSError as error:
            raise self._no_room("The curve", error) from error
        self._unwritten.clear()

    def _note(self, record: RunRecord) -> None:
        try:
            write_record(self._folder, record)
        except OSError as error:
            raise self._no_room("How the run stands", error) from error

    def _no_room(self, what: str, error: OSError) -> SaveError:
        return SaveError(f"{what} cannot be written in {self._folder} ({error.strerror or error}); make room.")
