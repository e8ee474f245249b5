"""Two trainings side by side: a good and a bad one that are made here; or this network and another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cnnviz.engine.panel import Cancelled, Rest
from cnnviz.panels.shared.labelled_samples import (
    LOADING_S,
    DataChoice,
    LabelledSamples,
    data_choice,
    labelled_samples,
)
from cnnviz.panels.units_over_samples import (
    PairSide,
    UnitsOverSamplesParams,
    UnitsOverSamplesResult,
    Work,
    first_samples,
    look_of,
    rest_of_samples,
    work_of,
)
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.training.good_and_bad import HIDDEN, PAIRS, PairName

if TYPE_CHECKING:
    from cnnviz.engine.network_host import NetworkHost
    from cnnviz.engine.observation import LoadedNetwork, Observation
    from cnnviz.training.side_by_side import GettingReady, HiddenUnits, SideBySide

STEP_S = 0.06
"""So long it is trained between two looks at whether anything else is to be done."""
PICTURE_S = 0.3
"""Between two pictures of the hidden units while they are trained."""
MOST_KEPT = 8


@dataclass(eq=False)
class _Training:
    """A pair on its way or done; ``sources`` name the two networks once they are handed over."""

    key: tuple[PairName, int]
    both: SideBySide
    sources: tuple[str, str] = ("", "")
    shown: tuple[tuple[object, ...], UnitsOverSamplesResult] | None = field(default=None)


_trained: list[_Training] = []
"""The last pairs, the newest first."""
_ready: list[GettingReady] = []


def side_by_side(
    scene: Scene, observation: Observation, params: UnitsOverSamplesParams, cancelled: Cancelled
) -> Iterator[UnitsOverSamplesResult | Rest]:
    """What ``params.pair`` asks for."""
    if params.pair in PAIRS:
        yield from _good_and_bad(cast(PairName, params.pair), params)
    else:
        yield from _with_another(scene, observation, params, cancelled)


# a good and a bad training


def _good_and_bad(name: PairName, params: UnitsOverSamplesParams) -> Iterator[UnitsOverSamplesResult | Rest]:
    from cnnviz.training.side_by_side import GettingReady, SideBySide

    key = (name, params.seed)
    held = next((each for each in _trained if each.key == key), None)
    if held is None:
        if not params.training:
            yield UnitsOverSamplesResult(
                message=f"{PAIRS[name].words} Press Train both: two small networks learn the digits, in some seconds."
            )
            return
        yield UnitsOverSamplesResult(total=1, message="Getting images and networks ready.")
        if not _ready:
            _ready.append(GettingReady())
        while not _ready[0].done:
            yield Rest(STEP_S)
        held = _Training(key, SideBySide(PAIRS[name], params.seed))
        _trained[:] = [held, *_trained[: MOST_KEPT - 1]]
    yield _shown(held, params)
    due = time.monotonic() + PICTURE_S
    while params.training and held.both.advance(STEP_S):
        if time.monotonic() >= due:
            yield _shown(held, params)
            due = time.monotonic() + PICTURE_S
        else:
            yield Rest(0)
    yield _shown(held, params)


def _shown(held: _Training, params: UnitsOverSamplesParams) -> UnitsOverSamplesResult:
    import numpy as np

    from cnnviz.core.unit_order import balanced_choice
    from cnnviz.panels.units_over_samples_passes import Columns
    from cnnviz.panels.units_over_samples_pictures import Look, pictures

    both, pair = held.both, PAIRS[held.key[0]]
    steps = tuple(side.trainer.step for side in both.sides)
    key = (steps, both.over, params.samples, params.order, params.scale)
    if held.shown is not None and held.shown[0] == key:
        return held.shown[1]
    if both.over and not held.sources[0]:
        held.sources = _handed_over(both)
    numbers = balanced_choice(both.labels, params.samples)
    names = both.sides[0].card.labels
    choice = DataChoice("digits", None, "the pair is trained on it")
    samples = LabelledSamples(choice, both.pixels[numbers], both.labels[numbers], numbers, names)
    found = [side.look() for side in both.sides]
    looks = []
    for side, hidden in zip(both.sides, found, strict=True):
        units = np.arange(hidden.activations.shape[1])
        columns = Columns(units, None, len(units))
        looks.append(Look(side.recipe.title, HIDDEN, hidden.kind, hidden.activations[numbers], columns, samples))
    drawn = pictures(looks, params.order, shared=params.scale == "shared")
    sides = tuple(
        PairSide(title, _words(recipe.title, hidden), picture, source)
        for title, recipe, hidden, picture, source in zip(
            ("good", "bad"), (pair.good, pair.bad), found, drawn, held.sources, strict=True
        )
    )
    total = 1000
    result = UnitsOverSamplesResult(
        choice, sides=sides, done=total if both.over else int(both.share * total), total=total, message=pair.words
    )
    held.shown = (key, result)
    return result


def _words(title: str, hidden: HiddenUnits) -> str:
    done = f"step {hidden.step:,} of {hidden.steps:,}" if hidden.step < hidden.steps else f"{hidden.steps:,} steps"
    ended = ", where it diverged" if hidden.ended else ""
    return f"{100 * hidden.accuracy:.1f} % right · {title} · {done}{ended}"


def _handed_over(both: SideBySide) -> tuple[str, str]:
    """Names under which the two networks open in all panels."""
    from cnnviz.engine.live import hand_over

    good, bad = (hand_over(side.module.eval(), side.card) for side in both.sides)
    return good, bad


# this network and another one


_own: list[Work] = []
_other: list[Work] = []
_earlier: list[NetworkHost] = []
"""Loads the first checkpoint of a run, apart from the network that Compare two has loaded."""


def _with_another(
    scene: Scene, observation: Observation, params: UnitsOverSamplesParams, cancelled: Cancelled
) -> Iterator[UnitsOverSamplesResult | Rest]:
    from cnnviz.engine.input_tensor import moments

    wanted = _wanted(scene, observation, params)
    if isinstance(wanted, str):
        yield UnitsOverSamplesResult(message=wanted)
        return
    yield UnitsOverSamplesResult(total=1, message=f"Opening {_name_of(wanted)}.")
    yield Rest(0)
    other, why_not = _loaded(wanted, observation, params.pair)
    layer = observation.layer.name
    if other is not None and layer not in other.graph:
        why_not = f"{other.name} has no layer called {layer}; select one that both networks have."
    if other is None or why_not:
        yield UnitsOverSamplesResult(message=why_not)
        return
    networks = (observation.network, other)
    choice = data_choice(params.data, observation.network, scene)
    runs: list[Any] = []
    for network, kept in zip(networks, (_own, _other), strict=True):
        samples = None
        while samples is None:
            samples = labelled_samples(choice, network, params.samples, LOADING_S)
            if samples is None:
                yield UnitsOverSamplesResult(choice, total=1, message=f"Reading the images of {choice.title}.")
        runs.append(work_of(kept, network, layer, moments(scene, network), params.maps, samples).run)
    for pause in first_samples(runs, params.stopped, cancelled):
        yield pause or UnitsOverSamplesResult(choice, total=1, message="Passing the first samples.")
    if not all(run.done for run in runs):
        yield UnitsOverSamplesResult(choice, total=len(runs[0].samples), message="Stopped before the first sample.")
        return
    yield _both_shown(runs, params, wanted, choice)
    for pause in rest_of_samples(runs, params.stopped, cancelled):
        yield pause or _both_shown(runs, params, wanted, choice)


def _wanted(scene: Scene, observation: Observation, params: UnitsOverSamplesParams) -> NetworkChoice | str:
    """The other network; or why there is none, and what to do."""
    if params.pair == "compared":
        chosen = getattr(scene.panel("compare"), "other", None)
        return chosen or "No other network is chosen: choose one in the panel Compare two, at its top right."
    folder = getattr(scene.panel("epochs"), "folder", None)
    if folder is None:
        return "No run is open: open a folder of checkpoints (Ctrl+Shift+O), or begin a training."
    from cnnviz.checkpoints.run_folder import RunFolder

    files = RunFolder(Path(folder)).files
    if not files:
        return f"{Path(folder).name} has no checkpoint yet; wait for the first, or open another folder."
    return NetworkChoice(source=f"file:{files[0].path}", device=scene.network.device)


def _loaded(wanted: NetworkChoice, observation: Observation, pair: str) -> tuple[LoadedNetwork | None, str]:
    """The network, or why it is none."""
    from cnnviz.engine.network_host import NetworkHost, NetworkUnavailable

    try:
        if pair == "compared" and observation.other is not None:
            found = observation.other.load(wanted)
            return found.network, found.why_not
        if not _earlier:
            _earlier.append(NetworkHost())
        return _earlier[0].load(wanted), ""
    except NetworkUnavailable as error:
        return None, str(error)


def _both_shown(
    runs: list[Any], params: UnitsOverSamplesParams, wanted: NetworkChoice, choice: DataChoice
) -> UnitsOverSamplesResult:
    from cnnviz.panels.units_over_samples_pictures import pictures

    titles = (runs[0].network.title, _name_of(wanted))
    drawn = pictures(
        [look_of(run, title) for run, title in zip(runs, titles, strict=True)],
        params.order,
        shared=params.scale == "shared",
    )
    sides = tuple(
        PairSide(title, f"{picture.layer} of {picture.network}", picture)
        for title, picture in zip(("this network", "the other"), drawn, strict=True)
    )
    done = min(run.done for run in runs)
    return UnitsOverSamplesResult(choice, sides=sides, done=done, total=len(runs[0].samples))


def _name_of(choice: NetworkChoice) -> str:
    name = choice.source.partition(":")[2]
    return Path(name).name if choice.source.startswith("file:") else name
