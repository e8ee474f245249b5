"""Strided convolutions taken apart: the convolution at every cell, and what becomes of the cells left out."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.graph import Geometry
from cnnviz.core.padding import PaddedConv2d, pad
from cnnviz.core.pooling import Pool2d, Pooling, pool


class PooledConv2d(PaddedConv2d):
    """A convolution at stride 1, whose maps ``pooling`` makes smaller instead of a stride.

    With ``Pooling("strided", (1, 1), stride)`` it is the strided convolution itself; with a window of one cell that is
    blurred, what Zhang 2019 puts in its place.
    """

    pooling: Pooling

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = pad(input, self.widths, self.padding_mode)
        return pool(F.conv2d(padded, weight, bias, 1, 0, self.dilation, self.groups), self.pooling)

    @property
    def layer_geometry(self) -> Geometry:
        """What an output reads of the input: the windows of all cells that it pools."""
        pooled, extent = Pool2d(self.pooling).layer_geometry, self._extent
        if pooled.kernel_size == (1, 1):
            kernel, dilation = self.kernel_size, self.dilation
        else:
            reach = [d * (k - 1) for k, d in zip(pooled.kernel_size, pooled.dilation, strict=True)]
            kernel, dilation = (extent[0] + reach[0], extent[1] + reach[1]), (1, 1)
        rows, columns = ((a + c, b + d) for (a, b), (c, d) in zip(self.widths, pooled.padding, strict=True))
        # where both pad, that of the convolution says more: its cells lie beyond those of the pooling
        mode = self.padding_mode if any(map(any, self.widths)) else pooled.padding_mode
        return Geometry(kernel, pooled.stride, (rows, columns), dilation, self.groups, pooled.ceil_mode, mode)

    @property
    def layer_summary(self) -> str:
        rows, columns = self.kernel_size
        return f"Conv {rows}×{columns}, {self.pooling.summary()}"

    def layer_macs(self, input_shape: torch.Size) -> int:
        """Multiply-adds for a batch: those of the convolution at every cell."""
        padded = (size + sum(pair) for size, pair in zip(input_shape[-2:], self.widths, strict=True))
        cells = math.prod(size - reach + 1 for size, reach in zip(padded, self._extent, strict=True))
        return input_shape[0] * cells * self.weight.numel()

    @property
    def _extent(self) -> tuple[int, int]:
        rows, columns = (d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))
        return rows, columns


def dense_maps(conv: nn.Conv2d, maps: Tensor) -> Tensor:
    """What ``conv`` gives for ``maps`` (N, C, H, W) at stride 1: also the cells that its stride leaves out."""
    if isinstance(conv, PaddedConv2d):
        widths = conv.widths
    else:
        left, right, top, bottom = conv._reversed_padding_repeated_twice
        widths = (top, bottom), (left, right)
    padded = pad(maps, widths, conv.padding_mode)
    return F.conv2d(padded, conv.weight, conv.bias, 1, 0, conv.dilation, conv.groups)
