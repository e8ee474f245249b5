"""Operators that change the size of a map.

What ``nn.Upsample`` computes is such a module. Every other of ONNX's many ways is a matrix for each axis, whose rows
say which old pixels a new one is made of; nearest neighbours are picked instead.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, Operation, Unsupported, Value, counted

_MODES = ("nearest", "linear", "cubic")
_LARGEST = 65_536
_LARGEST_MATRIX = 1 << 24


@dataclass(frozen=True)
class _Axis:
    """One axis that is resized; ``scale`` is new over old size, as the file says it or as the sizes give it."""

    axis: int
    old: int
    new: int
    scale: float
    start: float = 0.0
    end: float = 1.0


def _resize(call: Call) -> nn.Module:
    call.is_live_alone()
    mode = {"bilinear": "linear"}.get(call.get("mode", "nearest"), call.get("mode", "nearest"))
    if mode not in _MODES:
        raise Unsupported(f"its mode is {mode}")
    axes = [axis for axis in _axes(call) if axis.new != axis.old or axis.scale != 1 or _crops(call)]
    if not axes:
        return nn.Identity()
    return _upsample_module(call, axes, mode) or _by_axis(call, axes, mode)


def _crops(call: Call) -> bool:
    return bool(call.get("coordinate_transformation_mode") == "tf_crop_and_resize")


def _axes(call: Call) -> list[_Axis]:
    """What becomes of each axis: from attributes (opset 1, 7), one input (9, 10), or either of two (11 on)."""
    shape, rank = call.shape(), call.rank()
    places = [counted(axis, rank) for axis in call.get("axes") or range(rank)]
    regions = [(0.0, 1.0)] * rank
    if call.operator == "Resize" and call.opset >= 11:
        if _crops(call):
            region = [float(number) for number in call.constant(1).flatten().tolist()]
            if len(region) != 2 * len(places):
                raise Unsupported(f"its region has {len(region)} numbers")
            for place, start, end in zip(places, region, region[len(places) :], strict=False):
                regions[place] = (start, end)
        sizes = call.integers(3) if call.has(3) else []
        scales = call.constant(2).flatten().tolist() if call.has(2) else []
    else:
        sizes, scales = [], _old_scales(call)
    if len(sizes or scales) != len(places):
        raise Unsupported(f"it has {len(sizes or scales)} sizes for {len(places)} axes")
    if sizes:
        sizes, scales = _with_ratio(call, sizes, places)
    found = []
    for index, place in enumerate(places):
        scale, (start, end) = float(scales[index]), regions[place]
        if not 0 < scale < math.inf:
            raise Unsupported(f"it makes an axis {scale} times as long")
        new = sizes[index] if sizes else math.floor(shape[place] * scale * (end - start))
        if not 0 < new <= _LARGEST:
            raise Unsupported(f"it makes an axis of {new} entries")
        found.append(_Axis(place, shape[place], new, scale, start, end))
    return found


def _old_scales(call: Call) -> list[float]:
    if call.opset >= 9:
        scales: list[float] = call.constant(1).flatten().tolist()
        return scales
    if call.opset >= 7:
        return list(call.get("scales") or [])
    return [1.0, 1.0, float(call.get("height_scale", 0)), float(call.get("width_scale", 0))]


def _with_ratio(call: Call, sizes: list[int], places: list[int]) -> tuple[list[int], list[float]]:
    scales = [size / call.shape()[place] for size, place in zip(sizes, places, strict=True)]
    policy = call.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return sizes, scales
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [math.floor(scale * call.shape()[place] + 0.5) for place in places], [scale] * len(places)


def _transformation(call: Call) -> str:
    if call.operator == "Upsample" or call.opset < 11:
        return "asymmetric"
    return str(call.get("coordinate_transformation_mode", "half_pixel"))


def _rounding(call: Call) -> str:
    if call.operator == "Upsample" or call.opset < 11:
        return "floor"
    return str(call.get("nearest_mode", "round_prefer_floor"))


def _upsample_module(call: Call, axes: list[_Axis], mode: str) -> nn.Module | None:
    """``nn.Upsample`` where it gives the same."""
    in_plane = call.rank() == 4 and all(axis.axis > 1 for axis in axes)
    if not in_plane or call.get("antialias", 0) or call.get("exclude_outside", 0):
        return None
    new = list(call.shape()[2:])
    for axis in axes:
        new[axis.axis - 2] = axis.new
    transformation, whole = _transformation(call), all(float(axis.scale).is_integer() for axis in axes)
    exact = all(axis.new == axis.old * axis.scale for axis in axes)
    if mode == "nearest":
        # Multiples put whole blocks in a pixel's place, from wherever their centre is measured.
        floors = transformation == "asymmetric" and _rounding(call) == "floor"
        centred = transformation == "half_pixel" and _rounding(call).startswith("round")
        if whole and exact and (floors or centred):
            return nn.Upsample(size=tuple(new), mode="nearest")
        return None
    if not exact or (mode == "cubic" and call.get("cubic_coeff_a", -0.75) != -0.75):
        return None
    kind = {"linear": "bilinear", "cubic": "bicubic"}[mode]
    if transformation == "align_corners":
        return nn.Upsample(size=tuple(new), mode=kind, align_corners=True)
    centred = transformation == "half_pixel" or (transformation == "pytorch_half_pixel" and min(new) > 1)
    return nn.Upsample(size=tuple(new), mode=kind, align_corners=False) if centred else None


def _by_axis(call: Call, axes: list[_Axis], mode: str) -> nn.Module:
    if mode == "nearest" and not _crops(call):
        picked = [Value(torch.from_numpy(_nearest(call, axis)), live=False) for axis in axes]

        def select(x: Tensor, *indices: Tensor) -> Tensor:
            for axis, index in zip(axes, indices, strict=True):
                x = x.index_select(axis.axis, index)
            return x

        return Operation(select, [call.value(0), *picked])
    outside = [_outside(call, axis) for axis in axes]
    made = [
        Value(torch.from_numpy(_matrix(call, axis, mode).astype(np.float32)).t().contiguous(), live=False)
        for axis in axes
    ]
    fill = Value(torch.from_numpy(_join(call, axes, outside)), live=False) if _crops(call) else None
    beyond = float(call.get("extrapolation_value", 0.0))

    def resized(x: Tensor, fill: Tensor | None, *matrices: Tensor) -> Tensor:
        for axis, matrix in zip(axes, matrices, strict=True):
            x = torch.matmul(x.transpose(axis.axis, -1), matrix).transpose(axis.axis, -1)
        return x if fill is None else torch.where(fill, beyond, x)

    return Operation(resized, [call.value(0), fill, *made])


def _join(call: Call, axes: list[_Axis], outside: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Where a position lies outside along any axis, shaped so that it is spread over the result."""
    joined = np.zeros((1,) * call.rank(), bool)
    for axis, places in zip(axes, outside, strict=True):
        shape = [1] * call.rank()
        shape[axis.axis] = -1
        joined = joined | places.reshape(shape)
    return joined


def _positions(call: Call, axis: _Axis) -> NDArray[np.floating]:
    """Where each new pixel lies among the old ones.

    In single precision, as elsewhere: a scale such as 0.6 decides by its rounding which of two pixels is the nearest.
    """
    new, scale = np.arange(axis.new, dtype=np.float32), np.float32(axis.scale)
    match _transformation(call):
        case "half_pixel":
            return (new + 0.5) / scale - 0.5
        case "half_pixel_symmetric":
            # The size as it was rounded, against the size that the scale asks for.
            adjusted = axis.new / (scale * axis.old)
            return axis.old / 2 * (1 - adjusted) + (new + 0.5) / scale - 0.5
        case "pytorch_half_pixel":
            return (new + 0.5) / scale - 0.5 if axis.new > 1 else new * 0
        case "align_corners":
            return new * (axis.old - 1) / (axis.new - 1) if axis.new > 1 else new * 0
        case "asymmetric":
            return new / scale
        case "tf_crop_and_resize":
            last = axis.old - 1
            if axis.new > 1:
                return axis.start * last + new * (axis.end - axis.start) * last / (axis.new - 1)
            return new * 0 + 0.5 * (axis.start + axis.end) * last
        case other:
            raise Unsupported(f"its coordinates are {other}")


def _outside(call: Call, axis: _Axis) -> NDArray[np.bool_]:
    positions = _positions(call, axis)
    return (positions < 0) | (positions > axis.old - 1)


_ROUND: dict[str, Callable[[NDArray[np.floating]], NDArray[np.floating]]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _nearest(call: Call, axis: _Axis) -> NDArray[np.int64]:
    if _rounding(call) not in _ROUND:
        raise Unsupported(f"it rounds by {_rounding(call)}")
    return _ROUND[_rounding(call)](_positions(call, axis)).clip(0, axis.old - 1).astype(np.int64)


def _matrix(call: Call, axis: _Axis, mode: str) -> NDArray[np.floating]:
    """Weights of the old pixels (columns) in each new one (rows); they add up to one."""
    if axis.new * axis.old > _LARGEST_MATRIX:
        raise Unsupported(f"it makes {axis.new:,} entries of {axis.old:,}")
    matrix = np.zeros((axis.new, axis.old))
    if mode == "nearest":
        matrix[np.arange(axis.new), _nearest(call, axis)] = 1
        return matrix
    kernel, reach = _kernel(call, mode)
    positions = _positions(call, axis)
    stretch = min(axis.scale, 1.0) if call.get("antialias", 0) else 1.0
    span = math.ceil(reach / stretch)
    first = np.floor(positions).astype(int)
    rows = np.arange(axis.new)
    for offset in range(-span + 1, span + 1):
        places = first + offset
        weights = kernel((positions - places) * stretch)
        if call.get("exclude_outside", 0):
            weights = np.where((places >= 0) & (places < axis.old), weights, 0)
        np.add.at(matrix, (rows, places.clip(0, axis.old - 1)), weights)
    sums: NDArray[np.floating] = matrix.sum(1, keepdims=True)
    return matrix / sums


def _kernel(call: Call, mode: str) -> tuple[Callable[[NDArray[np.floating]], NDArray[np.floating]], int]:
    """The weight of a pixel by its distance, and how far it reaches."""
    if mode == "linear":
        return lambda distance: np.maximum(1 - np.abs(distance), 0), 1
    a = float(call.get("cubic_coeff_a", -0.75))

    def cubic(distance: NDArray[np.floating]) -> NDArray[np.floating]:
        """Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981."""
        d = np.abs(distance)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0))

    return cubic, 2


MAKERS: dict[str, Maker] = {"Resize": _resize, "Upsample": _resize}
