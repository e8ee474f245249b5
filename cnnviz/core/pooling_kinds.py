"""The kinds of pooling, their windows and weights, as values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor

from cnnviz.core.choices import PaddingMode, PoolingKind
from cnnviz.core.padding import Widths

POOLING_KINDS: tuple[PoolingKind, ...] = get_args(PoolingKind)

PoolPadding = Literal["excluded", "zeros", "circular", "reflect", "replicate"]
"""What a window reads beyond the border; with "excluded" nothing: it summarises those of its cells that exist."""

# as a layer: its kind, and what a diagram calls it
CALLED: MappingProxyType[PoolingKind, tuple[str, str]] = MappingProxyType(
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
        weights[centre_of(self.kernel_size)] = 1
        return weights

    def room(self, axis: int, size: int) -> int:
        """Cells that ceil mode adds after the padded map of ``size`` cells, to make its last window whole.

        Raises
        ------
        ValueError
            No window fits the map.
        """
        before, after = self.padding[axis]
        extent, stride = self.extent[axis], self.stride[axis]
        covered = size + before + after - extent
        if covered < 0:
            raise ValueError(f"a window of {extent} does not fit a map of {size} cells; choose a smaller window")
        if not self.ceil_mode:
            return 0
        steps = -(-covered // stride)
        if steps * stride >= size + before:  # a window that would begin after the map is none
            steps -= 1
        return max(steps * stride - covered, 0)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of what is made of a map; ValueError where no window fits it."""
        sizes = []
        for axis, size in enumerate((height, width)):
            covered = size + sum(self.padding[axis]) + self.room(axis, size) - self.extent[axis]
            sizes.append(covered // self.stride[axis] + 1)
        return sizes[0], sizes[1]

    def summary(self) -> str:
        """``"Blur max 2×2 /2"``."""
        stride = "×".join(str(step) for step in dict.fromkeys(self.stride))
        step = "" if self.stride == self.kernel_size else f" /{stride}"
        if self.kind == "strided" and self.kernel is None:
            return f"Subsample /{stride}"
        if self.blurs and self.kernel_size == (1, 1):
            return f"Blur {self.taps}×{self.taps}{step}"
        return f"{CALLED[self.kind][1]} {self.kernel_size[0]}×{self.kernel_size[1]}{step}"


@lru_cache
def gaussian_window(kernel_size: tuple[int, int], sigma: float) -> Tensor:
    """Weights with the sum 1 that fall with the distance from the window's centre, ``(rows, columns)``."""
    rows, columns = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in kernel_size)
    weights = torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * sigma**2))
    return weights / weights.sum()


def binomial(taps: int) -> Tensor:
    """A row of Pascal's triangle with the sum 1, ``(taps,)``."""
    row = torch.tensor([math.comb(taps - 1, k) for k in range(taps)], dtype=torch.float64)
    return row / row.sum()


def centre_of(kernel_size: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the cell in the middle of a window; of an even side the first of its two."""
    return (kernel_size[0] - 1) // 2, (kernel_size[1] - 1) // 2


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else value
    return int(rows), int(columns)
