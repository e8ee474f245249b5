"""Optimisers' paths on a slice through a network's loss, a few images at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.panels.landscape import POINTS, LandscapeParams, Pair
from cnnviz.panels.landscape_paths import path_settings
from cnnviz.panels.landscape_slice_work import STEP_COST, Slice, loss_of

if TYPE_CHECKING:
    from cnnviz.training.choices import Optimizer
    from cnnviz.training.descent import Descent, ToldDescender

STEP_S = 0.15
"""A step of a path takes no longer, all its parts together: in a slow network it sees fewer images."""
FEWEST_IMAGES = 8
"""Of which a path's gradient is a mean; a network that is too slow for these has no paths."""
PATHS_KEPT = 32

Told = tuple[float, Pair]


class SliceWalk:
    """One optimiser's path on a slice, taken further part by part.

    Parameters
    ----------
    count : int
        Images that the loss is the mean over, evenly spread; a ``batch`` of them at each step gives the gradient.
    """

    def __init__(self, slice_: Slice, told: ToldDescender, batch: int, count: int) -> None:
        from cnnviz.core.surfaces import batches_of

        self._slice, self._told = slice_, told
        self._spread = np.linspace(0, len(slice_.batch.images) - 1, count).round().astype(int)
        self._batches = batches_of(count, batch) if batch < min(POINTS, count) else None
        self._working: Generator[None, None, Told] | None = None

    @property
    def steps(self) -> int:
        """Steps done."""
        return self._told.steps

    @property
    def diverged(self) -> int | None:
        """After how many steps the loss left all bounds for good; None while it has not."""
        return self._told.diverged

    def goes_on(self, steps: int) -> bool:
        """Whether there is something to be done until so many steps are taken."""
        return self.diverged is None and (self.steps < steps or self._told.asks is not None)

    def descent(self) -> Descent:
        """The path so far."""
        return self._told.descent()

    @property
    def begun(self) -> bool:
        """Whether the loss at its start is known."""
        return self._told.begun

    def advance(self) -> None:
        """Put some more images through the network; where all have been, take the step."""
        if self._told.asks is None:
            self._told.step()
        if self._told.asks is None:
            return
        if self._working is None:
            self._working = self._parts(*self._told.asks, self.steps + 1)
        try:
            next(self._working)
        except StopIteration as end:
            self._working = None
            self._told.tell(*end.value)

    def _parts(self, a: float, b: float, step: int) -> Generator[None, None, Told]:
        """Loss and gradient at a place, which it returns, with a stop after each part."""
        from cnnviz.core.loss_slice import loss_and_slope, loss_at

        slice_ = self._slice
        module, plane, images = slice_.module, slice_.plane, slice_.batch.images
        chosen = self._spread if self._batches is None else self._spread[self._batches(step)]
        loss, slope = 0.0, [0.0, 0.0]
        for part in _in_parts(chosen, max(1, round(slice_.pace.images / STEP_COST))):
            value, along = loss_and_slope(module, plane, images[part], loss_of(slice_, part), a, b)
            share = len(part) / len(chosen)
            loss += share * value
            slope = [total + share * each for total, each in zip(slope, along, strict=True)]
            if part[-1] != chosen[-1]:
                yield
        if self._batches is not None:
            loss = 0.0
            for part in _in_parts(self._spread, slice_.pace.images):
                yield
                value = loss_at(module, plane, images[part], loss_of(slice_, part), a, b)
                loss += len(part) / len(self._spread) * value
        return loss, (slope[0], slope[1])


def _in_parts(indices: np.ndarray, most: int) -> Iterator[np.ndarray]:
    return (indices[first : first + most] for first in range(0, len(indices), most))


def walks_of(slice_: Slice, params: LandscapeParams, start: Pair) -> dict[Optimizer, SliceWalk]:
    """The paths that are asked for, as far as they have come; none where the network is too slow for them."""
    from cnnviz.training.descent import ToldDescender

    if slice_.walk_images is None:
        slice_.walk_images = _walk_images(slice_)
    count = slice_.walk_images
    if not count:
        return {}
    found = {}
    for name in params.optimizers:
        settings = path_settings(name, params)
        key = (start, name, settings.learning_rate, settings.momentum, params.halve, params.batch)
        walk = slice_.walks.pop(key, None)
        if walk is None:
            walk = SliceWalk(slice_, ToldDescender(start, settings), min(params.batch, POINTS), count)
        found[name] = slice_.walks[key] = walk
    while len(slice_.walks) > PATHS_KEPT:
        del slice_.walks[next(iter(slice_.walks))]
    return found


def _walk_images(slice_: Slice) -> int:
    """How many images a path's step sees; 0 where the network is too slow for paths."""
    most = min(len(slice_.batch.images), slice_.pace.within(STEP_S / STEP_COST))
    return most if most >= min(FEWEST_IMAGES, len(slice_.batch.images)) else 0
