"""Units over samples: what the units of a layer do over many samples, in a good training and in a bad one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.core.choices import ColourScale, UnitOrder
from cnnviz.data.facts import DATA
from cnnviz.engine.panel import Cancelled, PanelSpec, Rest
from cnnviz.panels.shared.labelled_samples import AUTO, LOADING_S, DataChoice, data_choice, labelled_samples
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.engine.observation import LoadedNetwork, Observation
    from cnnviz.panels.shared.labelled_samples import LabelledSamples
    from cnnviz.panels.units_over_samples_passes import ActivationRun, Maps, Moments
    from cnnviz.panels.units_over_samples_pictures import Look, UnitPicture

Page = Literal["samples", "correlation", "pair"]
PairKind = Literal["sigmoid", "learning-rate", "start", "compared", "earlier"]

LIVE_S = 0.03
"""What the passes of new weights may take before the first picture; fewer samples are shown where it is not enough."""
LEAST = 20
"""Samples of the first picture, however slow the network is."""
SLOW_S = 0.25
"""Where the least takes longer, the picture of the weights before stays until the new ones rest."""
REST_S = 0.4
REFRESH_S = 0.25
"""Between two pictures that are refined."""


class UnitsOverSamplesParams(PanelParams):
    page: Page = Field(
        "samples",
        description="units over samples, their correlation, or two trainings",
        json_schema_extra={"undo": "none"},
    )
    data: str = Field(
        AUTO,
        pattern=rf"^({AUTO}|{'|'.join(DATA)}|folder:.+)$",
        max_length=4096,
        description="the images: of the data set that the network was trained on, or of another one",
    )
    samples: int = Field(200, ge=20, le=2000, multiple_of=20, description="How many test images, as many of each class")
    maps: Literal["mean", "max", "every"] = Field(
        "mean", description="a column is a feature map's mean, its largest value, or every single unit"
    )
    order: UnitOrder = Field("as-is", description="order of the units")
    scale: ColourScale = Field("shared", description="one colour scale for both trainings, or each its own")
    pair: PairKind = Field("sigmoid", description="which two trainings are put side by side")
    stopped: bool = Field(False, description="pass no more samples", json_schema_extra={"undo": "none"})
    training: bool = Field(False, description="train the pair", json_schema_extra={"undo": "none"})
    seed: int = Field(0, ge=0, le=999, description="of both trainings")


@dataclass(frozen=True, eq=False)
class PairSide:
    """One of two networks: ``words`` says how it was trained and how good it is; ``source`` names it where it opens."""

    title: str
    words: str
    picture: UnitPicture | None
    source: str = ""


@dataclass(frozen=True, eq=False)
class UnitsOverSamplesResult:
    """
    Attributes
    ----------
    picture : UnitPicture or None
        Of the selected layer.
    sides : tuple of PairSide
        The good training and the bad one; or this network and another; empty before there is anything.
    done, total : int
        Samples passed, or steps trained.
    stale : bool
        The picture is that of earlier weights or another layer.
    message : str
        What there is to say in place of a picture, or beside it.
    """

    choice: DataChoice | None = None
    picture: UnitPicture | None = None
    sides: tuple[PairSide, ...] = ()
    done: int = 0
    total: int = 0
    stale: bool = False
    message: str = ""

    @property
    def finished(self) -> bool:
        return 0 < self.total <= self.done


@dataclass(eq=False)
class Work:
    """The passes for one state of the weights, and the last picture that was made of them."""

    key: tuple[object, ...]
    run: ActivationRun
    shown: tuple[tuple[object, ...], UnitPicture] | None = field(default=None)


_work: list[Work] = []
_last: list[UnitsOverSamplesResult] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[UnitsOverSamplesResult | Rest]:
    """A few samples first, so that it follows a training; all of them when the weights rest."""
    params = cast(UnitsOverSamplesParams, scene.panel("units-over-samples"))
    if params.page == "pair":
        from cnnviz.panels.units_over_samples_pair import side_by_side

        yield from side_by_side(scene, observation, params, cancelled)
    else:
        yield from _over_samples(scene, observation, params, cancelled)


def _over_samples(
    scene: Scene, observation: Observation, params: UnitsOverSamplesParams, cancelled: Cancelled
) -> Iterator[UnitsOverSamplesResult | Rest]:
    choice = data_choice(params.data, observation.network, scene)
    samples = None
    while samples is None:
        # the very first answer must not keep the other panels waiting
        samples = labelled_samples(choice, observation.network, params.samples, LOADING_S if _last else 0.01)
        if samples is None:
            yield UnitsOverSamplesResult(choice, message=f"Reading the images of {choice.title}.")
    work = work_of(_work, observation.network, observation.layer.name, _moments(observation), params.maps, samples)
    run = work.run
    for found in first_samples((run,), params.stopped, cancelled):
        if isinstance(found, Rest):
            yield found
        elif _last:
            yield replace(_last[0], stale=True, done=0, total=len(samples))
        else:
            yield UnitsOverSamplesResult(choice, total=len(samples), message="Passing the first samples.")
    if run.done:
        yield _shown(work, params, choice)
    elif params.stopped:
        yield UnitsOverSamplesResult(choice, total=len(samples), message="Stopped before the first sample.")
    for pause in rest_of_samples((run,), params.stopped, cancelled):
        yield pause or _shown(work, params, choice)


def first_samples(runs: Sequence[ActivationRun], stopped: bool, cancelled: Cancelled) -> Iterator[Rest | None]:
    """Pass as many samples as a picture that follows a training has; at once where that is quick.

    Where it is not, None says that what was shown before stays a while.
    """
    for run in runs:
        if stopped or run.done:
            continue
        if math.isnan(run.pace):
            run.advance(2, cancelled)
    waits = sum(max(_first_count(run) - run.done, 0) * run.pace for run in runs if not run.finished)
    if stopped or math.isnan(waits):
        return
    slow = waits > SLOW_S * len(runs)
    if slow:
        yield None
        yield Rest(REST_S)
    for run in runs:
        first = _first_count(run)
        while run.done < min(first, len(run.samples)):
            run.advance(1 if slow else first - run.done, cancelled)
            if slow:
                yield Rest(0)


def rest_of_samples(runs: Sequence[ActivationRun], stopped: bool, cancelled: Cancelled) -> Iterator[Rest | None]:
    """Pass all that are left, once the weights rest; None whenever it is time for another picture."""
    if stopped or all(run.finished for run in runs):
        return
    yield Rest(REST_S)
    due = time.monotonic() + REFRESH_S
    while not all(run.finished for run in runs):
        run = min((each for each in runs if not each.finished), key=lambda each: each.done)
        run.advance(1 if run.pace > REFRESH_S else 8, cancelled)
        if time.monotonic() >= due or all(each.finished for each in runs):
            yield None
            due = time.monotonic() + REFRESH_S
        else:
            yield Rest(0)


def _first_count(run: ActivationRun) -> int:
    """As many samples as fit the time for live pictures; all where that is nearly all."""
    total = len(run.samples)
    if math.isnan(run.pace):
        return min(LEAST, total)
    count = max(int(LIVE_S / max(run.pace, 1e-6)), LEAST)
    # in tens, so that the rows of a picture that follows a training do not dance with the pace
    count -= count % 10 if count >= 2 * LEAST else 0
    return total if count >= 0.8 * total else count


def _moments(observation: Observation) -> Moments:
    return observation.mean, observation.std


def work_of(
    kept: list[Work], network: LoadedNetwork, layer: str, moments: Moments, maps: Maps, samples: LabelledSamples
) -> Work:
    """What was begun for these weights, layer and samples, of which ``kept`` holds the last; else it begins anew."""
    from cnnviz.panels.units_over_samples_passes import ActivationRun

    key = (network.traced, network.generation, layer, moments, maps, samples)
    if not kept or not _same(kept[0].key, key):
        kept[:] = [Work(key, ActivationRun(network, layer, moments, samples, maps))]
    return kept[0]


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return one[0] is other[0] and one[-1] is other[-1] and one[1:-1] == other[1:-1]


def _shown(work: Work, params: UnitsOverSamplesParams, choice: DataChoice) -> UnitsOverSamplesResult:
    from cnnviz.panels.units_over_samples_pictures import pictures

    run = work.run
    key = (run.done, params.order)
    if work.shown is None or work.shown[0] != key:
        (picture,) = pictures([look_of(run)], params.order)
        work.shown = (key, picture)
    result = UnitsOverSamplesResult(choice, work.shown[1], done=run.done, total=len(run.samples))
    _last[:] = [result]
    return result


def look_of(run: ActivationRun, title: str = "") -> Look:
    """What a run has found so far."""
    from cnnviz.panels.units_over_samples_pictures import Look

    assert run.columns is not None
    layer = next(each for each in run.network.graph if each.name == run.layer)
    of_maps = run.maps if len(layer.output_shape) > 1 and run.columns.cells is None else ""
    name = title or run.network.title
    lows, highs = run.extremes
    return Look(name, run.layer, layer.kind, run.values, run.columns, run.samples, of_maps, lows, highs)


SPEC = PanelSpec(
    id="units-over-samples",
    title="Units over samples",
    area="centre",
    params=UnitsOverSamplesParams,
    depends=("network", "layer"),
    reads=("training", "compare", "epochs"),
    compute=compute,
    view="cnnviz.panels.units_over_samples_view:UnitsOverSamplesView",
    tip="What each unit of the selected layer does over many images: sparse, silent, always on, correlated.",
)
