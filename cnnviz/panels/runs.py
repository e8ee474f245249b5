"""Runs: all training runs in a table, those that wait among them, and the curves of some over one another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field

from cnnviz.core.curves import Curves
from cnnviz.engine.observation import Observation
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.runs_curves import Part, Quantity, drawn_runs, overlaid
from cnnviz.panels.runs_names import NamedRun, RunName, names_of
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams
from cnnviz.training.run_changes import ChangeGroup, as_it_ended, differences, one_change
from cnnviz.training.run_folder import runs_folder
from cnnviz.training.run_label import RunLabel
from cnnviz.training.run_queue import WaitingRun, read_queue
from cnnviz.training.run_reader import Along, RunsReader, Standing, StoredRun
from cnnviz.training.settings import TrainingSettings

MOST_SHOWN = 12
SHOWN_AT_FIRST = 5
"""Of the newest ones, while the person has ticked none and they are of no comparison."""

RESULT_SECONDS = 0.25
"""Between two results while much is read."""

_Id = Annotated[str, Field(max_length=200)]


class RunsParams(PanelParams):
    shown: tuple[_Id, ...] | None = Field(
        None, max_length=200, description="runs whose curves are drawn, by their folders' names; none: the newest ones"
    )
    selected: _Id = Field(
        "", description="run that the buttons speak of; where it is none: the last", json_schema_extra={"undo": "none"}
    )
    quantity: Quantity = Field("loss", description="what is drawn")
    part: Part = Field("both", description="of which images")
    along: Along = Field("epochs", description="against what")
    logarithmic: bool = Field(False, description="loss on a logarithmic axis")
    scans: int = Field(0, ge=0, description="how often runs were seen to change", json_schema_extra={"undo": "none"})


@dataclass(frozen=True)
class RunLine:
    """A row of the table.

    Attributes
    ----------
    name, change, beside : str
        As of a :class:`~cnnviz.panels.runs_names.RunName`.
    settings : TrainingSettings
        Of its first step.
    later : tuple of str
        What was changed of them while it was trained, a few words each.
    standing : str
        ``"waiting"``, or as of a :class:`StoredRun`.
    progress : float
        From 0 to 1.
    epochs : (int, int)
        Done, and to be done.
    curve : str
        Name of its curve in the plot; empty where it has none.
    folder : Path or None
        None while it waits.
    trouble : str
        Of one that waits: why it could not begin when it was its turn.
    """

    id: str
    name: str
    change: str
    standing: Standing | Literal["waiting"]
    settings: TrainingSettings
    label: RunLabel
    progress: float = 0.0
    epochs: tuple[int, int] = (0, 0)
    train_loss: float | None = None
    test_loss: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    seconds: float | None = None
    weights: int | None = None
    channels: int | None = None
    curve: str = ""
    is_shown: bool = False
    beside: str = ""
    folder: Path | None = None
    later: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, eq=False)
class RunsResult:
    """All runs in the order in which they were started, then those that wait in the order in which they will be.

    Attributes
    ----------
    selected : str
        The run that the buttons speak of; empty where there is none.
    changes : tuple of ChangeGroup
        Its duplicates with one change.
    reading : bool
        There is more to be read of their curves.
    """

    lines: tuple[RunLine, ...]
    curves: Curves | None
    selected: str
    changes: tuple[ChangeGroup, ...]
    reading: bool


_readers: dict[Path, RunsReader] = {}
"""That of the folder that was looked at last, so that of a curve that grows only what is new is read."""


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[RunsResult]:
    """First the table as far as it is known; then, piece by piece, the curves."""
    params = cast(RunsParams, scene.panel("runs"))
    parent = runs_folder()
    if parent not in _readers:
        _readers.clear()
        _readers[parent] = RunsReader(parent)
    reader = _readers[parent]
    reader.rescan()
    first = params.shown or ()
    shown_at = -RESULT_SECONDS
    while reader.read_more(first):
        if time.monotonic() - shown_at >= RESULT_SECONDS:
            yield _result(reader, params, parent, reading=True)
            shown_at = time.monotonic()
    yield _result(reader, params, parent, reading=False)


def _result(reader: RunsReader, params: RunsParams, parent: Path, *, reading: bool) -> RunsResult:
    stored = reader.runs
    waiting = [run for run in read_queue(parent).waiting if not any(run.id == each.id for each in stored)]
    shown = shown_ids(params, stored)
    begun = [NamedRun(run.id, run.record.first_settings, run.label) for run in stored]
    names = names_of([*begun, *(NamedRun(run.id, run.settings, run.label) for run in waiting)])
    drawn = drawn_runs(stored, shown, names)
    lines = [_stored_line(run, names[run.id], run.id in shown, drawn.get(run.id, "")) for run in stored]
    ticked = params.shown or ()
    lines += [_waiting_line(run, names[run.id], run.id in ticked) for run in waiting]
    selected = next((line for line in lines if line.id == params.selected), lines[-1] if lines else None)
    curves = overlaid(stored, drawn, params.quantity, params.part, params.along, logarithmic=params.logarithmic)
    changes = _changes_of(selected, stored) if selected is not None else ()
    return RunsResult(tuple(lines), curves, selected.id if selected is not None else "", changes, reading)


def _changes_of(line: RunLine, stored: Sequence[StoredRun]) -> tuple[ChangeGroup, ...]:
    """The duplicates of a run: with what was changed on its way from the start, or as it began but for one thing."""
    record = next((run.record for run in stored if run.id == line.id), None)
    ended = as_it_ended(record.first_settings, record.settings) if record is not None else ()
    return (*ended, *one_change(line.settings))


def shown_ids(params: RunsParams, runs: Sequence[StoredRun]) -> tuple[str, ...]:
    """The runs whose curves are drawn, of those that there are: without ticks the last comparison, or the newest."""
    if params.shown is not None:
        chosen = [run.id for run in runs if run.id in params.shown]
    else:
        last = runs[-1].label.comparison if runs else ""
        newest = takewhile(lambda run: run.label.comparison == last, reversed(runs))
        chosen = [run.id for run in newest][::-1] if last else [run.id for run in runs[-SHOWN_AT_FIRST:]]
    return tuple(chosen[-MOST_SHOWN:])


def _stored_line(run: StoredRun, name: RunName, is_shown: bool, curve: str) -> RunLine:
    step, epoch, test = run.last_step, run.last_epoch, run.last_test
    total = max(run.record.total_steps, run.steps, 1)
    return RunLine(
        id=run.id,
        name=name.name,
        change=name.change,
        beside=name.beside,
        standing=run.standing,
        settings=run.record.first_settings,
        label=run.label,
        progress=1.0 if run.standing == "finished" else run.steps / total,
        epochs=(epoch.epoch if epoch is not None else 0, run.record.settings.epochs),
        train_loss=epoch.train_loss if epoch is not None else step.loss if step is not None else None,
        test_loss=test.test_loss if test is not None else None,
        train_accuracy=epoch.train_accuracy if epoch is not None else step.accuracy if step is not None else None,
        test_accuracy=test.test_accuracy if test is not None else None,
        seconds=run.seconds if step is not None else None,
        weights=run.weights,
        channels=run.channels,
        curve=curve,
        is_shown=is_shown,
        folder=run.folder,
        later=differences(run.record.first_settings, run.record.settings),
    )


def _waiting_line(run: WaitingRun, name: RunName, is_shown: bool) -> RunLine:
    return RunLine(
        id=run.id,
        name=name.name,
        change=name.change,
        beside=name.beside,
        standing="waiting",
        settings=run.settings,
        label=run.label,
        epochs=(0, run.settings.epochs),
        is_shown=is_shown,
        trouble=run.trouble,
    )


SPEC = PanelSpec(
    id="runs",
    title="Runs",
    area="right",
    params=RunsParams,
    depends=(),
    compute=compute,
    view="cnnviz.panels.runs_view:RunsView",
    tip="All training runs in a table, their curves over one another, and duplicates with one change.",
)
