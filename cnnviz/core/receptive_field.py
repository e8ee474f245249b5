"""Which input pixels can reach a unit, computed from the layers' windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.graph import INPUT, Geometry, Layer, LayerGraph

Box = tuple[int, int, int, int]
"""First row, first column, height and width, in input pixels."""


class UnknownOperation(ValueError):
    """A layer does something to positions that is not known here; the message names it."""


class UnalignedBranches(ValueError):
    """Branches of different effective strides meet in a layer, so that no one field fits its units."""


@dataclass(frozen=True, slots=True, eq=False)
class ReceptiveField:
    """Input pixels that can reach the units of one layer.

    Attributes
    ----------
    size, stride, start : (int, int)
        For rows and columns, in input pixels; unit ``i`` covers ``start + i * stride`` to
        ``start + i * stride + size - 1``, which may lie outside the image. The stride is 0 where all units share one
        field, as after global pooling.
    first, last : pair of arrays of int
        For rows and columns, the first and last pixel of the image that really reaches each unit: without padding, and
        without pixels that no window of an earlier layer takes in. Where there is none, ``first > last``.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    start: tuple[int, int]
    first: tuple[NDArray[np.int64], NDArray[np.int64]]
    last: tuple[NDArray[np.int64], NDArray[np.int64]]

    def box(self, row: int = 0, column: int = 0) -> Box:
        """The field of a unit by theory, which may lie outside the image."""
        top, left = (s + i * d for s, i, d in zip(self.start, (row, column), self.stride, strict=True))
        return top, left, *self.size

    def clipped_box(self, row: int = 0, column: int = 0) -> Box:
        """The part of the image that reaches a unit; of height or width 0 if there is none. Raises IndexError."""
        tops = [int(self.first[axis][place]) for axis, place in enumerate((row, column))]
        ends = [int(self.last[axis][place]) for axis, place in enumerate((row, column))]
        height, width = (max(end - top + 1, 0) for top, end in zip(tops, ends, strict=True))
        return tops[0], tops[1], height, width


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    """A field along one axis; ``first`` and ``last`` have an entry for each unit."""

    size: int
    stride: int
    start: int
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def units(self) -> int:
        return len(self.first)

    def whole(self, units: int) -> "_Axis":
        """The field of units that each read this whole axis."""
        size = self.size + (self.units - 1) * self.stride
        first, last = self.first.min(), self.last.max()
        return _Axis(size, 0, self.start, np.full(units, first), np.full(units, last))


def receptive_field(graph: LayerGraph, layer: str) -> ReceptiveField:
    """Input pixels that can reach one unit of ``layer``.

    Branches are joined by their union; a stride mismatch between them is an error, not a guess.

    Parameters
    ----------
    graph : LayerGraph
        Of a network that reads images (C, H, W).
    layer : str
        Units of layers without spatial axes, as after ``Flatten``, are taken to read the whole map.

    Raises
    ------
    KeyError
        The graph has no such layer.
    UnknownOperation
        The layer or one before it does something to positions that is not known here.
    UnalignedBranches
        The branches of a layer have different effective strides.

    Notes
    -----
    Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019.
    Unlike the paper, adaptive pooling is taken to cover the whole map, as are normalisations that look at all of it
    (group, layer and instance normalisation).
    """
    graph[layer]
    needed = {layer}
    for candidate in reversed(graph.layers):
        if candidate.name in needed:
            needed.update(candidate.inputs)
    axes: dict[str, tuple[_Axis, _Axis]] = {}
    for candidate in graph.layers:
        if candidate.name in needed:
            axes[candidate.name] = _axes_of(graph, candidate, axes)
    rows, columns = axes[layer]
    return ReceptiveField(
        (rows.size, columns.size),
        (rows.stride, columns.stride),
        (rows.start, columns.start),
        (rows.first, columns.first),
        (rows.last, columns.last),
    )


def _axes_of(graph: LayerGraph, layer: Layer, known: dict[str, tuple[_Axis, _Axis]]) -> tuple[_Axis, _Axis]:
    if layer.name == INPUT:
        return _input(layer)
    if not layer.inputs:
        raise UnknownOperation(f"{layer.name} ({layer.kind}) does not read the network's input")
    if layer.name in graph.unseen:
        raise UnknownOperation(f"before {layer.name} the network computes something that the graph does not show")
    inputs = [known[name] for name in layer.inputs]
    if not any(len(graph[name].output_shape) > 1 for name in layer.inputs):
        rule: Rule = _whole  # whatever is done to units that are no maps, the whole map is behind each
    else:
        rule = _RULES.get(layer.kind) or _unknown
    rows, columns = (rule(layer, [pair[axis] for pair in inputs], axis) for axis in (0, 1))
    return rows, columns


def _input(layer: Layer) -> tuple[_Axis, _Axis]:
    if len(layer.output_shape) != 3:
        raise UnknownOperation(f"the network's input has the shape {layer.output_shape}, which is no image (C, H, W)")
    rows, columns = (_Axis(1, 1, 0, np.arange(size), np.arange(size)) for size in layer.output_shape[1:])
    return rows, columns


Rule = Callable[[Layer, Sequence[_Axis], int], _Axis]


def _unknown(layer: Layer, inputs: Sequence[_Axis], axis: int) -> _Axis:
    raise UnknownOperation(f"what {layer.kind} does to positions is not known (layer {layer.name})")


def _units(layer: Layer, axis: int) -> int:
    return layer.output_shape[1 + axis] if len(layer.output_shape) == 3 else 1


def _windowed(layer: Layer, inputs: Sequence[_Axis], axis: int) -> _Axis:
    (source,) = inputs
    if layer.geometry is None or len(layer.geometry.kernel_size) != 2:
        return _unknown(layer, inputs, axis)
    geometry = layer.geometry
    kernel, dilation = geometry.kernel_size[axis], geometry.dilation[axis]
    stride, (before, _) = geometry.stride[axis], geometry.padding[axis]
    offsets = np.arange(_units(layer, axis))[:, None] * stride - before + np.arange(kernel) * dilation
    places, real = _inside(offsets, source.units, geometry)
    first = np.where(real, source.first[places], np.iinfo(np.int64).max).min(1)
    last = np.where(real, source.last[places], -1).max(1)
    return _Axis(
        source.size + (kernel - 1) * dilation * source.stride,
        source.stride * stride,
        source.start - before * source.stride,
        first,
        last,
    )


def _inside(places: NDArray[np.int64], units: int, geometry: Geometry) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which units a padded map holds at ``places``, and whether there is one at all."""
    real = (places >= 0) & (places < units)
    # Pooling in ceil mode may reach beyond even the padding, where nothing is.
    if geometry.padding_mode == "circular":
        return places % units, np.ones_like(real)
    if geometry.padding_mode == "reflect":
        inner = np.abs(places)
        return units - 1 - np.abs(units - 1 - inner), np.ones_like(real)
    clipped = places.clip(0, units - 1)
    return clipped, np.ones_like(real) if geometry.padding_mode == "replicate" else real


def _whole(layer: Layer, inputs: Sequence[_Axis], axis: int) -> _Axis:
    units = _units(layer, axis)
    return _union(layer, [source.whole(units) for source in inputs], axis)


def _pointwise(layer: Layer, inputs: Sequence[_Axis], axis: int) -> _Axis:
    units = _units(layer, axis)
    if len(layer.output_shape) != 3 or any(source.units not in (1, units) for source in inputs):
        return _unknown(layer, inputs, axis)
    return _union(layer, inputs, axis)


def _reduction(layer: Layer, inputs: Sequence[_Axis], axis: int) -> _Axis:
    """Means and the like, over channels if the map is kept, else over the map."""
    if len(layer.output_shape) == 3 and _units(layer, axis) == inputs[0].units:
        return _pointwise(layer, inputs, axis)
    if len(layer.output_shape) == 1 or _units(layer, axis) == 1:
        return _whole(layer, inputs, axis)
    return _unknown(layer, inputs, axis)


def _union(layer: Layer, inputs: Sequence[_Axis], axis: int) -> _Axis:
    """The field of units that read the unit at their own place in each input, or the only one there is."""
    units = _units(layer, axis)
    spread = [source.whole(units) if source.units < units else source for source in inputs]
    shared = [source for source in spread if source.stride == 0]
    moving = [source for source in spread if source.stride != 0]
    if units > 1 and len({source.stride for source in moving}) > 1:
        strides = ", ".join(f"{name}: {s.stride}" for name, s in zip(layer.inputs, inputs, strict=True))
        raise UnalignedBranches(f"the branches of {layer.name} have different effective strides ({strides})")
    start, end = _hull(spread)
    stride = max(source.stride for source in spread)
    if units > 1 and shared and moving:
        # A branch that reads the whole map, such as a gate, swallows the others if they lie in it.
        if _hull(shared) != _hull([*shared, *(source.whole(units) for source in moving)]):
            raise UnalignedBranches(f"a branch of {layer.name} reads the whole map, and another reads beyond it")
        stride, (start, end) = 0, _hull(shared)
    first = np.min([source.first for source in spread], axis=0)
    last = np.max([source.last for source in spread], axis=0)
    return _Axis(end - start, stride, start, first, last)


def _hull(axes: Sequence[_Axis]) -> tuple[int, int]:
    """The first pixel in the fields of the first units, and the one after their last."""
    return min(a.start for a in axes), max(a.start + a.size for a in axes)


_POINTWISE_KINDS = (
    "Add Subtract Multiply Divide Concat Split Clamp Identity Dropout Dropout1d Dropout2d Dropout3d AlphaDropout "
    "FeatureAlphaDropout Slice BatchNorm2d SyncBatchNorm LocalResponseNorm CrossMapLRN2d ChannelShuffle Softmax2d ReLU "
    "ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Tanhshrink Softplus Softsign "
    "Softshrink Hardshrink Hardsigmoid Hardswish Hardtanh Threshold Abs Neg Pow Sqrt Rsqrt Exp Log Square "
    "Maximum Minimum"
)
_WINDOWED_KINDS = (
    "Conv2d MaxPool2d AvgPool2d LPPool2d Pad ZeroPad2d ConstantPad2d ReflectionPad2d ReplicationPad2d CircularPad2d"
)
_WHOLE_KINDS = "Flatten Linear AdaptiveAvgPool2d AdaptiveMaxPool2d GroupNorm LayerNorm InstanceNorm2d"

_RULES: dict[str, Rule] = {
    **dict.fromkeys(_POINTWISE_KINDS.split(), _pointwise),
    **dict.fromkeys(_WINDOWED_KINDS.split(), _windowed),
    **dict.fromkeys(_WHOLE_KINDS.split(), _whole),
    **dict.fromkeys(("Mean", "Sum", "Amax", "Amin", "Max", "Min"), _reduction),
}
