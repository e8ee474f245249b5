"""Checkpoints over time: the checkpoints of one training run, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.checkpoints.run_folder import RunFile, RunFolder
    from cnnviz.engine.observation import Observation


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
    """

    folder: str
    files: tuple[RunFile, ...] = ()
    others: tuple[RunFile, ...] = ()
    left: int = 0


_last: list[tuple[str, int, RunFolder]] = []
"""The run that was looked at last, so that work goes on where a newer scene interrupted it."""


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[EpochsResult]:
    """First the names of the files; then, one by one, what is in each."""
    params = cast(EpochsParams, scene.panel("epochs"))
    if params.folder is None:
        _last.clear()
        yield EpochsResult("")
        return
    run = _run(params, shown_file(scene.network))
    yield _result(run)
    while run.look_at_next():
        yield _result(run)


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
    return EpochsResult(str(run.folder), run.files, run.others, run.left)


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
