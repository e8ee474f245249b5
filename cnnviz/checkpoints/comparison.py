"""Two checkpoints side by side: which layers changed, and how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from cnnviz.checkpoints.checkpoint import Checkpoint
from cnnviz.checkpoints.contents import Contents, TensorEntry
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
    """

    changes: tuple[LayerChange, ...]
    other_shapes: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

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


def compare(first: Checkpoint, second: Checkpoint) -> Comparison:
    """Compare the selected networks of two files by the names of their tensors, without containers and wrappers."""
    ours, theirs = _entries(first), _entries(second)
    other_shapes: list[str] = []
    differences: dict[str, list[float]] = {}
    for name in ours:
        if name not in theirs or is_counter(name):
            continue
        squares = _squares(first.contents, ours[name], second.contents, theirs[name])
        if squares is None:
            other_shapes.append(name)
            continue
        sums = differences.setdefault(name.rpartition(".")[0] or name, [0.0, 0.0])
        sums[0] += squares[0]
        sums[1] += squares[1]
    changes = [LayerChange(layer, _relative(*sums)) for layer, sums in differences.items()]
    return Comparison(
        # NaN, from values that are none, comes first: it is what should be looked at.
        tuple(sorted(changes, key=lambda change: (not math.isnan(change.relative_change), -change.relative_change))),
        tuple(other_shapes),
        tuple(name for name in ours if name not in theirs),
        tuple(name for name in theirs if name not in ours),
    )


def _entries(checkpoint: Checkpoint) -> dict[str, TensorEntry]:
    return dict(checkpoint.network.entries) if checkpoint.network is not None else {}


def _squares(
    contents: Contents | None, entry: TensorEntry, other_contents: Contents | None, other: TensorEntry
) -> tuple[float, float] | None:
    """Sums of squares of the difference and of the first; None where the two cannot be compared."""
    if contents is None or other_contents is None or entry.shape != other.shape:
        return None
    one, two = plain_values(contents, entry), plain_values(other_contents, other)
    if one is None or two is None or one.is_complex() != two.is_complex():
        return None
    kind = torch.complex128 if one.is_complex() else torch.float64
    one, two = one.to(kind), two.to(kind)
    return float((two - one).abs().square().sum()), float(one.abs().square().sum())


def _relative(difference: float, before: float) -> float:
    if before == 0:
        return math.inf if difference else 0.0
    return math.sqrt(difference / before)
