"""Paths of the trainer's optimisers on functions of two numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from cnnviz.core.curves import Curves, series
from cnnviz.core.surface_map import SurfaceMap, SurfacePath
from cnnviz.core.surfaces import SURFACES, SurfaceName, batches_of, least_squares
from cnnviz.engine.panel import Rest
from cnnviz.panels.landscape import POINTS, LandscapeParams, LandscapeResult, Pair
from cnnviz.panels.landscape_looks import LOOKS, TITLES

if TYPE_CHECKING:
    from cnnviz.training.choices import Optimizer
    from cnnviz.training.descent import Descender, Descent, LossAndGradient
    from cnnviz.training.settings import TrainingSettings

COLUMNS, ROWS = 201, 161
"""Places of the map."""
WAIT_S = 0.02
"""Between two looks at whether optimisers can be made."""
AT_ONCE = 40
"""Steps of each path between two looks at whether something newer is asked for."""
KEPT = 64
"""Paths that are kept, so that what changes for one optimiser does not begin all others anew."""
LEAST_SHOWN = 1e-10
"""Smaller losses are rounding."""
CRAWL = 0.9
"""A path whose loss is still more than this share of the first one crawls."""


class Walk(Protocol):
    """An optimiser on its way."""

    def descent(self) -> Descent: ...


_walks: dict[tuple[object, ...], Descender] = {}


@lru_cache(maxsize=8)
def function_map(name: SurfaceName) -> SurfaceMap:
    """The heights of a function, on a logarithmic scale above its least value."""
    from cnnviz.core.surface_map import height_scale, surface_map

    surface = SURFACES[name]
    values = surface.value(np.linspace(*surface.x, COLUMNS)[None, :], np.linspace(*surface.y, ROWS)[:, None])
    scale = height_scale(values, surface.floor, surface.softness)
    labels = (surface.x_label, surface.y_label, "loss")
    return surface_map(values, surface.x, surface.y, scale, labels, surface.title, surface.minima)


def paths_on_function(params: LandscapeParams) -> Iterator[LandscapeResult | Rest]:
    """The map at once; then some steps of each path at a time, until all are whole or have diverged."""
    from cnnviz.training.first_optimizer import is_optimizer_ready

    if not is_optimizer_ready():
        alone = _result(params, params.start or SURFACES[_name(params)].start, [], [])
        yield replace(alone, words="Loading the optimisers.", working=True)
        while not is_optimizer_ready():
            yield Rest(WAIT_S)
    surface = SURFACES[_name(params)]
    start = params.start or surface.start
    noisy = params.surface == "least-squares" and params.batch < POINTS
    walks = {name: _walk(params, start, name, params.batch if noisy else POINTS) for name in params.optimizers}
    full = {name: _walk(params, start, name, POINTS) for name in params.optimizers} if noisy else {}
    going = [*walks.values(), *full.values()]
    while True:
        for walk in going:
            walk.advance(min(AT_ONCE, params.steps - walk.steps))
        yield _result(params, start, descents_of(walks, params.steps), descents_of(full, params.steps))
        going = [walk for walk in going if walk.steps < params.steps and walk.diverged is None]
        if not going:
            return


def _name(params: LandscapeParams) -> SurfaceName:
    """The function's; what is no function has paths elsewhere."""
    return cast(SurfaceName, params.surface)


def _walk(params: LandscapeParams, start: Pair, name: Optimizer, batch: int) -> Descender:
    from cnnviz.training.descent import Descender

    surface = SURFACES[_name(params)]
    settings = path_settings(name, params)
    key = (params.surface, start, name, settings.learning_rate, settings.momentum, params.halve, batch)
    walk = _walks.pop(key, None) or Descender(_function(_name(params), batch), start, settings, floor=surface.floor)
    _walks[key] = walk  # last used, last forgotten
    while len(_walks) > KEPT:
        del _walks[next(iter(_walks))]
    return walk


def path_settings(name: Optimizer, params: LandscapeParams) -> TrainingSettings:
    """The settings of a training run that would take these steps."""
    from cnnviz.training.settings import TrainingSettings

    return TrainingSettings(
        optimizer=name,
        learning_rate=params.learning_rate,
        momentum=params.momentum if name in ("momentum", "nesterov") else 0.9,
        schedule="halve-on-divergence" if params.halve else "constant",
    )


def _function(name: SurfaceName, batch: int) -> LossAndGradient:
    surface = SURFACES[name]
    gradient: Callable[[float, float, int], Pair] = lambda x, y, step: surface.gradient(x, y)  # noqa: E731
    if name == "least-squares" and batch < POINTS:
        points, data = batches_of(POINTS, batch), least_squares()
        gradient = lambda x, y, step: data.batch_gradient(x, y, points(step))  # noqa: E731
    return lambda x, y, step: (float(surface.value(x, y)), gradient(x, y, step))


def descents_of(walks: Mapping[Optimizer, Walk], steps: int) -> list[Descent]:
    """The first ``steps`` steps of each path."""
    found = []
    for walk in walks.values():
        whole = walk.descent()
        diverged = whole.diverged if whole.diverged is not None and whole.diverged <= steps else None
        cuts = tuple(cut for cut in whole.cuts if cut <= steps)
        points, losses = whole.points[: steps + 1], whole.losses[: steps + 1]
        found.append(
            replace(whole, points=points, losses=losses, rates=whole.rates[:steps], diverged=diverged, cuts=cuts)
        )
    return found


def _result(params: LandscapeParams, start: Pair, walked: list[Descent], full: list[Descent]) -> LandscapeResult:
    surface = SURFACES[_name(params)]
    return LandscapeResult(
        function_map(_name(params)),
        (*surface_paths(full, faint=True), *surface_paths(walked)),
        loss_curves(walked, full, surface.floor),
        start,
        params.steps,
        words_of(walked, surface.floor, params.steps),
        _note(params),
    )


def surface_paths(walked: Sequence[Descent], *, faint: bool = False) -> tuple[SurfacePath, ...]:
    """The paths as they are drawn on the map."""
    return tuple(
        SurfacePath(
            f"{TITLES[each.optimizer]}{', full gradient' if faint else ''}", each.points, *LOOKS[each.optimizer], faint
        )
        for each in walked
    )


def loss_curves(walked: Sequence[Descent], full: Sequence[Descent], floor: float) -> Curves:
    """Loss above ``floor`` against the step; that of the full gradient dotted."""
    lines = []
    for each, is_full in [*((each, False) for each in walked), *((each, True) for each in full)]:
        above = each.losses - floor
        above = np.where(above > LEAST_SHOWN, above, np.nan)
        hue, stroke = LOOKS[each.optimizer]
        name = f"{TITLES[each.optimizer]}{', full gradient' if is_full else ''}"
        lines.append(series(name, np.arange(len(above)), above, hue=hue, stroke="dotted" if is_full else stroke))
    label = "loss" if floor == 0 else "loss above the least"
    return Curves("Loss, step by step", "step", label, tuple(lines), logarithmic=True, whole_x=True)


def words_of(walked: Sequence[Descent], floor: float, steps: int) -> str:
    """What has become of each path."""
    parts = []
    for each in walked:
        name, above = TITLES[each.optimizer], each.losses - floor
        last = float(above[np.isfinite(each.points[:, 0])][-1])
        if each.diverged is not None:
            parts.append(f"{name} diverged after {each.diverged} step{'s' if each.diverged > 1 else ''}")
            continue
        word = f"{name} crawls at {_short(last)}" if last > CRAWL * above[0] else f"{name} {_short(last)}"
        if each.cuts:
            times = "once" if len(each.cuts) == 1 else f"{len(each.cuts)} times"
            word += f" (halved {times}, to {each.rates[-1]:.3g})"
        parts.append(word)
    if not parts:
        return "Click a name above to let an optimiser walk."
    return f"Loss{' above the least' if floor else ''} after {steps} steps: {' · '.join(parts)}."


def _short(value: float) -> str:
    mantissa, mark, exponent = f"{value:.3g}".partition("e")
    return (
        "0 but for rounding"
        if value <= LEAST_SHOWN
        else f"{mantissa}e{int(exponent)}".replace("-", "−")
        if mark
        else mantissa
    )


def _note(params: LandscapeParams) -> str:
    if params.surface != "least-squares":
        return SURFACES[_name(params)].note
    if params.batch == POINTS:
        return SURFACES["least-squares"].note
    a_epoch = -(-POINTS // params.batch)
    return f"{params.batch} of {POINTS} points a step, {a_epoch} steps an epoch; thin lines: the full gradient."
