"""What operations without a sliding window do to positions: they pick, mix or resize.

Axes are those of one image, without the batch axis: 0 is the channel of a map (C, H, W).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Along:
    """Positions of one output axis, taken from the axis ``source`` of the input.

    Attributes
    ----------
    first, step : int
        Output position ``i`` is input position ``first + i * step``.
    wraps : bool
        Whether what moves out at one end of the axis comes in at the other, as in a roll.
    spans : tuple of (int, int)
        Where it is no such sequence: the first and last input position that each output position is made of.
    """

    source: int
    first: int = 0
    step: int = 1
    spans: tuple[Span, ...] = ()
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """Slices, permutations, flips, rolls, expansions: one entry for each output axis, None for an axis that is new."""

    axes: tuple[Along | None, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """Every output value is made of all values along ``axes``.

    Attributes
    ----------
    removed : bool
        Whether the axes are missing from the output, as after ``mean(dim)`` without ``keepdim``.
    normalises : bool
        Whether it only brings values to a common mean or scale.
    """

    axes: tuple[int, ...]
    removed: bool = False
    normalises: bool = False


@dataclass(frozen=True, slots=True)
class Resize:
    """Interpolation along the last axes.

    Attributes
    ----------
    mode : str
        "nearest", "nearest-exact", "linear", "cubic" or "area".
    scale : tuple of (float or None)
        Output over input pixels as the call gave it, for each of the axes; None where the sizes tell it.
    """

    mode: str
    scale: tuple[float | None, ...]
    align_corners: bool = False
    antialias: bool = False


Placement = Pick | Mix | Resize


def identity(rank: int) -> list[Along | None]:
    """Of a tensor of ``rank`` axes, each of which stays where it is."""
    return [Along(axis) for axis in range(rank)]


def picked(shape: Sequence[int], index: Any) -> Pick | None:
    """Of ``tensor[index]``, for a tensor of ``shape`` with its batch axis; None where the index is no slice."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in parts):
        return None
    given = sum(part is not None and part is not Ellipsis for part in parts)
    if Ellipsis not in parts:
        parts.append(Ellipsis)
    at = parts.index(Ellipsis)
    parts[at : at + 1] = [slice(None)] * (len(shape) - given)
    found: list[Along | None] = []
    axis = 0
    for part in parts:
        if part is None:
            found.append(None)
            continue
        if isinstance(part, slice):
            first, _, step = part.indices(shape[axis])
            found.append(Along(axis, first, step))
        axis += 1
    return without_batch(found)


def without_batch(axes: Sequence[Along | None]) -> Pick | None:
    """The axes after the first; None where images are told apart by another axis than that, or picked."""
    if not axes or axes[0] != Along(0):
        return None
    kept: list[Along | None] = []
    for entry in axes[1:]:
        if entry is not None and entry.source == 0:
            return None
        kept.append(None if entry is None else replace(entry, source=entry.source - 1))
    return Pick(tuple(kept))


def mixed(axes: Any, rank: int, *, removed: bool = False, normalises: bool = False) -> Mix | None:
    """Along ``axes`` of a tensor that has ``rank`` axes with the batch's; None where that is one of them."""
    chosen = range(rank) if axes is None else [axes] if isinstance(axes, int) else list(axes)
    counted = sorted({axis % rank for axis in chosen}) if rank else []
    if 0 in counted:
        return None
    return Mix(tuple(axis - 1 for axis in counted), removed, normalises)


def resized(
    mode: str, axes: int, scale: Any = None, align_corners: bool | None = False, antialias: bool = False
) -> Resize:
    """Of the last ``axes`` axes, from the words that ``torch.nn.functional.interpolate`` takes."""
    short = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    scales = tuple(scale) if isinstance(scale, Sequence) else (scale,) * axes
    known = tuple(None if value is None else float(value) for value in scales)
    return Resize(short, known if len(known) == axes else (None,) * axes, bool(align_corners), antialias)
