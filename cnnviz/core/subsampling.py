"""Layers that leave cells out: convolutions with a stride, and slices with a step. Without torch."""

from cnnviz.core.graph import Layer, LayerGraph
from cnnviz.core.placement import Along, Pick

FARTHEST = 4
"""Taken at every cell, a convolution costs the square of its stride times as much."""


def subsampling(layer: Layer, graph: LayerGraph) -> tuple[int, int] | None:
    """The stride of ``layer`` in rows and columns, where something could pool in its place; else None.

    That is a convolution of maps by a module of its own, with a stride of at most ``FARTHEST``, or a slice that keeps
    every so many cells from the first on, as ``x[:, :, ::2, ::2]`` does in the shortcuts of residual networks.
    """
    stride = _of_convolution(layer) if layer.kind == "Conv2d" else _of_slice(layer, graph)
    return stride if stride is not None and 1 < max(stride) <= FARTHEST else None


def _of_convolution(layer: Layer) -> tuple[int, int] | None:
    geometry = layer.geometry
    if geometry is None or layer.module_path is None or len(geometry.stride) != 2:
        return None
    return geometry.stride[0], geometry.stride[1]


def _of_slice(layer: Layer, graph: LayerGraph) -> tuple[int, int] | None:
    if layer.kind != "Slice":
        return None
    if layer.geometry is not None:  # something pools in its place already
        return layer.geometry.stride[0], layer.geometry.stride[1]
    # a call of a function is replaced only where torch.fx sees it
    if not isinstance(layer.placement, Pick) or graph.method != "torch.fx":
        return None
    before, axes = graph[layer.inputs[0]].output_shape, layer.placement.axes
    if len(before) != 3 or len(axes) != 3 or None in axes:
        return None
    channels, rows, columns = (axis for axis in axes if axis is not None)
    whole = tuple(-(-size // axis.step) for size, axis in zip(before, (channels, rows, columns), strict=True))
    steps = channels == Along(0) and rows == Along(1, step=rows.step) and columns == Along(2, step=columns.step)
    return (rows.step, columns.step) if steps and whole == layer.output_shape else None
