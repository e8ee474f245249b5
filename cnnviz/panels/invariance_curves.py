"""Distance and cosine of maps against shift and against elastic warps: all kinds of pooling, or all layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from cnnviz.core.choices import POOLING_WORDS, PoolingKind
from cnnviz.core.network_changes import SwapPooling, with_change
from cnnviz.core.subsampling import subsampling
from cnnviz.engine.input_tensor import as_input
from cnnviz.engine.panel import Cancelled, ComputeCancelled
from cnnviz.panels.invariance import InvarianceParams, InvarianceResult, Picture
from cnnviz.panels.shared.caveats import graph_words, unseen_words
from cnnviz.panels.shared.own_passes import HEAVY, outputs
from cnnviz.panels.shared.unshifted_input import still, unshifted
from cnnviz.panels.shared.windowed_pooling import has_windows, next_pooling, next_stride
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.curves import Curves, Series, Stroke
    from cnnviz.core.graph import Layer, LayerGraph
    from cnnviz.core.invariance import Distances
    from cnnviz.core.trace import TracedNetwork
    from cnnviz.engine.observation import Observation

PIXELS = "input pixels"
UNPOOLED = "not pooled"
STRENGTHS = tuple(float(each) for each in np.linspace(0, 8, 17))
"""Of warps, in pixels."""
MOST_LAYERS = 7
_COARSE = 4
"""Every which point comes first."""
_FEW = 3
"""Points of a network that takes long for each."""

_LOOKS: dict[PoolingKind, tuple[int, Stroke]] = {
    "max": (0, "solid"),
    "blur_max": (0, "dotted"),
    "average": (1, "solid"),
    "blur_average": (1, "dotted"),
    "l2_sum": (2, "solid"),
    "l2_mean": (2, "dotted"),
    "weighted": (3, "solid"),
    "strided": (4, "dash-dotted"),
}
"""Kinds of one family have one colour, and are told apart by their lines."""

Measure = Callable[["Tensor", "Tensor"], "Mapping[str, Distances]"]
"""Of the images in [0, 1]: the one as it is, and its variants."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is measured of each variant, under which names, and what is said of it."""

    measure: Measure
    names: tuple[str, ...]
    words: str
    title: str


@dataclass(eq=False)
class _Kept:
    """Curves as far as they are measured: (2, points) for each name, relative distance and cosine."""

    key: tuple[object, ...]
    found: dict[str, np.ndarray]
    seen: np.ndarray
    result: InvarianceResult


_kept: dict[str, _Kept] = {}
"""The last curves of each subject: a shift that is dragged, and a warp that is looked at, do not change them."""


def against_change(
    scene: Scene, observation: Observation, params: InvarianceParams, cancelled: Cancelled
) -> Iterator[InvarianceResult]:
    """Every fourth point first, then all; goes on where it was stopped."""
    import torch

    image = torch.from_numpy(unshifted(scene, observation))[None]
    pictures: tuple[Picture, ...] = ()
    cursor = scene.input.edits.shift_columns
    if params.subject == "warp":
        pictures, cursor = _warped_pictures(image, params), params.strength
    key = _key(scene, observation, params)
    kept = _kept.get(params.subject)
    kept = kept if kept is not None and _same(kept.key, key) else None
    if kept is not None:
        yield replace(kept.result, cursor=cursor, pictures=pictures)
    elif not params.curves:
        yield InvarianceResult(params.subject, observation.layer.name, "", None, pictures, cursor, 0.0)
    if not params.curves or (kept is not None and kept.result.done >= 1):
        return
    amounts, variants = _variants(image, params)
    plan = _plan(observation, params, cancelled)
    found = {name: np.full((2, len(amounts)), np.nan) for name in plan.names}
    seen = np.zeros(len(amounts), bool)
    if kept is not None:
        found, seen = kept.found, kept.seen
    for chosen in _portions(len(amounts), heavy=observation.network.graph.macs > HEAVY):
        if seen[chosen].all():
            continue
        if cancelled():
            raise ComputeCancelled
        for name, each in plan.measure(image, variants(chosen)).items():
            found[name][:, chosen] = each.relative, each.cosine
        seen[chosen] = True
        curves = _curves(params, plan, np.asarray(amounts)[seen], {name: each[:, seen] for name, each in found.items()})
        done, said = float(seen.mean()), _reading(params, plan)
        unmeasured = _unmeasured(plan, {name: each[:, seen] for name, each in found.items()})
        way = graph_words(observation.network.graph)
        words = " ".join(each for each in (plan.words, way, *unmeasured) if each)
        result = InvarianceResult(params.subject, plan.title, words, curves, pictures, cursor, done, said)
        _kept[params.subject] = _Kept(key, found, seen, result)
        yield result


def _portions(count: int, *, heavy: bool) -> list[np.ndarray]:
    """Which points come together: every fourth first; of heavy networks a few, from far apart to close together."""
    places = np.arange(count)
    if not heavy:
        first = places % _COARSE == 0
        return [places[first], places[~first]]
    steps = [step for step in (16, 8, 4, 2, 1) if step < count]
    found, seen = [], np.zeros(count, bool)
    for step in steps:
        chosen = places[~seen & (places % step == 0)]
        seen[chosen] = True
        found += [chosen[start : start + _FEW] for start in range(0, len(chosen), _FEW)]
    return found


def _key(scene: Scene, observation: Observation, params: InvarianceParams) -> tuple[object, ...]:
    return (
        observation.network.traced,
        observation.rendered.drawn,
        (
            still(scene),
            scene.input.base,
            observation.mean,
            observation.std,
            observation.layer.name,
            params.model_copy(update={"strength": 0.0, "curves": True}),
        ),
    )


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return one[0] is other[0] and one[1] is other[1] and one[2] == other[2]


def _variants(image: Tensor, params: InvarianceParams) -> tuple[tuple[float, ...], Callable[[np.ndarray], Tensor]]:
    from cnnviz.core.invariance import SHIFTS, shifted
    from cnnviz.core.warps import elastic_warps

    if params.subject == "shift":
        return tuple(map(float, SHIFTS)), lambda chosen: shifted(
            image, [(0, SHIFTS[place]) for place in chosen], params.border
        )
    return STRENGTHS, lambda chosen: elastic_warps(
        image, [STRENGTHS[place] for place in chosen], smoothness=params.smoothness
    )


def _warped_pictures(image: Tensor, params: InvarianceParams) -> tuple[Picture, ...]:
    import torch

    from cnnviz.core.mosaic import mosaic
    from cnnviz.core.warps import elastic_warps

    (warped,) = elastic_warps(image, [params.strength], smoothness=params.smoothness)
    both = torch.stack([image[0].mean(0), warped.mean(0)]).clamp(0, 1)
    shown = mosaic(both, columns=2, signed=False, gap=0)
    grey = " in grey" if image.shape[1] > 1 else ""
    warped_by = f"warped by {params.strength:.1f} px on average"
    return (Picture(f"the input{grey}", shown, "photo", ("as it is", warped_by)),)


# what is measured


def _plan(observation: Observation, params: InvarianceParams, cancelled: Cancelled) -> _Plan:
    if params.compare == "layers":
        return _over_layers(observation, cancelled)
    graph, name = observation.network.graph, observation.layer.name
    pooled = next_pooling(graph, name) or next_stride(graph, name)
    if pooled is not None:
        try:
            return _over_kinds(observation, pooled, cancelled)
        except ValueError as error:
            return replace(_over_layers(observation, cancelled), words=f"{error} These are the layers.")
    base = observation.network.base.graph
    if has_windows(base) or any(subsampling(layer, base) for layer in base):
        return _over_networks(observation, cancelled)
    words = f"{observation.network.name} has no pooling with a window that could be another: these are its layers."
    return replace(_over_layers(observation, cancelled), words=words)


class _Passes:
    """Layers' outputs for one image and its variants; those of the image itself are worked out once."""

    def __init__(self, observation: Observation, cancelled: Cancelled) -> None:
        self._observation, self._cancelled = observation, cancelled
        self._unchanged: dict[TracedNetwork, Mapping[str, Tensor]] = {}

    def both(
        self, traced: TracedNetwork, image: Tensor, variants: Tensor, layers: tuple[str, ...]
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        given = as_input(variants, self._observation)
        if traced not in self._unchanged:
            unchanged = as_input(image, self._observation)
            self._unchanged[traced] = outputs(traced, unchanged, layers, self._cancelled)
        return self._unchanged[traced], outputs(traced, given, layers, self._cancelled)


def _over_kinds(observation: Observation, layer: Layer, cancelled: Cancelled) -> _Plan:
    """The map that feeds ``layer``, pooled in every way."""
    from cnnviz.core.invariance import distances, every_kind, pooled_distances
    from cnnviz.core.pooling_feed import pooling_feed

    unseen = unseen_words(observation.network.graph, layer.name)
    if unseen:
        raise ValueError(unseen)
    feed = pooling_feed(observation.network.module, observation.network.graph, layer)
    kinds = every_kind(feed.pooling)
    passes = _Passes(observation, cancelled)

    def measure(image: Tensor, variants: Tensor) -> Mapping[str, Distances]:
        traced = observation.network.traced
        one, others = (feed.maps(each[feed.source]) for each in passes.both(traced, image, variants, (feed.source,)))
        found = pooled_distances(one, others, kinds)
        named = {POOLING_WORDS[cast(PoolingKind, kind)]: found[kind] for kind in kinds}
        return {PIXELS: distances(image, variants), UNPOOLED: found["detector"], **named}

    names = (PIXELS, UNPOOLED, *(POOLING_WORDS[cast(PoolingKind, kind)] for kind in kinds))
    words = f"{feed.title}, pooled in every way; {layer.name} itself {feed.own}."
    return _Plan(measure, names, words, f"{layer.name}, every kind of pooling")


def _over_networks(observation: Observation, cancelled: Cancelled) -> _Plan:
    """A layer behind all pooling, in networks whose pooling is of each kind."""
    from cnnviz.core.invariance import distances

    name = observation.layer.name
    networks = {POOLING_WORDS[kind]: traced for kind, traced in _swapped(observation, name).items()}
    passes = _Passes(observation, cancelled)

    def measure(image: Tensor, variants: Tensor) -> Mapping[str, Distances]:
        found: dict[str, Distances] = {PIXELS: distances(image, variants)}
        for words, traced in networks.items():
            one, others = passes.both(traced, image, variants, (name,))
            found[words] = distances(one[name], others[name])
        return found

    base = observation.network.base.graph
    what = "whose pooling is" if has_windows(base) else "whose strides are pooling"
    words = f"{name} in networks {what} of each kind, their weights untouched."
    return _Plan(measure, (PIXELS, *networks), words, f"{name}, every kind of pooling before it")


_networks: list[tuple[TracedNetwork, dict[PoolingKind, TracedNetwork]]] = []
"""The networks of each kind for the last one that was asked for; they share its weights."""


def _swapped(observation: Observation, name: str) -> dict[PoolingKind, TracedNetwork]:
    import torch

    from cnnviz.core.network_edits import apply
    from cnnviz.core.trace import prepare
    from cnnviz.engine.observation import dtype_of

    network = observation.network
    if not _networks or _networks[0][0] is not network.traced:
        base = network.base
        example = torch.zeros(1, *base.card.input_size, device=base.device, dtype=dtype_of(base.module))
        made: dict[PoolingKind, TracedNetwork] = {}
        for kind in POOLING_WORDS:
            changes = with_change(network.changes, SwapPooling(kind))
            try:
                made[kind] = prepare(apply(base.module, base.graph, changes), example)
            except (ValueError, RuntimeError):
                continue  # this kind does not fit the network; the others tell their part
        _networks[:] = [(network.traced, made)]
    return {kind: traced for kind, traced in _networks[0][1].items() if name in traced.graph}


def _over_layers(observation: Observation, cancelled: Cancelled) -> _Plan:
    from cnnviz.core.invariance import distances

    layers = chosen_layers(observation.network.graph, observation.layer.name)
    passes = _Passes(observation, cancelled)

    def measure(image: Tensor, variants: Tensor) -> Mapping[str, Distances]:
        one, others = passes.both(observation.network.traced, image, variants, layers)
        return {PIXELS: distances(image, variants)} | {
            name: distances(one[name], others[name]) for name in layers if name in one
        }

    words = f"Layers of {observation.network.name}, in their order: how far each is from where it was."
    title = f"{len(layers)} layers" if len(layers) != 1 else layers[0]
    return _Plan(measure, (PIXELS, *layers), words, title)


def chosen_layers(graph: LayerGraph, selected: str) -> tuple[str, ...]:
    """The selected layer and others with work of their own, spread evenly over the depth."""
    working = [
        layer.name
        for layer in graph
        if layer.kind.startswith(("Conv", "Linear")) or ("Pool" in layer.kind and layer.inputs)
    ]
    spread = np.linspace(0, len(working) - 1, MOST_LAYERS).round().astype(int) if working else np.zeros(0, int)
    wanted = {working[place] for place in spread} | {selected}
    return tuple(layer.name for layer in graph if layer.name in wanted and layer.kind != "Input")


def _unmeasured(plan: _Plan, found: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Which names have no number at all, and why."""
    without = [name for name in plan.names if np.isnan(found[name]).all()]
    if not without:
        return ()
    which = "any of them" if len(without) >= len(plan.names) - 1 else ", ".join(without)
    return (f"No curve for {which}: the map is zero everywhere, not reached, or its values are not finite.",)


def _reading(params: InvarianceParams, plan: _Plan) -> str:
    """What the ends of the scale mean, and what the curves are compared with."""
    done = "shifted" if params.subject == "shift" else "warped"
    ends = "0: the map stays as the input is {}; 1: it changes by as much as it is large."
    if params.measure == "cosine":
        ends = "1: the direction of the map stays as the input is {}; 0: nothing of it is left."
    dotted = ", grey and dotted the map before it is pooled" if UNPOOLED in plan.names else ""
    return f"{ends.format(done)} Grey and dashed are the pixels themselves{dotted}."


def _curves(params: InvarianceParams, plan: _Plan, amounts: np.ndarray, found: Mapping[str, np.ndarray]) -> Curves:
    from cnnviz.core.curves import Curves, series

    row = 0 if params.measure == "distance" else 1
    looks: dict[str, tuple[int | None, Stroke]] = {POOLING_WORDS[kind]: look for kind, look in _LOOKS.items()}
    looks[UNPOOLED] = None, "dotted"

    def line(name: str) -> Series:
        hue, stroke = looks.get(name, (None, "solid"))
        return series(name, amounts, found[name][row], reference=name in (PIXELS, UNPOOLED), hue=hue, stroke=stroke)

    shift = params.subject == "shift"
    return Curves(
        f"{plan.title} against {'shift' if shift else 'elastic warp'}",
        "shift (input pixels)" if shift else "mean displacement (input pixels)",
        "‖p(x) − p(Tx)‖ / ‖p(x)‖" if row == 0 else "cosine of p(x) and p(Tx)",
        tuple(map(line, plan.names)),
    )
