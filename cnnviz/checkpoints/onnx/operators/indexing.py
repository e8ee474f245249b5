"""Operators that take parts of a tensor, or add to its sides."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, Operation, Unsupported, Value, counted, operation

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
_TORCH_PADS = {"reflect": nn.ReflectionPad2d, "edge": nn.ReplicationPad2d, "wrap": nn.CircularPad2d}


def _slice(call: Call) -> nn.Module:
    call.is_live_alone()
    if call.opset < 10:
        starts, ends, axes, steps = call.get("starts"), call.get("ends"), call.get("axes"), None
    else:
        starts, ends = call.integers(1), call.integers(2)
        axes = call.integers(3) if call.has(3) else None
        steps = call.integers(4) if call.has(4) else None
    if not isinstance(starts, list) or not isinstance(ends, list):
        raise Unsupported("it does not say from where to where")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Unsupported("it does not say for each axis from where to where")
    slices, backwards = [slice(None)] * call.rank(), list[tuple[int, list[int]]]()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = counted(axis, call.rank())
        if step > 0:
            slices[place] = slice(start, end, step)
        else:  # torch takes no negative steps
            size = call.shape()[place]
            backwards.append((place, _backwards(start, end, step, size)))
    indices = [Value(torch.tensor(numbers, dtype=torch.int64), live=False) for _, numbers in backwards]

    def sliced(x: Tensor, *indices: Tensor) -> Tensor:
        if any(part != slice(None) for part in slices):
            x = x[tuple(slices)]
        for (axis, _), index in zip(backwards, indices, strict=True):
            x = x.index_select(axis, index)
        return x

    return Operation(sliced, [call.value(0), *indices])


def _backwards(start: int, end: int, step: int, size: int) -> list[int]:
    first = min(start + size if start < 0 else start, size - 1)
    last = max(end + size if -size <= end < 0 else end, -1) if end >= -size else -1
    return list(range(first, last, step))


def _split(call: Call) -> nn.Module:
    axis = call.axis(0)
    size = call.shape()[axis]
    sizes = call.integers_of("split", 1, 13)
    if not sizes:
        count = int(call.get("num_outputs", max(call.used, default=0) + 1))
        each = -(-size // count)
        sizes = [max(min(each, size - each * i), 0) for i in range(count)]
    if sum(sizes) != size or any(part < 0 for part in sizes):
        raise Unsupported(f"it splits {size} entries into {sizes}")
    starts = np.cumsum([0, *sizes]).tolist()

    def parts(x: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.narrow(axis, start, part) for start, part in zip(starts, sizes, strict=False))

    return operation(call, parts)


def _gather(call: Call) -> nn.Module:
    axis = call.axis(0)
    size = call.shape()[axis] if call.rank() else 0
    index = call.constant(1)
    if index.numel() and not -size <= int(index.min()) <= int(index.max()) < size:
        raise Unsupported(f"it takes entries beyond the {size} that there are")
    index = torch.where(index < 0, index + size, index).to(torch.int64)
    if index.ndim == 0:
        place = int(index)
        return operation(call, lambda x: x.select(axis, place))
    shape = tuple(index.shape)

    def gathered(x: Tensor, index: Tensor) -> Tensor:
        found = x.index_select(axis, index)
        return found if len(shape) == 1 else found.unflatten(axis, shape)  # type: ignore[no-untyped-call]

    return Operation(gathered, [call.value(0), Value(index.flatten(), live=False)])


def _pad(call: Call) -> nn.Module:
    call.is_live_alone()
    rank, mode = call.rank(), _MODES.get(call.get("mode", "constant"))
    widths = call.integers(1) if call.opset >= 11 else call.get("pads" if call.opset >= 2 else "paddings")
    axes = [counted(axis, rank) for axis in call.integers(3)] if call.has(3) else list(range(rank))
    if mode is None or not isinstance(widths, list) or len(widths) != 2 * len(axes):
        raise Unsupported(f"it pads by {widths} in the mode {call.get('mode')}")
    pairs = [(0, 0)] * rank
    for axis, before, after in zip(axes, widths[: len(axes)], widths[len(axes) :], strict=True):
        pairs[axis] = (before, after)
    if any(
        min(before, 0) + size + min(after, 0) < 0 for (before, after), size in zip(pairs, call.shape(), strict=True)
    ):
        raise Unsupported(f"it pads by {widths}, less than nothing")
    if mode == "constant":
        return _pad_by_constant(call, pairs)
    return _pad_by_pixels(call, pairs, mode)


def _pad_by_constant(call: Call, pairs: Sequence[tuple[int, int]]) -> nn.Module:
    value = call.number_of("value", 2, 11, 0.0)
    flat = [width for pair in reversed(pairs) for width in pair]
    if call.rank() == 4 and pairs[0] == pairs[1] == (0, 0):
        in_plane = tuple(flat[:4])
        return nn.ZeroPad2d(in_plane) if value == 0 else nn.ConstantPad2d(in_plane, value)  # type: ignore[arg-type]
    while len(flat) > 2 and flat[-2:] == [0, 0]:
        flat = flat[:-2]
    return operation(call, lambda x: nn.functional.pad(x, flat, value=value))


def _pad_by_pixels(call: Call, pairs: Sequence[tuple[int, int]], mode: str) -> nn.Module:
    sizes = call.shape()
    in_plane = call.rank() == 4 and pairs[0] == pairs[1] == (0, 0)
    room = {"reflect": -1, "edge": 1 << 30, "wrap": 0}[mode]
    if in_plane and all(
        0 <= width <= size + room for pair, size in zip(pairs[2:], sizes[2:], strict=True) for width in pair
    ):
        return _TORCH_PADS[mode]((*pairs[3], *pairs[2]))
    padded = [axis for axis, pair in enumerate(pairs) if pair != (0, 0)]
    if any(sizes[axis] + min(pairs[axis][0], 0) + min(pairs[axis][1], 0) == 0 for axis in padded):
        raise Unsupported("it pads what has no pixels")
    places = [_places(sizes[axis], *pairs[axis], mode) for axis in padded]
    indices = [Value(torch.from_numpy(numbers), live=False) for numbers in places]

    def selected(x: Tensor, *indices: Tensor) -> Tensor:
        for axis, index in zip(padded, indices, strict=True):
            x = x.index_select(axis, index)
        return x

    return Operation(selected, [call.value(0), *indices])


def _places(size: int, before: int, after: int, mode: str) -> np.ndarray:
    """Which pixel of an axis of ``size`` each pixel of the padded one repeats."""
    if before + size + after > 1 << 24:
        raise Unsupported("it pads too far")
    # What is cropped is gone before pixels are repeated.
    kept = np.arange(max(-before, 0), size - max(-after, 0))
    places = np.arange(-max(before, 0), len(kept) + max(after, 0))
    if mode == "edge":
        places = places.clip(0, len(kept) - 1)
    elif mode == "wrap":
        places = places % max(len(kept), 1)
    else:
        period = max(2 * (len(kept) - 1), 1)
        places = places % period
        places = np.where(places < len(kept), places, period - places)
    return kept[places]


MAKERS: dict[str, Maker] = {"Gather": _gather, "Pad": _pad, "Slice": _slice, "Split": _split}
