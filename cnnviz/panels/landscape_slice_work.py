"""A slice through a network's loss as far as it has come, and the passes that take it further."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.core.surface_map import SurfaceMap, SurfacePath
from cnnviz.panels.landscape import LandscapeResult, Pair
from cnnviz.panels.landscape_data import SliceBatch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cnnviz.core.loss_slice import Loss, Plane
    from cnnviz.panels.landscape_slice_walks import SliceWalk

PASS_S = 0.008
"""Images go through a slow network in parts that take about so long: what is newer waits for no more than one."""
ONE_AND_A_HALF = 1.5
"""Where one image alone takes longer, a part takes this many times as long as that."""
STEP_COST = 4.0
"""The time that loss and gradient take, in passes without a gradient."""


@dataclass(eq=False)
class Pace:
    """How many images go through the network at once, learned from how long it took."""

    images: int = 1
    one: float = math.nan
    """Seconds for one image alone."""
    each: float = math.nan
    """Seconds for an image among as many as go at once."""

    def hear(self, images: int, seconds: float) -> None:
        """So many took so long: more of them next time, or fewer."""
        if math.isnan(self.one):
            self.one = self.each = seconds  # the first pass of a network takes longer than others
            return
        if images == 1:
            self.one = min(self.one, seconds)
        if images < self.images:
            return  # the rest of a batch
        self.each = seconds / images
        wanted = max(PASS_S, ONE_AND_A_HALF * self.one)
        if seconds < wanted:
            self.images = images + max(1, min(images, int((wanted - seconds) / self.each)))
        else:
            self.images = max(1, int(images * wanted / seconds))

    def within(self, seconds: float) -> int:
        """How many images pass in this time."""
        return max(1, int(seconds / max(self.each, 1e-9)))


@dataclass(eq=False)
class Slice:
    """One slice, as far as it has come."""

    key: tuple[object, ...]
    module: nn.Module
    plane: Plane
    batch: SliceBatch
    x: Pair
    y: Pair
    levels: tuple[tuple[int, ...], ...]
    values: np.ndarray
    name: str
    generation: int
    run_path: SurfacePath | None = None
    about: str = ""
    level: int = 0
    places: Iterator[tuple[int, int]] | None = None
    place: tuple[int, int] | None = None
    seen: int = 0
    total: float = 0.0
    done: int = 0
    pace: Pace = field(default_factory=lambda: Pace())
    map: tuple[int, SurfaceMap] | None = None
    last: tuple[object, LandscapeResult] | None = None
    """What was shown last, and what it depends on."""
    walk_images: int | None = None
    walks: dict[tuple[object, ...], SliceWalk] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.level == len(self.levels)


def loss_of(slice_: Slice, indices: np.ndarray) -> Loss:
    """Of the network's outputs for the images ``indices`` of the batch."""
    import torch
    import torch.nn.functional as F

    from cnnviz.training.losses import batch_loss

    labels = slice_.batch.labels[torch.from_numpy(indices)]
    ends_in_softmax = any(type(each).__name__ == "Softmax" for each in list(slice_.module.modules())[-1:])

    def loss(outputs: Tensor) -> Tensor:
        if outputs.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(outputs[:, 0], labels.to(outputs.dtype))
        return batch_loss("cross-entropy", outputs.clamp_min(1e-12).log() if ends_in_softmax else outputs, labels)

    return loss


def compute_one(slice_: Slice) -> None:
    """Some more images for the present place of the map: all of them, where the network is fast."""
    from cnnviz.core.loss_slice import loss_at, new_places

    if slice_.places is None:
        slice_.places = new_places(slice_.levels, slice_.level)
    if slice_.place is None:
        slice_.place, slice_.seen, slice_.total = next(slice_.places, None), 0, 0.0
    if slice_.place is None:
        slice_.level, slice_.places = slice_.level + 1, None
        return
    count = len(slice_.batch.images)
    part = np.arange(slice_.seen, min(slice_.seen + slice_.pace.images, count))
    begun = time.perf_counter()
    images = slice_.batch.images[part[0] : part[-1] + 1]
    loss = loss_at(slice_.module, slice_.plane, images, loss_of(slice_, part), *place_at(slice_, *slice_.place))
    slice_.pace.hear(len(part), time.perf_counter() - begun)
    slice_.total += loss * len(part)
    slice_.seen += len(part)
    if slice_.seen == count:
        slice_.values[slice_.place] = slice_.total / count
        slice_.place = None
        slice_.done += 1


def place_at(slice_: Slice, row: int, column: int) -> Pair:
    """The place of the plane that belongs to a row and a column of the map."""
    last = slice_.levels[-1][-1]
    (left, right), (low, high) = slice_.x, slice_.y
    return left + (right - left) * column / last, low + (high - low) * row / last
