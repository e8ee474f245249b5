"""What lies beyond the border of a map, for padding of any width on maps of any size."""

from collections.abc import Sequence
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.choices import PaddingMode
from cnnviz.core.graph import Geometry
from cnnviz.core.stand_in import StandIn

Widths = tuple[tuple[int, int], tuple[int, int]]
"""Pixels added above and below, left and right; negative where they are cropped."""

_PAD_KINDS = MappingProxyType(
    {"zeros": "ZeroPad2d", "circular": "CircularPad2d", "reflect": "ReflectionPad2d", "replicate": "ReplicationPad2d"}
)


def pad(maps: Tensor, widths: Widths, mode: PaddingMode = "zeros", value: float = 0.0) -> Tensor:
    """``maps`` (N, C, H, W) with pixels added around them.

    Padding wider than the map goes on as NumPy's does: around once more, or mirrored back and forth, where
    ``torch.nn.functional.pad`` refuses it.

    Parameters
    ----------
    maps : Tensor (N, C, H, W)
        Not empty, but for zero padding.
    value : float
        What "zeros" adds.
    """
    (top, bottom), (left, right) = widths
    if min(top, bottom, left, right) < 0:
        maps = F.pad(maps, tuple(min(width, 0) for width in (left, right, top, bottom)))
        top, bottom, left, right = (max(width, 0) for width in (top, bottom, left, right))
    if not (top or bottom or left or right):
        return maps
    if mode == "zeros":
        return F.pad(maps, (left, right, top, bottom), value=value)
    height, width = maps.shape[-2:]
    room = {"circular": 0, "reflect": 1, "replicate": -max(top, bottom, left, right)}[mode]
    if max(top, bottom) <= height - room and max(left, right) <= width - room:
        return F.pad(maps, (left, right, top, bottom), mode=mode)
    rows = _places(height, top, bottom, mode, maps.device)
    columns = _places(width, left, right, mode, maps.device)
    return maps.index_select(-2, rows).index_select(-1, columns)


def _places(size: int, before: int, after: int, mode: PaddingMode, device: torch.device) -> Tensor:
    """Which pixel of an axis each pixel of the padded axis shows."""
    places = torch.arange(-before, size + after, device=device)
    if mode == "circular":
        return places % size
    if mode == "replicate" or size == 1:
        return places.clamp(0, size - 1)
    period = 2 * (size - 1)
    places = places % period
    return torch.minimum(places, period - places)


def same_widths(kernel_size: Sequence[int], dilation: Sequence[int]) -> Widths:
    """Padding with which a window at stride 1 gives a map of its input's size; the odd pixel goes after it."""
    rows, columns = (d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True))
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


class Pad2d(StandIn, nn.Module):
    """Padding as a layer, of any width on maps of any size."""

    def __init__(self, widths: Widths, mode: PaddingMode) -> None:
        super().__init__()
        self.widths = widths
        self.mode = mode

    def forward(self, maps: Tensor) -> Tensor:
        return pad(maps, self.widths, self.mode)

    @property
    def layer_kind(self) -> str:
        return _PAD_KINDS[self.mode]

    @property
    def layer_geometry(self) -> Geometry:
        return Geometry((1, 1), (1, 1), self.widths, (1, 1), padding_mode=self.mode)


class PaddedConv2d(StandIn, nn.Conv2d):
    """A convolution whose padding may be of any width, on maps of any size; ``widths`` is set on what becomes one."""

    widths: Widths

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = pad(input, self.widths, self.padding_mode)
        return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    @property
    def layer_kind(self) -> str:
        return "Conv2d"

    @property
    def layer_geometry(self) -> Geometry:
        return Geometry(
            self.kernel_size, self.stride, self.widths, self.dilation, self.groups, padding_mode=self.padding_mode
        )


class MiddleFlatten(StandIn, nn.Module):
    """Flattens maps as ``nn.Flatten`` does, of larger ones the ``size`` (rows, columns) in their middle alone.

    So a linear layer, whose weights are for one size, goes on where maps before it have grown. Its geometry is a
    padding of less than nothing: what it left out of the maps that it saw last.
    """

    layer_kind = "Flatten"

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.layer_summary = f"the middle {size[0]}×{size[1]}"
        self._left_out: Widths = ((0, 0), (0, 0))

    def forward(self, maps: Tensor) -> Tensor:
        spare = [max(have - keep, 0) for have, keep in zip(maps.shape[-2:], self.size, strict=True)]
        rows, columns = ((each // 2, each - each // 2) for each in spare)
        self._left_out = (rows, columns)
        height, width = maps.shape[-2:]
        return maps[..., rows[0] : height - rows[1], columns[0] : width - columns[1]].flatten(-3)

    @property
    def layer_geometry(self) -> Geometry:
        rows, columns = self._left_out
        return Geometry((1, 1), (1, 1), ((-rows[0], -rows[1]), (-columns[0], -columns[1])), (1, 1))


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
) -> Tensor:
    """``torch.nn.functional.conv2d``, with its parameters, and any padding mode."""
    if padding == "same":
        widths = same_widths(weight.shape[2:], _pair(dilation))
    else:
        rows, columns = _pair(0 if isinstance(padding, str) else padding)
        widths = (rows, rows), (columns, columns)
    return F.conv2d(pad(input, widths, padding_mode), weight, bias, _pair(stride), 0, _pair(dilation), groups)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else (value[0], value[-1])
    return rows, columns
