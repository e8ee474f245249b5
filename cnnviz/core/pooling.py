"""Pooling: summaries of windows of a map."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.graph import Geometry
from cnnviz.core.padding import PaddingMode, Widths, pad
from cnnviz.core.stand_in import StandIn

PoolingKind = Literal["max", "average", "l2_sum", "l2_mean", "weighted", "blur_max", "blur_average", "strided"]

POOLING_KINDS: tuple[PoolingKind, ...] = get_args(PoolingKind)

PoolPadding = Literal["excluded", "zeros", "circular", "reflect", "replicate"]
"""What a window reads beyond the border; with "excluded" nothing: it summarises those of its cells that exist."""

# as a layer: its kind, and what a diagram calls it
_CALLED: MappingProxyType[PoolingKind, tuple[str, str]] = MappingProxyType(
    {
        "max": ("MaxPool2d", "Max"),
        "average": ("AvgPool2d", "Avg"),
        "l2_sum": ("LPPool2d", "L2"),
        "l2_mean": ("LPPool2d", "L2 mean"),
        "weighted": ("WeightedPool2d", "Weighted"),
        "blur_max": ("BlurPool2d", "Blur max"),
        "blur_average": ("BlurPool2d", "Blur avg"),
        "strided": ("StridedPool2d", "Strided"),
    }
)


@dataclass(frozen=True, slots=True)
class Pooling:
    """A kind of pooling and its window; rows before columns.

    Attributes
    ----------
    kind : PoolingKind
        - ``"max"``, ``"average"``: of the cells in the window;
        - ``"l2_sum"``: root of the sum of squares, which is torch's ``LPPool2d(2)``; ``"l2_mean"``: of their mean;
        - ``"weighted"``: mean weighted by a Gaussian of the distance from the window's centre, of width ``sigma``. The
          four cells of a 2×2 window are equally far, so that there it is the plain mean;
        - ``"blur_max"``, ``"blur_average"``: the maximum or mean at stride 1, a binomial blur, then every
          ``stride``-th cell of it (Zhang 2019);
        - ``"strided"``: a strided convolution in pooling's place, of each channel on its own, with ``kernel``; without
          one the cell at the window's centre (the upper left of the middle ones) is kept as it is: subsampling alone.
    kernel_size, stride, dilation : (int, int)
    padding : ((int, int), (int, int))
        Above and below, left and right; negative where cells are cropped.
    ceil_mode : bool
        Keep a last, incomplete window that begins on the map or in the padding before it, as torch does; what it
        lacks is left out, whatever the padding.
    padding_mode : PoolPadding
        ``"excluded"`` is how torch's maximum pads; ``"zeros"`` is how its averages do by default.
    sigma : float
        In cells.
    taps : int
        Width of the blur: 2, 3 and 5 are the paper's Rect-2, Tri-3 and Bin-5. The blur is centred, so that it adds
        ``taps - 1`` cells of padding of its own, in ``blur_padding``, which is mirrored in the paper. Periodic padding
        is of the map rather than of its maxima, so that a wrapped shift by the stride is exact.
    kernel : tuple of rows, optional
        Weights of ``"strided"``, of the window's size.

    Notes
    -----
    Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019.
    """

    kind: PoolingKind
    kernel_size: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: Widths = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    ceil_mode: bool = False
    padding_mode: PoolPadding = "excluded"
    sigma: float = 1.0
    taps: int = 3
    blur_padding: PaddingMode = "reflect"
    kernel: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in POOLING_KINDS:
            raise ValueError(f"there is no pooling called {self.kind!r}; choose one of {', '.join(POOLING_KINDS)}")
        if min(*self.kernel_size, *self.stride, *self.dilation) < 1:
            raise ValueError("window, stride and dilation of a pooling are at least 1")
        if any(max(pair) >= reach for pair, reach in zip(self.padding, self.extent, strict=True)):
            raise ValueError(
                f"a window of {self.extent} cannot be padded by {self.padding}: some would see nothing else"
            )
        if not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise ValueError("the width of the Gaussian is a positive number of cells")
        if not 1 <= self.taps <= 9:
            raise ValueError("the blur is 1 to 9 cells wide")
        if self.kernel is not None and [len(row) for row in self.kernel] != [self.kernel_size[1]] * self.kernel_size[0]:
            raise ValueError(f"the kernel's weights must fill the window of {self.kernel_size}")

    @classmethod
    def of(
        cls,
        kind: PoolingKind,
        kernel_size: int | tuple[int, int] = 2,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        **further: object,
    ) -> "Pooling":
        """From numbers as torch takes them; ``further`` are the other attributes. The stride defaults to the window."""
        kernel, (rows, columns) = _pair(kernel_size), _pair(padding)
        return cls(
            kind,
            kernel,
            kernel if stride is None else _pair(stride),
            ((rows, rows), (columns, columns)),
            _pair(dilation),
            **further,  # type: ignore[arg-type]
        )

    @property
    def blurs(self) -> bool:
        return self.kind in ("blur_max", "blur_average")

    @property
    def extent(self) -> tuple[int, int]:
        """Cells from a window's first to its last, before any blur."""
        rows, columns = (d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))
        return rows, columns

    @property
    def weights(self) -> Tensor | None:
        """What each cell of the window counts, ``(rows, columns)``; None where that depends on the values."""
        if self.kind in ("max", "blur_max", "l2_sum", "l2_mean"):
            return None
        if self.kind == "weighted":
            return gaussian_window(self.kernel_size, self.sigma)
        if self.kind != "strided":
            return torch.full(self.kernel_size, 1 / math.prod(self.kernel_size))
        if self.kernel is not None:
            return torch.tensor(self.kernel)
        weights = torch.zeros(self.kernel_size)
        weights[_centre(self.kernel_size)] = 1
        return weights

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of what is made of a map; ValueError where no window fits it."""
        sizes = []
        for axis, size in enumerate((height, width)):
            covered = size + sum(self.padding[axis]) + _room(self, axis, size) - self.extent[axis]
            sizes.append(covered // self.stride[axis] + 1)
        return sizes[0], sizes[1]

    def summary(self) -> str:
        """``"Blur max 2×2 /2"``."""
        stride = "×".join(str(step) for step in dict.fromkeys(self.stride))
        step = "" if self.stride == self.kernel_size else f" /{stride}"
        if self.kind == "strided" and self.kernel is None:
            return f"Subsample /{stride}"
        return f"{_CALLED[self.kind][1]} {self.kernel_size[0]}×{self.kernel_size[1]}{step}"


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


def pool2d(
    maps: Tensor,
    kind: PoolingKind,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    **further: object,
) -> Tensor:
    """:func:`pool` with the numbers of ``Pooling.of``."""
    return pool(maps, Pooling.of(kind, kernel_size, stride, padding, **further))  # type: ignore[arg-type]


def blur(maps: Tensor, taps: int, stride: tuple[int, int] = (1, 1), mode: PaddingMode = "reflect") -> Tensor:
    """A binomial blur centred on each cell, of which every ``stride``-th is kept: the ``BlurPool`` of Zhang 2019."""
    if taps > 1:
        before, after = (taps - 1) // 2, taps // 2
        maps = pad(maps, ((before, after), (before, after)), mode)
    return _blurred(maps, taps, stride)


def _blurred(maps: Tensor, taps: int, stride: tuple[int, int]) -> Tensor:
    row = binomial(taps).to(maps)
    return _weighted_sum(maps, torch.outer(row, row), stride, (1, 1))


def binomial(taps: int) -> Tensor:
    """A row of Pascal's triangle with the sum 1, ``(taps,)``."""
    row = torch.tensor([math.comb(taps - 1, k) for k in range(taps)], dtype=torch.float64)
    return row / row.sum()


@lru_cache
def gaussian_window(kernel_size: tuple[int, int], sigma: float) -> Tensor:
    """Weights with the sum 1 that fall with the distance from the window's centre, ``(rows, columns)``."""
    rows, columns = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in kernel_size)
    weights = torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * sigma**2))
    return weights / weights.sum()


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
        return _CALLED[self.pooling.kind][0]

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
            places = [d * c for d, c in zip(dilation, _centre(kernel), strict=True)]
            padding = tuple(  # type: ignore[assignment]
                (a - at, b - (reach - 1 - at))
                for (a, b), at, reach in zip(padding, places, pooling.extent, strict=True)
            )
            kernel, dilation = (1, 1), (1, 1)
        return Geometry(kernel, pooling.stride, padding, dilation, 1, pooling.ceil_mode, mode)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else value
    return int(rows), int(columns)


def _centre(kernel_size: tuple[int, int]) -> tuple[int, int]:
    return (kernel_size[0] - 1) // 2, (kernel_size[1] - 1) // 2


def _room(pooling: Pooling, axis: int, size: int) -> int:
    """Cells that ceil mode adds after the padded map, to make its last window whole."""
    before, after = pooling.padding[axis]
    extent, stride = pooling.extent[axis], pooling.stride[axis]
    covered = size + before + after - extent
    if covered < 0:
        raise ValueError(f"a window of {extent} does not fit a map of {size} cells; choose a smaller window")
    if not pooling.ceil_mode:
        return 0
    steps = -(-covered // stride)
    if steps * stride >= size + before:  # a window that would begin after the map is none
        steps -= 1
    return max(steps * stride - covered, 0)


def _wrapped(pooling: Pooling, height: int, width: int) -> Pooling | None:
    """Padding of the map itself by what window and blur reach together; None where that is not the same.

    The windows of a periodic map are as many as its cells, and those without padding fewer: only the map itself goes
    around its border.
    """
    plain = not any(max(pair) > 0 for pair in pooling.padding) or pooling.padding_mode == "circular"
    if pooling.blur_padding != "circular" or not plain or _room(pooling, 0, height) or _room(pooling, 1, width):
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
    rooms = (_room(pooling, 0, height), _room(pooling, 1, width))
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
    top, left = (d * c for d, c in zip(pooling.dilation, _centre(pooling.kernel_size), strict=True))
    return padded[..., top :: pooling.stride[0], left :: pooling.stride[1]][..., :rows, :columns]


def _root(squares: Tensor) -> Tensor:
    """The square root, with a gradient of 0 where its own would be infinite."""
    zero = squares == 0
    return squares.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)
