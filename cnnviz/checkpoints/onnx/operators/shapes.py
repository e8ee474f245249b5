"""Operators that change the shape of a tensor, or make one of a given shape."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, Operation, Unsupported, Value, counted, operation

_TYPES = {
    **dict.fromkeys((1, 10, 11, 16), torch.float32),  # all that is not whole is computed in single precision
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
}


def _reshape(call: Call) -> nn.Module:
    target = call.get("shape") if call.opset < 5 else call.integers(1)
    if not isinstance(target, list):
        raise Unsupported("it does not say to which shape")
    shape = call.shape()
    sizes = [
        shape[axis] if size == 0 and not call.get("allowzero", 0) and axis < len(shape) else size
        for axis, size in enumerate(target)
    ]
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes):
        raise Unsupported(f"it is to have the shape {target}")
    rest = math.prod(size for size in sizes if size != -1)
    sizes = [math.prod(shape) // rest if size == -1 and rest else size for size in sizes]
    return _to_shape(call, sizes)


def _to_shape(call: Call, sizes: Sequence[int]) -> nn.Module:
    """Reshape to ``sizes``, which hold for one batch; another may have more images."""
    shape = call.shape()
    if not (call.value(0).live and shape and sizes and shape[0] == sizes[0] == call.batch):
        return operation(call, lambda x: x.reshape(*sizes))
    if len(sizes) == 2 and len(shape) > 1 and math.prod(shape[1:]) == sizes[1]:
        return nn.Flatten()
    return operation(call, lambda x: x.reshape(x.shape[0], *sizes[1:]))


def _flatten(call: Call) -> nn.Module:
    axis, rank = int(call.get("axis", 1)), call.rank()
    if not -rank <= axis <= rank:
        raise Unsupported(f"its axis {axis} is not one of {rank}")
    axis = axis + rank if axis < 0 else axis
    if axis == 1:
        return nn.Flatten()
    return _to_shape(call, (math.prod(call.shape()[:axis]), math.prod(call.shape()[axis:])))


def _transpose(call: Call) -> nn.Module:
    order = call.get("perm") or list(reversed(range(call.rank())))
    if sorted(order) != list(range(call.rank())):
        raise Unsupported(f"its order of the axes is {order}")
    return operation(call, lambda x: x.permute(*order))


def _squeeze(call: Call) -> nn.Module:
    axes = call.integers_of("axes", 1, 13)
    if axes is None:
        axes = [axis for axis, size in enumerate(call.shape()) if size == 1]
    dims = tuple(counted(axis, call.rank()) for axis in axes)
    if any(call.shape()[dim] != 1 for dim in dims):
        raise Unsupported(f"it leaves out an axis of several entries, of the shape {call.shape()}")
    return operation(call, lambda x: x.squeeze(dims))


def _unsqueeze(call: Call) -> nn.Module:
    axes = call.integers_of("axes", 1, 13)
    if not axes:
        raise Unsupported("it does not say where")
    rank = call.rank() + len(axes)
    dims = sorted(counted(axis, rank) for axis in axes)

    def unsqueezed(x: Tensor) -> Tensor:
        for dim in dims:
            x = x.unsqueeze(dim)
        return x

    return operation(call, unsqueezed)


def _concat(call: Call) -> nn.Module:
    axis = call.axis(1 if call.opset < 4 else 0)
    # Sizes may be empty lists of another type than what they are joined with.
    return operation(call, lambda *tensors: torch.cat(tensors, axis), range(len(call.inputs)))


def _shape(call: Call) -> nn.Module:
    """The only operator whose result is known before any image is, though its input is not."""
    start, end = int(call.get("start", 0)), call.get("end")
    sizes = torch.tensor(call.shape()[start : call.rank() if end is None else int(end)], dtype=torch.int64)
    return Operation(lambda sizes: sizes, [Value(sizes, live=False)])


def _size(call: Call) -> nn.Module:
    return Operation(lambda size: size, [Value(torch.tensor(math.prod(call.shape())), live=False)])


def _constant(call: Call) -> nn.Module:
    if call.has(0) or len(call.attributes) != 1:
        raise Unsupported("it has not one value")
    (name, value), *_ = call.attributes.items()
    if name == "value":
        tensor = call.load(value)
    elif name in ("value_float", "value_floats"):
        tensor = torch.tensor(value, dtype=torch.float32)
    elif name in ("value_int", "value_ints"):
        tensor = torch.tensor(value, dtype=torch.int64)
    else:
        raise Unsupported(f"its value is a {name}")
    return Operation(lambda constant: constant, [Value(tensor, live=False)])


def _constant_of_shape(call: Call) -> nn.Module:
    given = call.get("value")
    value = call.load(given).flatten()[:1] if given is not None else torch.zeros(1)
    sizes = _sizes(call.integers(0))
    return Operation(lambda value: value.repeat(math.prod(sizes)).reshape(sizes), [Value(value, live=False)])


def _sizes(sizes: list[int]) -> list[int]:
    if any(size < 0 for size in sizes) or math.prod(sizes) > 1 << 62:
        raise Unsupported(f"it is to make a tensor of shape {sizes}")
    return sizes


def _expand(call: Call) -> nn.Module:
    sizes = _sizes(call.integers(1))
    target = np.broadcast_shapes(call.shape(), tuple(sizes))
    # Axes that are as they must be are left alone, so that a batch may have any size.
    kept = [
        -1 if axis >= 0 and call.shape()[axis] == size else size
        for axis, size in enumerate(target, start=call.rank() - len(target))
    ]
    return operation(call, lambda x: x.expand(kept))


def _tile(call: Call) -> nn.Module:
    repeats = _sizes(call.integers(1))
    return operation(call, lambda x: x.repeat(repeats))


def _range(call: Call) -> nn.Module:
    start, limit, step = (call.constant(index).item() for index in range(3))
    if step == 0 or (limit - start) / step > 1 << 20:
        raise Unsupported("it counts too far")
    numbers = torch.arange(start, limit, step, dtype=call.constant(0).dtype) if (limit - start) / step > 0 else None
    empty = torch.empty(0, dtype=call.constant(0).dtype)
    return Operation(lambda numbers: numbers, [Value(empty if numbers is None else numbers, live=False)])


def _cast(call: Call) -> nn.Module:
    number = call.get("to")
    if number not in _TYPES:
        raise Unsupported(f"it makes numbers of the type {number}")
    dtype = _TYPES[number]
    if call.value(0).tensor.dtype == dtype:
        return nn.Identity()
    return operation(call, lambda x: x.to(dtype))


def _depth_to_space(call: Call) -> nn.Module:
    size = int(call.get("blocksize", 0))
    if call.rank() != 4 or size < 1:
        raise Unsupported(f"its blocks are of the size {size}")
    if call.get("mode", "DCR") == "CRD":
        return nn.PixelShuffle(size)
    _, channels, rows, columns = call.shape()
    depth = channels // size**2

    def spread(x: Tensor) -> Tensor:
        blocks = x.reshape(x.shape[0], size, size, depth, rows, columns).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(x.shape[0], depth, rows * size, columns * size)

    return operation(call, spread)


def _space_to_depth(call: Call) -> nn.Module:
    size = int(call.get("blocksize", 0))
    if call.rank() != 4 or size < 1 or any(side % size for side in call.shape()[2:]):
        raise Unsupported(f"its blocks are of the size {size}")
    _, channels, rows, columns = call.shape()

    def gathered(x: Tensor) -> Tensor:
        blocks = x.reshape(x.shape[0], channels, rows // size, size, columns // size, size).permute(0, 3, 5, 1, 2, 4)
        return blocks.reshape(x.shape[0], channels * size**2, rows // size, columns // size)

    return operation(call, gathered)


MAKERS: dict[str, Maker] = {
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Range": _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "SpaceToDepth": _space_to_depth,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
