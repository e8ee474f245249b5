"""All feature maps of a layer in one picture of table indices, ready for a 256-entry colour table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.choices import ColourScale

LEVELS = 253
"""Indices 0 … 252 stand for values; of signed data 126 is exactly zero."""
ZERO = 126
NAN = 253
INFINITE = 254
GAP = 255

_LARGEST_FACTOR = float(np.finfo(np.float32).max)

Range = float | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """Values as table indices.

    Attributes
    ----------
    indices : Tensor of uint8, shaped as the values, on their device
    low, high : float, or array (C,) if every map has its own scale
        The finite values that indices 0 and 252 stand for: ``-high … high`` for signed values, ``0 … high`` for others.
        Both are 0 where all finite values are 0.
    signed : bool
    non_finite : int
        How many values are NaN or infinite.
    """

    indices: Tensor
    low: Range
    high: Range
    signed: bool
    non_finite: int


@dataclass(frozen=True, slots=True, eq=False)
class Mosaic:
    """Equal tiles in rows of ``columns``, with gaps between them but not around them.

    Attributes
    ----------
    indices : array (H, W) of uint8, C-contiguous
        0 … 252 for values, 253 NaN, 254 infinite, 255 gaps and missing tiles of the last row.
    tile_shape : (int, int)
        Rows and columns of one tile, in pixels.
    columns, count : int
        Tiles in a row, and in all.
    gap : int
        Pixels between tiles.
    low, high, signed, non_finite
        As in `Quantised`.
    """

    indices: NDArray[np.uint8]
    tile_shape: tuple[int, int]
    columns: int
    count: int
    gap: int
    low: Range
    high: Range
    signed: bool
    non_finite: int

    def tile_at(self, row: int, column: int) -> tuple[int, int, int] | None:
        """The tile at a pixel, and the row and column in it; None on gaps and outside."""
        height, width = self.tile_shape
        if not (0 <= row < self.indices.shape[0] and 0 <= column < self.indices.shape[1]):
            return None
        tile_row, row = divmod(row, height + self.gap)
        tile_column, column = divmod(column, width + self.gap)
        tile = tile_row * self.columns + tile_column
        if row >= height or column >= width or tile >= self.count:
            return None
        return tile, row, column

    def tile_rect(self, tile: int) -> tuple[int, int, int, int]:
        """First row, first column, height and width of a tile, in pixels; raises IndexError."""
        if not 0 <= tile < self.count:
            raise IndexError(f"there are {self.count} tiles, and no tile {tile}")
        height, width = self.tile_shape
        row, column = divmod(tile, self.columns)
        return row * (height + self.gap), column * (width + self.gap), height, width

    def range_of(self, tile: int) -> tuple[float, float]:
        """The values that indices 0 and 252 stand for in a tile."""
        if isinstance(self.low, float) or isinstance(self.high, float):
            return float(self.low), float(self.high)
        return float(self.low[tile]), float(self.high[tile])


def quantise(maps: Tensor, scale: ColourScale = "shared", signed: bool | None = None) -> Quantised:
    """Turn values into table indices.

    Parameters
    ----------
    maps : Tensor (C, …)
        Of any real type; NaN and infinite values do not take part in the scale.
    scale : "shared" or "own"
        One scale for all maps, or one for each.
    signed : bool, optional
        Whether zero is in the middle of the table. By default if there is a finite negative value. If False, negative
        values are shown as 0.
    """
    values = maps.detach()
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()
    if values.numel() == 0:
        nothing: Range = 0.0 if scale == "shared" else np.zeros(len(maps))
        return Quantised(torch.zeros_like(values, dtype=torch.uint8), nothing, nothing, bool(signed), 0)
    ordinary = _quantise_ordinary(values, signed) if scale == "shared" else None
    if ordinary is not None:
        return ordinary
    lows, highs = _extremes(values, scale)
    bad: Tensor | None = None
    if not (np.isfinite(lows).all() and np.isfinite(highs).all()):
        bad = ~values.isfinite()
        clean = values.masked_fill(bad, 0)  # zero is in every scale, so that it does not change any
        lows, highs = _extremes(clean, scale)
    else:
        clean = values
    if signed is None:
        signed = bool((lows < 0).any())
    high = np.maximum(np.abs(lows), np.abs(highs)) if signed else np.maximum(highs, 0.0)
    indices = _indices(clean, high, signed, below=not signed and bool((lows < 0).any()))
    non_finite = 0
    if bad is not None:
        non_finite = int(bad.sum())
        indices.masked_fill_(values.isinf(), INFINITE).masked_fill_(values.isnan(), NAN)
    low = 0.0 - high if signed else np.zeros_like(high)
    if scale == "shared":
        return Quantised(indices, float(low[0]), float(high[0]), signed, non_finite)
    return Quantised(indices, low, high, signed, non_finite)


def _quantise_ordinary(values: Tensor, signed: bool | None) -> Quantised | None:
    """The usual case, finite float32 values on the CPU under one scale, in few calls; None for every other.

    It runs for every layer at each frame, where each small call into torch costs as much as its arithmetic.
    """
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return None
    array = values.numpy()
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    below = low < 0
    is_signed = below if signed is None else signed
    top = max(high, -low) if is_signed else max(high, 0.0)
    steps, zero = (ZERO, ZERO) if is_signed else (LEVELS - 1, 0)
    factor = steps / top if top > 0 else 0.0
    if factor > _LARGEST_FACTOR:
        return None
    scaled = array * np.float32(factor)
    scaled += np.float32(zero + 0.5)  # the conversion to integers cuts off
    if below and not is_signed:
        np.maximum(scaled, 0, out=scaled)
    return Quantised(torch.from_numpy(scaled.astype(np.uint8)), 0.0 - top if is_signed else 0.0, top, is_signed, 0)


def _extremes(values: Tensor, scale: ColourScale) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest value, of all maps (1,) or of each (C,); NaN where there is one."""
    if scale == "shared":
        low, high = torch.aminmax(values)
    else:
        flat = values.reshape(len(values), -1)
        low, high = flat.amin(1), flat.amax(1)  # some ten times faster on the CPU than aminmax along an axis
    if values.device.type != "cpu":
        low, high = torch.stack((low, high)).cpu()  # one transfer, not two
    return low.numpy().astype(np.float64).reshape(-1), high.numpy().astype(np.float64).reshape(-1)


def _indices(values: Tensor, high: NDArray[np.float64], signed: bool, below: bool) -> Tensor:
    steps, zero = (ZERO, ZERO) if signed else (LEVELS - 1, 0)
    with np.errstate(divide="ignore", over="ignore"):
        factor = np.where(high > 0, steps / high, 0.0)
    if factor.max() > torch.finfo(values.dtype).max:
        # Values so small that their scale overflows: bring them to the middle of the range first.
        exponents = np.where(high > 0, np.frexp(high)[1], 0)
        by = torch.from_numpy(np.ldexp(1.0, -exponents))
        values = values.cpu().double() * by.reshape(-1, *[1] * (values.ndim - 1))
        high = np.ldexp(high, -exponents)
        factor = np.where(high > 0, steps / np.where(high > 0, high, 1.0), 0.0)
    if factor.size == 1:
        scaled = values * float(factor[0])
    else:
        each = torch.as_tensor(factor, dtype=values.dtype, device=values.device)
        scaled = values * each.reshape(-1, *[1] * (values.ndim - 1))
    scaled += zero + 0.5  # the conversion to integers cuts off
    if below:
        scaled.clamp_(min=0)
    if scaled.device.type == "cpu":
        return torch.from_numpy(scaled.numpy().astype(np.uint8))  # vectorised, as torch's own conversion is not
    return scaled.to(torch.uint8)


def mosaic(
    maps: Tensor, columns: int, scale: ColourScale = "shared", signed: bool | None = None, gap: int = 1
) -> Mosaic:
    """Lay out maps row by row as tiles of one picture.

    Parameters
    ----------
    maps : Tensor (C, h, w)
        On any device; of its values only the range and the indices are brought to the CPU.
    columns : int
        Tiles in a row, at least 1; fewer maps than that make one shorter row.
    scale, signed
        As in `quantise`.
    gap : int
        Pixels between tiles.

    Raises
    ------
    ValueError
        ``maps`` has not three axes, ``columns`` is below 1, or ``gap`` below 0.
    """
    if maps.ndim != 3:
        raise ValueError(f"maps must have the shape (C, h, w), not {tuple(maps.shape)}")
    if columns < 1 or gap < 0:
        raise ValueError(f"cannot lay out {columns} columns with a gap of {gap}")
    return _laid_out(quantise(maps, scale, signed), columns, gap)


def mosaics_together(stacks: Sequence[Tensor], signed: bool | None = None, gap: int = 1) -> tuple[Mosaic, ...]:
    """Stacks of maps, each a mosaic of its own, under one colour scale, so that equal colours are equal values.

    Parameters
    ----------
    stacks : sequence of Tensor (C, h, w)
        On one device; counts and sizes may differ.
    signed, gap
        As in `mosaic`.
    """
    flat = [stack.detach().reshape(-1) for stack in stacks]
    together = quantise(
        torch.cat([each if each.dtype.is_floating_point else each.float() for each in flat]), "shared", signed
    )
    parts = torch.split(together.indices, [each.numel() for each in flat])
    mosaics = []
    for stack, part in zip(stacks, parts, strict=True):
        bad = int(torch.count_nonzero(part >= NAN)) if together.non_finite else 0
        own = replace(together, indices=part.reshape(stack.shape), non_finite=bad)
        mosaics.append(_laid_out(own, columns_for(len(stack), (stack.shape[1], stack.shape[2]), 1.0), gap))
    return tuple(mosaics)


def _laid_out(quantised: Quantised, columns: int, gap: int) -> Mosaic:
    tiles = quantised.indices.cpu().numpy()
    count, height, width = tiles.shape
    columns = min(columns, max(count, 1))
    rows = -(-count // columns)
    shape = (max(rows * (height + gap) - gap, 0), columns * (width + gap) - gap if count else 0)
    indices = np.full(shape, GAP, np.uint8)
    if tiles.size:
        # A view of the picture by tile, which a reshape cannot give because there is no gap after the last.
        strides = ((height + gap) * shape[1], width + gap, shape[1], 1)
        places = np.ndarray((rows, columns, height, width), np.uint8, indices, 0, strides)
        full = count // columns
        places[:full] = tiles[: full * columns].reshape(full, columns, height, width)
        places[full:, : count - full * columns] = tiles[full * columns :]
    return Mosaic(
        indices,
        (height, width),
        columns,
        count,
        gap,
        quantised.low,
        quantised.high,
        quantised.signed,
        quantised.non_finite,
    )


@lru_cache(maxsize=256)
def columns_for(count: int, tile_shape: tuple[int, int], aspect: float, gap: int = 1) -> int:
    """Number of columns with which ``count`` tiles are largest in an area.

    Parameters
    ----------
    count : int
    tile_shape : (int, int)
        Rows and columns of one tile, in pixels.
    aspect : float
        Width of the area divided by its height.
    gap : int
        Pixels between tiles.
    """
    height, width = (size + gap for size in tile_shape)

    def magnification(columns: int) -> float:
        rows = math.ceil(count / columns)
        return min(aspect / max(columns * width - gap, 1), 1 / max(rows * height - gap, 1))

    return max(range(1, count + 1), key=magnification, default=1)
