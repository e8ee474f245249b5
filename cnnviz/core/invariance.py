"""How much pooled maps change when their input moves a little: invariance, measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.choices import PaddingMode
from cnnviz.core.padding import pad
from cnnviz.core.pooling import POOLING_KINDS, Pooling, pool

SHIFTS = tuple(range(-16, 17))
"""In pixels."""

TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """How far variants of something lie from it, one entry a variant.

    Attributes
    ----------
    relative : array of float
        ‖p(x) − p(Tx)‖ / ‖p(x)‖; NaN where p(x) is zero everywhere.
    cosine : array of float
        Of the angle between p(x) and p(Tx); NaN where one of them is zero everywhere.
    """

    relative: NDArray[np.float64]
    cosine: NDArray[np.float64]


def changed_cells(before: Tensor, after: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Which values differ by more than ``tolerance``, in the values' own units; NaN counts as changed.

    Parameters
    ----------
    before, after : Tensor
        Maps of one shape.

    Returns
    -------
    Tensor of bool
        Of the same shape.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"maps of {tuple(before.shape)} and {tuple(after.shape)} cannot be compared cell by cell")
    return ~((before - after).abs() <= tolerance)


def share_changed(before: Tensor, after: Tensor, tolerance: float = TOLERANCE) -> float:
    """Share of :func:`changed_cells`, in [0, 1]; 0 of empty maps. Parameters and errors as there."""
    changed = changed_cells(before, after, tolerance)
    return float(changed.double().mean()) if changed.numel() else 0.0


def shifted(images: Tensor, shifts: Sequence[tuple[int, int]], mode: PaddingMode = "circular") -> Tensor:
    """An image shifted by whole pixels in each of several ways.

    Parameters
    ----------
    images : Tensor (1, C, H, W)
    shifts : sequence of (rows, columns)
        Downwards and to the right.
    mode : PaddingMode
        What comes in at the border: "circular" wraps around, "zeros" brings 0.

    Returns
    -------
    Tensor (len(shifts), C, H, W)

    Raises
    ------
    ValueError
        It is not one image.
    """
    if images.shape[0] != 1:
        raise ValueError(f"one image is shifted, not a batch of {images.shape[0]}")
    if not shifts:
        return images[:0]
    height, width = images.shape[-2:]
    most = [max(abs(shift[axis]) for shift in shifts) for axis in (0, 1)]
    padded = pad(images, ((most[0], most[0]), (most[1], most[1])), mode)
    return torch.cat(
        [
            padded[:, :, most[0] - rows : most[0] - rows + height, most[1] - columns : most[1] - columns + width]
            for rows, columns in shifts
        ]
    )


def distances(reference: Tensor, variants: Tensor) -> Distances:
    """How far ``variants`` (V, …) lie from ``reference`` (1, …), all values of each taken as one vector."""
    one = reference.detach().flatten(1).double()
    others = variants.detach().flatten(1).double()
    norm, norms = one.norm(), others.norm(dim=1)
    relative = (others - one).norm(dim=1) / norm
    cosine = (others @ one[0]) / (norms * norm)
    relative = torch.where(norm > 0, relative, math.nan)
    # rounding carries the cosine of equal vectors beyond 1
    return Distances(relative.cpu().numpy(), cosine.clamp(-1, 1).cpu().numpy())


def pooled_distances(
    reference: Tensor, variants: Tensor, poolings: Mapping[str, Pooling], batch: int = 64
) -> dict[str, Distances]:
    """Distances of the pooled maps for several kinds of pooling at once, and of the maps themselves.

    Parameters
    ----------
    reference : Tensor (1, C, H, W)
        The detector stage for an input.
    variants : Tensor (V, C, H, W)
        The same for what was done to the input: shifts, warps.
    poolings : mapping of str to Pooling
    batch : int
        Variants pooled at once.

    Returns
    -------
    dict of str to Distances
        Under the names of ``poolings``, and before them under ``"detector"`` without pooling.
    """
    found = {"detector": distances(reference, variants)}
    for name, pooling in poolings.items():
        target = pool(reference, pooling)
        parts = [distances(target, pool(part, pooling)) for part in torch.split(variants, batch)]
        found[name] = Distances(
            np.concatenate([part.relative for part in parts]) if parts else np.zeros(0),
            np.concatenate([part.cosine for part in parts]) if parts else np.zeros(0),
        )
    return found


def every_kind(pooling: Pooling) -> dict[str, Pooling]:
    """``pooling`` in each of its kinds, by their names, with the same window."""
    return {kind: replace(pooling, kind=kind, kernel=None) for kind in POOLING_KINDS}
