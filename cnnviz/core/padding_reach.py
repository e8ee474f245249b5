"""Which cells of each layer see something from beyond a border, worked out from the layers' windows."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.graph import INPUT, Layer, LayerGraph
from cnnviz.core.placement import Along, Mix, Pick, Resize

Cells = NDArray[np.bool_]
_Places = NDArray[np.int64]

OUTSIDE, NOTHING = -1, -2
"""In a table of places: the window hangs over the border there; it reads nothing there."""


def padding_reach(graph: LayerGraph, *, periodic: bool = True) -> Mapping[str, Cells]:
    """For each layer, the cells whose value depends on what padding holds.

    A cell counts when its window, or that of any cell before it that it reads, hangs over the border of a map: over
    padding of any kind, over what pooling leaves out there (torch pads maxima with minus infinity, and cuts the last
    window in ceil mode), over the ends of a transposed convolution, where its neighbours add less, or over the edge of
    an interpolation, where it repeats the last pixel.

    Parameters
    ----------
    periodic : bool
        Whether the images are taken to be wrapped, so that periodic padding holds what belongs there and does not
        count.

    Returns
    -------
    mapping of str to array of bool (h, w)
        One cell for a layer that has no maps (C, h, w). Layers of which the graph does not tell it are missing.
    """
    found: dict[str, Cells] = {}
    for layer in graph:
        if layer.name == INPUT:
            if len(layer.output_shape) != 3:
                return MappingProxyType({})
            found[INPUT] = np.zeros(layer.output_shape[1:], bool)
        elif layer.name not in graph.unseen and layer.inputs and all(name in found for name in layer.inputs):
            reached = _reached(layer, [found[name] for name in layer.inputs], periodic)
            if reached is not None:
                found[layer.name] = reached
    return MappingProxyType(found)


def _reached(layer: Layer, inputs: Sequence[Cells], periodic: bool) -> Cells | None:
    shape = layer.output_shape[1:] if len(layer.output_shape) == 3 else (1, 1)
    reached = np.zeros(shape, bool)
    for source in inputs:
        rows, columns = (_readers(layer, source.shape[axis], shape[axis], axis, periodic) for axis in (0, 1))
        if rows is None or columns is None:
            return None
        beyond = np.pad(source, ((0, 1), (0, 1)), constant_values=True)
        reached |= rows @ beyond.astype(np.float32) @ columns.T > 0
    return reached


def _readers(layer: Layer, units: int, cells: int, axis: int, periodic: bool) -> NDArray[np.float32] | None:
    """Which cells along one axis read which units of an input, and, in the last column, what is beyond them."""
    readers = np.zeros((cells, units + 1), np.float32)
    places = _places(layer, units, cells, axis, periodic)
    if places is not None:
        # Nothing is read where there is no place: the entry for it is taken off again.
        spare = np.zeros((cells, units + 2), np.float32)
        np.put_along_axis(
            spare, np.where(places == NOTHING, units + 1, np.where(places == OUTSIDE, units, places)), 1, 1
        )
        readers[:] = spare[:, :-1]
    elif _mixes(layer, axis):
        readers[:, :-1] = 1
    elif units in (1, cells) and len(layer.output_shape) == 3:
        readers[np.arange(cells), np.arange(cells) % units] = 1
    else:
        return None
    return readers


def _mixes(layer: Layer, axis: int) -> bool:
    if isinstance(layer.placement, Mix):
        return 1 + axis in layer.placement.axes
    return len(layer.output_shape) != 3 or layer.kind in ("Flatten", "GroupNorm", "InstanceNorm2d", "LayerNorm")


def _places(layer: Layer, units: int, cells: int, axis: int, periodic: bool) -> _Places | None:
    """For each cell the units that it reads, (cells, n), with ``OUTSIDE`` beyond the border; None without a window."""
    if len(layer.inputs) == 1 and layer.kind in _WINDOWS:
        if layer.geometry is None or len(layer.geometry.kernel_size) != 2:
            return None
        return _WINDOWS[layer.kind](layer, units, cells, axis, periodic)
    if layer.kind.startswith("Adaptive") and len(layer.output_shape) == 3:
        return _bins(units, cells)
    if isinstance(layer.placement, Resize):
        return _resized(layer.placement, units, cells, axis)
    if isinstance(layer.placement, Pick) and len(layer.placement.axes) == 3:
        return _picked(layer.placement.axes[1 + axis], units, cells, axis)
    return None


def _windowed(layer: Layer, units: int, cells: int, axis: int, periodic: bool) -> _Places:
    geometry = layer.geometry
    assert geometry is not None
    reach = np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis] - geometry.padding[axis][0]
    places = np.arange(cells)[:, None] * geometry.stride[axis] + reach
    if geometry.padding_mode == "circular" and periodic:
        return places % units
    return np.asarray(np.where((places < 0) | (places >= units), OUTSIDE, places))


def _transposed(layer: Layer, units: int, cells: int, axis: int, periodic: bool) -> _Places:
    geometry = layer.geometry
    assert geometry is not None
    stride = geometry.stride[axis]
    taps = np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
    places = np.arange(cells)[:, None] + geometry.padding[axis][0] - taps
    # What lies between two units is a hole that no unit writes to, wherever the border is.
    beyond = (places < 0) | (places >= units * stride)
    written = places % stride == 0
    return np.asarray(np.where(written, np.where(beyond, OUTSIDE, places // stride), NOTHING))


def _bins(units: int, cells: int) -> _Places:
    first = np.arange(cells) * units // cells
    last = -(-(np.arange(cells) + 1) * units // cells) - 1
    width = int((last - first).max()) + 1
    return np.asarray(np.minimum(first[:, None] + np.arange(width), last[:, None]))


def _resized(resize: Resize, units: int, cells: int, axis: int) -> _Places | None:
    if resize.antialias or resize.mode not in ("nearest", "nearest-exact", "linear", "cubic", "area"):
        return None
    if resize.mode == "area":
        return _bins(units, cells)
    given = resize.scale[axis] if axis < len(resize.scale) else None
    step = units / cells if given is None else 1 / given
    places = np.arange(cells, dtype=float)
    if resize.align_corners:
        places = places * ((units - 1) / (cells - 1) if cells > 1 else 0.0)
    elif resize.mode == "nearest":
        places = np.minimum(np.floor(places * step), units - 1)
    else:
        places = (places + 0.5) * step - 0.5
    if resize.mode == "nearest-exact":
        places = np.clip(np.floor(places + 0.5), 0, units - 1)
    base = np.floor(places + 1e-6)
    whole = np.abs(places - np.round(places)) < 1e-6
    offsets = {"linear": (0, 1), "cubic": (-1, 0, 1, 2)}.get(resize.mode, (0,))
    taps = base[:, None] + np.where(whole[:, None], 0, np.array(offsets))
    return np.asarray(np.where((taps < 0) | (taps >= units), OUTSIDE, taps).astype(np.int64))


def _picked(along: Along | None, units: int, cells: int, axis: int) -> _Places | None:
    if along is None or along.source != 1 + axis:
        return None
    if not along.spans:
        return ((along.first + np.arange(cells) * along.step) % units)[:, None]
    width = max(last - first for first, last in along.spans) + 1
    spans = np.array(along.spans)
    return np.asarray(np.minimum(spans[:, :1] + np.arange(width), spans[:, 1:]))


_Window = Callable[[Layer, int, int, int, bool], _Places]
_WINDOWS: Mapping[str, _Window] = {
    **dict.fromkeys(("Conv2d", "MaxPool2d", "AvgPool2d", "LPPool2d", "Pad", "ZeroPad2d", "ConstantPad2d"), _windowed),
    **dict.fromkeys(("ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"), _windowed),
    **dict.fromkeys(("WeightedPool2d", "BlurPool2d", "StridedPool2d"), _windowed),
    "ConvTranspose2d": _transposed,
}
