"""Pooling: summaries of windows of a map."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.choices import PaddingMode, PoolingKind
from cnnviz.core.graph import Geometry
from cnnviz.core.padding import pad
from cnnviz.core.pooling_kinds import CALLED, POOLING_KINDS, Pooling, PoolPadding, binomial, centre_of, gaussian_window
from cnnviz.core.stand_in import StandIn

__all__ = [
    "POOLING_KINDS",
    "Pool2d",
    "PoolPadding",
    "Pooling",
    "binomial",
    "blur",
    "gaussian_window",
    "pool",
]


def pool(maps: Tensor, pooling: Pooling) -> Tensor:
    """Summaries of the windows of each map.

    Parameters
    ----------
    maps : Tensor (N, C, H, W)

    Returns
    -------
    Tensor (N, C, rows, columns)
        Of ``pooling.output_size(H, W)``; differentiable, with a gradient of 0 where an L2 norm is 0.

    Raises
    ------
    ValueError
        The map is smaller than the window.
    """
    if pooling.blurs:
        kind: PoolingKind = "max" if pooling.kind == "blur_max" else "average"
        dense = replace(pooling, kind=kind, stride=(1, 1))
        wrapped = _wrapped(pooling, *maps.shape[-2:])
        if wrapped is not None:
            return _blurred(_summary(*_padded(maps, wrapped), dense), pooling.taps, pooling.stride)
        # What ceil mode adds is worked out for the stride of the whole.
        return blur(_summary(*_padded(maps, pooling), dense), pooling.taps, pooling.stride, pooling.blur_padding)
    rows, columns = pooling.padding
    even = rows[0] == rows[1] and columns[0] == columns[1] and min(rows[0], columns[0]) >= 0
    if pooling.kind == "max" and pooling.padding_mode == "excluded" and even:
        half = (rows[0], columns[0])
        if all(2 * p <= k for p, k in zip(half, pooling.kernel_size, strict=True)):
            pooling.output_size(*maps.shape[-2:])
            return F.max_pool2d(maps, pooling.kernel_size, pooling.stride, half, pooling.dilation, pooling.ceil_mode)
    return _summary(*_padded(maps, pooling), pooling)


def blur(maps: Tensor, taps: int, stride: tuple[int, int] = (1, 1), mode: PaddingMode = "reflect") -> Tensor:
    """A binomial blur centred on each cell, of which every ``stride``-th is kept: the ``BlurPool`` of Zhang 2019."""
    if taps > 1:
        before, after = (taps - 1) // 2, taps // 2
        maps = pad(maps, ((before, after), (before, after)), mode)
    return _blurred(maps, taps, stride)


def _blurred(maps: Tensor, taps: int, stride: tuple[int, int]) -> Tensor:
    row = binomial(taps).to(maps)
    return _weighted_sum(maps, torch.outer(row, row), stride, (1, 1))


class Pool2d(StandIn, nn.Module):
    """A pooling as a layer."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, maps: Tensor) -> Tensor:
        return pool(maps, self.pooling)

    def extra_repr(self) -> str:
        return self.pooling.summary()

    @property
    def layer_kind(self) -> str:
        return CALLED[self.pooling.kind][0]

    @property
    def layer_summary(self) -> str:
        return self.pooling.summary()

    @property
    def layer_geometry(self) -> Geometry:
        """The cells that an output reads: with a blur those of all windows that it joins."""
        pooling = self.pooling
        mode = "zeros" if pooling.padding_mode == "excluded" else pooling.padding_mode
        kernel, dilation, padding = pooling.kernel_size, pooling.dilation, pooling.padding
        if pooling.blurs:
            before, after = (pooling.taps - 1) // 2, pooling.taps // 2
            kernel, dilation = (pooling.extent[0] + before + after, pooling.extent[1] + before + after), (1, 1)
            padding = tuple((a + before, b + after) for a, b in padding)  # type: ignore[assignment]
            mode = pooling.blur_padding
        elif pooling.kind == "strided" and pooling.kernel is None:
            places = [d * c for d, c in zip(dilation, centre_of(kernel), strict=True)]
            padding = tuple(  # type: ignore[assignment]
                (a - at, b - (reach - 1 - at))
                for (a, b), at, reach in zip(padding, places, pooling.extent, strict=True)
            )
            kernel, dilation = (1, 1), (1, 1)
        return Geometry(kernel, pooling.stride, padding, dilation, 1, pooling.ceil_mode, mode)


class PooledSlice(Pool2d):
    """A pooling in the place of a slice that keeps every so many cells."""

    layer_kind = "Slice"


def _wrapped(pooling: Pooling, height: int, width: int) -> Pooling | None:
    """Padding of the map itself by what window and blur reach together; None where that is not the same.

    The windows of a periodic map are as many as its cells, and those without padding fewer: only the map itself goes
    around its border.
    """
    plain = not any(max(pair) > 0 for pair in pooling.padding) or pooling.padding_mode == "circular"
    if pooling.blur_padding != "circular" or not plain or pooling.room(0, height) or pooling.room(1, width):
        return None
    (top, bottom), (left, right) = pooling.padding
    before, after = (pooling.taps - 1) // 2, pooling.taps // 2
    return Pooling(
        "max",
        (pooling.extent[0] + before + after, pooling.extent[1] + before + after),
        padding=((top + before, bottom + after), (left + before, right + after)),
        padding_mode="circular",
    )


def _padded(maps: Tensor, pooling: Pooling) -> tuple[Tensor, Tensor | None]:
    """The padded maps, and which of their cells count, ``(1, 1, rows, columns)``; None where all do."""
    height, width = maps.shape[-2:]
    rooms = (pooling.room(0, height), pooling.room(1, width))
    excluded = pooling.padding_mode == "excluded"
    real = pad(maps, pooling.padding) if excluded else pad(maps, pooling.padding, pooling.padding_mode)  # type: ignore[arg-type]
    later = ((0, rooms[0]), (0, rooms[1]))
    if not any(rooms) and not (excluded and any(max(pair) > 0 for pair in pooling.padding)):
        return real, None
    counted = pad(maps.new_ones(1, 1, height, width), pooling.padding, value=0.0 if excluded else 1.0)
    return pad(real, later), pad(counted, later)


def _summary(padded: Tensor, counted: Tensor | None, pooling: Pooling) -> Tensor:
    kernel, stride, dilation = pooling.kernel_size, pooling.stride, pooling.dilation
    if pooling.kind == "max":
        if counted is not None:
            padded = padded.masked_fill(counted == 0, -math.inf)
        if stride == (1, 1) and not padded.requires_grad:  # torch's own is 30 times slower, and has a gradient at ties
            return _folded(padded, pooling, torch.maximum)
        return F.max_pool2d(padded, kernel, stride, 0, dilation)
    if pooling.kind == "strided":
        if pooling.kernel is None:
            return _subsampled(padded, pooling)
        return _weighted_sum(padded, torch.tensor(pooling.kernel).to(padded), stride, dilation)
    if pooling.kind == "weighted":
        weights = gaussian_window(kernel, pooling.sigma).to(padded)
        total = _weighted_sum(padded, weights, stride, dilation)
        return total if counted is None else total / _weighted_sum(counted, weights, stride, dilation)
    of = padded if pooling.kind == "average" else padded.square()
    total = _window_sum(of, pooling)
    if pooling.kind != "l2_sum":
        total = total / (math.prod(kernel) if counted is None else _window_sum(counted, pooling).clamp(min=1))
    return total if pooling.kind == "average" else _root(total)


def _folded(maps: Tensor, pooling: Pooling, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """What ``join`` makes of all cells of each window, at stride 1: along the rows, then along the columns."""
    for axis, (kernel, dilation) in enumerate(zip(pooling.kernel_size, pooling.dilation, strict=True), -2):
        size = maps.shape[axis] - dilation * (kernel - 1)
        shifted = [maps.narrow(axis, step * dilation, size) for step in range(kernel)]
        maps = reduce(join, shifted)
    return maps


def _window_sum(maps: Tensor, pooling: Pooling) -> Tensor:
    if pooling.stride == (1, 1):
        return _folded(maps, pooling, torch.add)
    if pooling.dilation == (1, 1):
        return F.avg_pool2d(maps, pooling.kernel_size, pooling.stride, divisor_override=1)
    return _weighted_sum(maps, maps.new_ones(pooling.kernel_size), pooling.stride, pooling.dilation)


def _weighted_sum(maps: Tensor, weights: Tensor, stride: tuple[int, int], dilation: tuple[int, int]) -> Tensor:
    """Each channel's convolution with the same weights."""
    single = maps.reshape(-1, 1, *maps.shape[-2:])
    summed = F.conv2d(single, weights[None, None], None, stride, 0, dilation)
    return summed.reshape(*maps.shape[:2], *summed.shape[-2:])


def _subsampled(padded: Tensor, pooling: Pooling) -> Tensor:
    rows, columns = (
        (size - reach) // step + 1
        for size, reach, step in zip(padded.shape[-2:], pooling.extent, pooling.stride, strict=True)
    )
    top, left = (d * c for d, c in zip(pooling.dilation, centre_of(pooling.kernel_size), strict=True))
    return padded[..., top :: pooling.stride[0], left :: pooling.stride[1]][..., :rows, :columns]


def _root(squares: Tensor) -> Tensor:
    """The square root, with a gradient of 0 where its own would be infinite."""
    zero = squares == 0
    return squares.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)
