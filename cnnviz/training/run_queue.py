"""Runs that wait to be trained in turn, in a file beside the folders of those that were: it outlives every process."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from cnnviz.data.atomic import write_atomically
from cnnviz.data.frozen import Frozen
from cnnviz.training.run_folder import new_run_folder
from cnnviz.training.run_label import RunLabel
from cnnviz.training.settings import TrainingSettings

QUEUE_FILE = "queue.json"


class WaitingRun(Frozen):
    """A run that is to be trained."""

    id: str = Field(pattern=r"^[\w.-]+$", max_length=200, description="name of the folder that it will have")
    settings: TrainingSettings
    label: RunLabel = RunLabel()
    asked: float = Field(0.0, description="when it was asked for, in seconds since 1970")
    trouble: str = Field("", description="why it could not begin; it is passed over until it is to be tried again")


class RunQueue(Frozen):
    """Those that wait, in the order in which they are trained."""

    version: Literal[1] = 1
    waiting: Annotated[tuple[WaitingRun, ...], Field(max_length=1000)] = ()

    @property
    def next(self) -> WaitingRun | None:
        """The one to begin next; None where there is none that is not set aside."""
        return next((run for run in self.waiting if not run.trouble), None)

    def find(self, run_id: str) -> WaitingRun | None:
        """The one of that id; None where it does not wait."""
        return next((run for run in self.waiting if run.id == run_id), None)

    def with_runs(self, runs: Iterable[WaitingRun]) -> RunQueue:
        """With more at its end."""
        return RunQueue(waiting=(*self.waiting, *runs))

    def without(self, run_id: str) -> RunQueue:
        """Without that run, whether it waits or not."""
        return RunQueue(waiting=tuple(run for run in self.waiting if run.id != run_id))

    def moved_up(self, run_id: str) -> RunQueue:
        """With that run one place earlier."""
        runs = list(self.waiting)
        place = next((index for index, run in enumerate(runs) if run.id == run_id), 0)
        if place > 0:
            runs[place - 1 : place + 1] = runs[place], runs[place - 1]
        return RunQueue(waiting=tuple(runs))

    def set_aside(self, run_id: str, trouble: str) -> RunQueue:
        """With that run behind all others, and why it could not begin."""
        aside = [run.model_copy(update={"trouble": trouble}) for run in self.waiting if run.id == run_id]
        return RunQueue(waiting=(*self.without(run_id).waiting, *aside))

    def tried_again(self) -> RunQueue:
        """With none set aside."""
        return RunQueue(waiting=tuple(run.model_copy(update={"trouble": ""}) for run in self.waiting))

    def relabelled(self, run_id: str, label: RunLabel) -> RunQueue:
        """With another label for that run."""
        return RunQueue(
            waiting=tuple(run.model_copy(update={"label": label}) if run.id == run_id else run for run in self.waiting)
        )


def read_queue(parent: Path) -> RunQueue:
    """The queue of the folder of all runs; an empty one where there is none that can be read."""
    try:
        return RunQueue.model_validate_json((parent / QUEUE_FILE).read_bytes())
    except (OSError, ValidationError):
        return RunQueue()


def write_queue(parent: Path, queue: RunQueue) -> None:
    """Raises OSError where it cannot be written; what was there stays."""
    write_atomically(parent / QUEUE_FILE, queue.model_dump_json(indent=1).encode())


def waiting_run(parent: Path, settings: TrainingSettings, label: RunLabel, taken: Collection[str] = ()) -> WaitingRun:
    """A run to be put in the queue, with a folder that neither a run nor one of those ``taken`` has."""
    first = new_run_folder(parent, settings.dataset, settings.network.name).name
    names = [first, *(f"{first}-{number}" for number in range(2, 2000))]
    free = next(name for name in names if name not in taken and not (parent / name).exists())
    return WaitingRun(id=free, settings=settings, label=label, asked=time.time())
