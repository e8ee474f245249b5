"""Two checkpoints side by side: which layers changed, and how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.checkpoint import Checkpoint
from cnnviz.checkpoints.fingerprints import is_counter
from cnnviz.checkpoints.plain_values import plain_values


@dataclass(frozen=True)
class LayerChange:
    """How much a layer that both files have differs.

    Attributes
    ----------
    relative_change : float
        Norm of the difference divided by the norm in the first file; infinite where that is zero and the other is not.
        Counters of batches are left out.
    """

    layer: str
    relative_change: float


@dataclass(frozen=True)
class Comparison:
    """What two files have in common.

    Attributes
    ----------
    changes : tuple of LayerChange
        Of the layers in both, the most changed first.
    other_shapes : tuple of str
        Tensors in both, with different shapes or kinds of numbers that cannot be compared.
    only_first, only_second : tuple of str
        Tensors in one of the files.
    left : int
        Tensors that are still to be compared.
    """

    changes: tuple[LayerChange, ...]
    other_shapes: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    left: int = 0

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        if not self.changes and not self.other_shapes:
            return "no names in common"
        names = "some names in common" if self.only_first or self.only_second else "same names"
        if self.other_shapes:
            return f"{names}, other shapes"
        same = all(change.relative_change == 0 for change in self.changes)
        return f"{names}, same values" if same else f"{names}, other values"


@dataclass(frozen=True)
class Weight:
    """A tensor to be compared; ``read`` gives None where it has no plain values."""

    shape: tuple[int, ...]
    read: Callable[[], Tensor | None]


Weights = Mapping[str, Weight]


def weights_in_file(checkpoint: Checkpoint) -> Weights:
    """The selected network of a file, by names without containers and wrappers."""
    contents = checkpoint.contents
    if contents is None or checkpoint.network is None:
        return {}
    return {
        name: Weight(entry.shape, partial(plain_values, contents, entry))
        for name, entry in checkpoint.network.entries.items()
    }


def weights_of_module(module: nn.Module) -> Weights:
    """The parameters and buffers of a live network."""
    return {name: Weight(tuple(each.shape), each.detach) for name, each in module.state_dict().items()}


def compare(first: Checkpoint, second: Checkpoint) -> Comparison:
    """Compare the selected networks of two files by the names of their tensors, without containers and wrappers."""
    (*_, whole) = compare_step_by_step(weights_in_file(first), weights_in_file(second))
    return whole


def compare_step_by_step(ours: Weights, theirs: Weights, values: int = 2**20) -> Iterator[Comparison]:
    """What is known after each ``values`` values; the last is the whole, where nothing is ``left``."""
    common = [name for name in ours if name in theirs and not is_counter(name)]
    other_shapes = [name for name in common if ours[name].shape != theirs[name].shape]
    waiting = [name for name in common if ours[name].shape == theirs[name].shape]
    sums: dict[str, list[float]] = {}
    order = {name: index for index, name in enumerate(ours)}

    def told(left: int) -> Comparison:
        changes = [LayerChange(layer, _relative(*each)) for layer, each in sums.items()]
        # NaN, from values that are none, comes first: it is what should be looked at.
        changes.sort(key=lambda change: (not math.isnan(change.relative_change), -change.relative_change))
        return Comparison(
            tuple(changes),
            tuple(sorted(other_shapes, key=order.__getitem__)),
            tuple(name for name in ours if name not in theirs),
            tuple(name for name in theirs if name not in ours),
            left,
        )

    budget = values
    for index, name in enumerate(waiting):
        squares = _squares(ours[name].read(), theirs[name].read())
        if squares is None:
            other_shapes.append(name)
        else:
            layer = sums.setdefault(name.rpartition(".")[0] or name, [0.0, 0.0])
            layer[0] += squares[0]
            layer[1] += squares[1]
        budget -= math.prod(ours[name].shape) + 1
        left = len(waiting) - index - 1
        if budget < 0 and left:
            budget = values
            yield told(left)
    yield told(0)


_CHUNK = 1 << 22
"""Values that are turned to double precision at a time."""


def _squares(one: Tensor | None, two: Tensor | None) -> tuple[float, float] | None:
    """Sums of squares of the difference and of the first; None where the two cannot be compared."""
    if one is None or two is None or one.is_complex() != two.is_complex():
        return None
    kind = torch.complex128 if one.is_complex() else torch.float64
    difference = before = 0.0
    one, two = one.cpu().reshape(-1), two.cpu().reshape(-1)
    for start in range(0, one.numel(), _CHUNK):
        first = one[start : start + _CHUNK].to(kind)
        difference += float((two[start : start + _CHUNK].to(kind) - first).abs().square().sum())
        before += float(first.abs().square().sum())
    return difference, before


def _relative(difference: float, before: float) -> float:
    if before == 0:
        return math.inf if difference else 0.0
    return math.sqrt(difference / before)
