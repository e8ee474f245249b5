"""Checkpoints over time: the checkpoints of one training run, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec, Rest
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.checkpoints.run_folder import RunFile, RunFolder
    from cnnviz.core.curves import Curves
    from cnnviz.engine.observation import Observation
    from cnnviz.training.run_reader import RunReading


class EpochsParams(PanelParams):
    folder: str | None = Field(None, max_length=4096, description="Where the checkpoints of the run lie")
    speed: float = Field(
        5.0, ge=0.5, le=30, description="Checkpoints in a second while it plays", json_schema_extra={"undo": "none"}
    )
    repeat: bool = Field(False, description="Begin again after the last one")
    follow: bool = Field(False, description="Show each checkpoint as it comes: for a run that is still training")
    scans: int = Field(
        0, ge=0, description="How often the folder was seen to change", json_schema_extra={"undo": "none"}
    )


@dataclass(frozen=True, eq=False)
class EpochsResult:
    """The run as far as it is known.

    Attributes
    ----------
    files : tuple of RunFile
        In order.
    others : tuple of RunFile
        Files of weights that are none of the run's, with the problem of each.
    left : int
        Files that were not looked at yet.
    curves : Curves or None
        Loss by step, of a run of this program; its checkpoints lie on it.
    """

    folder: str
    files: tuple[RunFile, ...] = ()
    others: tuple[RunFile, ...] = ()
    left: int = 0
    curves: Curves | None = None


_last: list[tuple[str, int, RunFolder]] = []
"""The run that was looked at last, so that work goes on where a newer scene interrupted it."""


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[EpochsResult | Rest]:
    """First the names of the files and the curve of the run; then, one by one, what is in each file."""
    params = cast(EpochsParams, scene.panel("epochs"))
    if params.folder is None:
        _last.clear()
        _readings.clear()
        yield EpochsResult("")
        return
    run = _run(params, shown_file(scene.network))
    yield _result(run)
    reading = _reading_of(run.folder)
    is_new = not _curves
    while reading.read():
        is_new = True
        yield Rest(0.0)
    if is_new:
        found = _loss_curves(reading)
        _curves[:] = [(run.folder, found)]
        if found is not None:
            yield _result(run)
    while run.look_at_next():
        yield _result(run)


_readings: list[tuple[Path, RunReading]] = []
_curves: list[tuple[Path, Curves | None]] = []
"""Of the run that was looked at last: of a curve that grows only what is new is read."""


def _reading_of(folder: Path) -> RunReading:
    from cnnviz.training.run_reader import RunReading

    if not _readings or _readings[0][0] != folder:
        _readings[:] = [(folder, RunReading(folder))]
        _curves.clear()
    return _readings[0][1]


def _loss_curves(reading: RunReading) -> Curves | None:
    from cnnviz.core.curves import Curves, series

    train, test = reading.losses()
    both = (series("train", *train), series("test", *test, points=True))
    drawn = tuple(each for each in both if each.x.size)
    return Curves("Loss", "step", "loss (mean over images)", drawn, whole_x=True) if drawn else None


def shown_file(network: NetworkChoice) -> Path | None:
    """The file of the network; None for what has none."""
    kind, _, name = network.source.partition(":")
    return Path(name) if kind == "file" else None


def _run(params: EpochsParams, shown: Path | None) -> RunFolder:
    from cnnviz.checkpoints.run_folder import RunFolder

    assert params.folder is not None
    if not _last or _last[0][0] != params.folder:
        folder = Path(params.folder)
        of_the_folder = shown if shown is not None and shown.parent == folder else None
        _last[:] = [(params.folder, params.scans, RunFolder(folder, of_the_folder))]
    name, scans, run = _last[0]
    if scans != params.scans:
        run.rescan()
        _last[:] = [(name, params.scans, run)]
    return run


def _result(run: RunFolder) -> EpochsResult:
    curves = next((found for folder, found in _curves if folder == run.folder), None)
    return EpochsResult(str(run.folder), run.files, run.others, run.left, curves)


SPEC = PanelSpec(
    id="epochs",
    title="Checkpoints over time",
    area="right",
    params=EpochsParams,
    depends=(),
    compute=compute,
    view="cnnviz.panels.epochs_view:EpochsView",
    tip="The checkpoints of one training run on a slider: watch filters and answers form.",
)
