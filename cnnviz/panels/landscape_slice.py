"""A slice through the loss of the open network, computed coarse first, and the optimisers' paths on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.core.surface_map import SurfaceMap, SurfacePath
from cnnviz.engine.panel import Rest
from cnnviz.panels.landscape import POINTS, LandscapeParams, LandscapeResult, Pair
from cnnviz.panels.landscape_data import SliceBatch, batch_for, data_set_of
from cnnviz.panels.landscape_paths import descents_of, loss_curves, surface_paths, words_of
from cnnviz.panels.landscape_run import RunCheckpoint, checkpoints_of
from cnnviz.panels.landscape_slice_walks import walks_of
from cnnviz.panels.landscape_slice_work import Slice, compute_one
from cnnviz.panels.shared.rest_before_refining import RestBeforeRefining

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cnnviz.core.surface_map import HeightScale
    from cnnviz.engine.observation import Observation

SHOW_EVERY_S = 0.25
"""Between two pictures of a slice that is being computed."""
BREATH_S = 0.002
"""Of a breath: what is newer comes in between any two passes, and the window needs the interpreter too."""
PATH_TURNS = 4
"""The map has one turn of so many, the paths have the others."""
WORK_S = 0.02
"""From one breath to the next."""
SOFTNESS = 0.1
"""Of the heights' logarithmic scale, in units of the least loss found, but at least of LEAST_SOFTNESS."""
LEAST_SOFTNESS = 0.02
PATH_MARGIN = 0.25
"""The slice goes so much further than the run's path, as a share of its extent."""

_slices: list[Slice] = []
_rest = RestBeforeRefining()


def slice_of_network(params: LandscapeParams, observation: Observation) -> Iterator[LandscapeResult | Rest]:
    """What is there already at once; then the finer lattices and the paths, pass by pass."""
    if observation.network.lacks:
        raise ValueError("The file is no whole network, and has no loss. Choose a function above.")
    if not params.asked:
        words = "Press Compute to cut through the loss of the open network."
        yield LandscapeResult(None, (), None, None, params.steps, words, _data_words(params, observation))
        return
    key = _key(params, observation)
    known = _slices[0] if _slices and _slices[0].key == key else None
    if known is None and not params.running:
        shown = _slices[0] if _slices else None
        words = "Cancelled. Press Compute to begin anew."
        if shown is not None:
            yield _result(shown, params, observation, words=words)
        else:
            yield LandscapeResult(None, (), None, None, params.steps, words, _data_words(params, observation))
        return
    if known is None:
        words = "Reading the images."
        yield LandscapeResult(None, (), None, None, params.steps, words, _data_words(params, observation), True)
        yield Rest(BREATH_S)
        batch = batch_for(params, observation)
        while batch is None:
            yield Rest(BREATH_S)
            batch = batch_for(params, observation)
        checkpoints = []
        for each in checkpoints_of(observation) if params.directions == "path" else ():
            checkpoints.append(each)
            yield Rest(BREATH_S)
        known = _new_slice(key, params, observation, batch, checkpoints)
        _slices[:] = [known]
    else:
        yield _last_result(known, params, observation)
    if not params.running:
        return
    yield _rest.after(observation.rendered.edited)
    yield from _worked(known, params, observation)


def _worked(slice_: Slice, params: LandscapeParams, observation: Observation) -> Iterator[LandscapeResult | Rest]:
    """Some images for the map, then some for a path, and so on; a picture where something is to be seen."""
    from cnnviz.training.first_optimizer import is_optimizer_ready

    is_optimizer_ready()  # begins to load what the paths take
    breath = _Breath()
    while slice_.level == 0:
        compute_one(slice_)
        yield breath.rest()
    while not is_optimizer_ready():
        yield Rest(BREATH_S)
    yield _result(slice_, params, observation)
    walks = walks_of(slice_, params, _start(slice_, params))
    turn, steps, shown = 0, 0, time.monotonic()
    while True:
        going = [walk for walk in walks.values() if walk.goes_on(params.steps)]
        if slice_.finished and not going:
            break
        # one or the other, so that nothing that is newer waits for both; a path's parts are smaller
        if going and (slice_.finished or turn % PATH_TURNS):
            going[steps % len(going)].advance()
            steps += 1
        else:
            compute_one(slice_)
        turn += 1
        if time.monotonic() - shown > SHOW_EVERY_S:
            shown = time.monotonic()
            yield _result(slice_, params, observation)
        else:
            yield breath.rest()
    yield _result(slice_, params, observation)


class _Breath:
    """A short rest now and then; none between most passes, at each of which something newer may still come in."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def rest(self) -> Rest:
        now = time.monotonic()
        if now - self._last < WORK_S:
            return Rest(0.0)
        self._last = now + BREATH_S
        return Rest(BREATH_S)


def _key(params: LandscapeParams, observation: Observation) -> tuple[object, ...]:
    data = (data_set_of(params, observation), params.images, observation.mean, observation.std)
    lies = (params.directions, params.reach, params.draw, params.detail)
    return params.asked, observation.network.source, observation.network.changes, data, lies


def _new_slice(
    key: tuple[object, ...],
    params: LandscapeParams,
    observation: Observation,
    batch: SliceBatch,
    checkpoints: list[RunCheckpoint],
) -> Slice:
    from cnnviz.core.loss_slice import grid_levels, path_plane, random_plane

    network = observation.network
    outputs = _outputs(network.module, batch)
    if outputs.dim() != 2:
        raise ValueError(
            "The network answers with maps, not with classes: it has no such loss. Choose a function above."
        )
    classes = int(batch.labels.max()) + 1
    if classes > max(outputs.shape[1], 2):
        raise ValueError(f"{batch.title} has {classes} classes, the network {outputs.shape[1]}; choose other images.")
    run_path, about, span = None, "", (-params.reach, params.reach)
    x = y = span
    if params.directions == "path":
        titles = [each.title for each in checkpoints]
        found = path_plane(network.module, [each.weights for each in checkpoints])
        plane = found.plane
        x, y = (_around(found.places[:, axis]) for axis in (0, 1))
        run_path = SurfacePath(f"the run, {titles[0]} to {titles[-1]}", found.places.cpu().numpy(), 6, "dotted")
        shares = " and ".join(f"{100 * share:.0f} %" for share in found.explained)
        about = f"Dotted: the run's {len(checkpoints)} checkpoints; the plane holds {shares} of how they differ."
    else:
        plane = random_plane(network.module, params.draw)
    levels = grid_levels(params.detail)
    values = np.full((params.detail, params.detail), np.nan)
    return Slice(
        key, network.module, plane, batch, x, y, levels, values, network.title, network.generation, run_path, about
    )


def _around(places: Tensor) -> Pair:
    """The extent of a path and of the weights at 0, with a margin."""
    low, high = min(float(places.min()), 0.0), max(float(places.max()), 0.0)
    margin = PATH_MARGIN * (high - low)
    return low - margin, high + margin


def _outputs(module: nn.Module, batch: SliceBatch) -> Tensor:
    import torch

    with torch.no_grad():
        found: Tensor = module(batch.images[:1])
    return found


def _start(slice_: Slice, params: LandscapeParams) -> Pair:
    """Where the paths begin: moved onto the slice; by default in its upper left quarter."""
    if params.start is None:
        return _along(slice_.x, 0.15), _along(slice_.y, 0.8)
    return _within(slice_.x, params.start[0]), _within(slice_.y, params.start[1])


def _along(ends: Pair, share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _within(ends: Pair, place: float) -> float:
    return min(max(place, ends[0]), ends[1])


def _map(slice_: Slice) -> SurfaceMap | None:
    """Of the last lattice that is whole; drawn once for each."""
    from cnnviz.core.surface_map import surface_map

    if slice_.level == 0:
        return None
    if slice_.map is None or slice_.map[0] != slice_.level:
        rows = list(slice_.levels[slice_.level - 1])
        values = slice_.values[np.ix_(rows, rows)]
        by_path = slice_.run_path is not None
        kind = "principal" if by_path else "random"
        labels = (f"first {kind} direction", f"second {kind} direction")
        title = f"Loss around {slice_.name}"
        made = surface_map(values, slice_.x, slice_.y, _scale(values), (*labels, "loss"), title, ((0.0, 0.0),))
        slice_.map = (slice_.level, made)
    return slice_.map[1]


def _scale(values: np.ndarray) -> HeightScale:
    from cnnviz.core.surface_map import height_scale

    finite = values[np.isfinite(values)]
    least = float(finite.min()) if finite.size else 0.0
    return height_scale(values, softness=max(SOFTNESS * least, LEAST_SOFTNESS))


def _last_result(slice_: Slice, params: LandscapeParams, observation: Observation) -> LandscapeResult:
    """The very result that was shown last where nothing has come to it: each stroke of a hand asks for it again."""
    steps = tuple(walk.steps for walk in slice_.walks.values())
    key = (params, observation.network.generation, slice_.done, slice_.level, steps)
    if slice_.last is None or slice_.last[0] != key:
        slice_.last = (key, _result(slice_, params, observation))
    return slice_.last[1]


def _result(slice_: Slice, params: LandscapeParams, observation: Observation, *, words: str = "") -> LandscapeResult:
    walks = walks_of(slice_, params, _start(slice_, params)) if slice_.level and params.running else {}
    walked = descents_of({name: walk for name, walk in walks.items() if walk.begun}, params.steps)
    paths = surface_paths(walked)
    if slice_.run_path is not None:
        paths = (slice_.run_path, *paths)
    total = len(slice_.levels[-1]) ** 2
    parts = [words] if words else []
    if not slice_.finished and not words:
        parts.append(f"{slice_.done:,} of {total:,} places.")
    if walked:
        parts.append(words_of(walked, 0.0, max(len(each.rates) for each in walked)))
    working = params.running and (not slice_.finished or any(each.goes_on(params.steps) for each in walks.values()))
    return LandscapeResult(
        _map(slice_),
        paths,
        loss_curves(walked, [], 0.0) if walked else None,
        _start(slice_, params) if walks else None,
        params.steps,
        " ".join(parts),
        _note(slice_, params, observation),
        working,
    )


def _note(slice_: Slice, params: LandscapeParams, observation: Observation) -> str:
    from cnnviz.core.loss_slice import has_batch_norm

    parts = []
    if slice_.generation != observation.network.generation:
        parts.append("Of earlier weights: press Compute for the present ones.")
    batch = slice_.batch
    parts.append(f"Cross-entropy over {len(batch.images)} images of {batch.title}.")
    seen = slice_.walk_images
    if seen == 0:
        parts.append("The network is too slow for paths.")
    elif seen is not None and params.batch < min(POINTS, seen):
        parts.append(f"A step sees {params.batch} of {seen}.")
    elif seen is not None and seen < len(batch.images):
        parts.append(f"Paths see {seen} of them.")
    parts.append(slice_.about or "Random directions, filters as long as the network's own (Li et al., 2018).")
    if has_batch_norm(slice_.module):
        parts.append("Batch normalisation keeps the averages of the network at the cross.")
    return " ".join(parts)


def _data_words(params: LandscapeParams, observation: Observation) -> str:
    return (
        f"The mean over {params.images} images of {data_set_of(params, observation)}, on a plane through the weights."
    )
