"""Pooling, over windows and over whole maps."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, Operation, Unsupported, Value
from cnnviz.checkpoints.onnx.operators.windows import Window, window_of, with_padding

_Classes = tuple[Callable[..., nn.Module], ...]

_MAX: _Classes = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_AVERAGE: _Classes = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_CONVOLVE = (functional.conv1d, functional.conv2d, functional.conv3d)
_POOL = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)
_GLOBAL: dict[str, _Classes] = {
    "GlobalAveragePool": (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    "GlobalMaxPool": (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
}


def _window(call: Call) -> tuple[Window, bool]:
    """The window of the node, and whether a last, incomplete one is kept."""
    kernel = call.get("kernel_shape")
    if not isinstance(kernel, list) or len(kernel) != call.rank() - 2 or len(kernel) not in (1, 2, 3):
        raise Unsupported(f"its window is {kernel}")
    return window_of(call, kernel), bool(call.get("ceil_mode", 0))


def _fits(window: Window) -> bool:
    """Torch pads by half a window at most."""
    return all(2 * max(pair) <= k for k, pair in zip(window.kernel_size, window.padding, strict=True))


def _with_room(call: Call, window: Window) -> Window:
    """The window with as much padding after the map as makes its last, incomplete position whole."""
    padding = []
    for size, extent, stride, (before, after) in zip(
        call.shape()[2:], window.extent, window.stride, window.padding, strict=True
    ):
        covered = size + before + after - extent
        steps = -(-covered // stride)
        if steps * stride >= size + before:  # a window that would begin after the map is none
            steps -= 1
        padding.append((before, max(after, steps * stride + extent - size - before)))
    return Window(window.kernel_size, window.stride, window.dilation, tuple(padding))


def _maximum(call: Call) -> nn.Module:
    call.only_first_output()
    window, ceil_mode = _window(call)
    make = _MAX[len(window.kernel_size) - 1]
    apart = window.even_padding is None or not _fits(window)
    if apart and ceil_mode:
        window, ceil_mode = _with_room(call, window), False
    return with_padding(
        lambda padding: make(window.kernel_size, window.stride, padding, window.dilation, ceil_mode=ceil_mode),
        window,
        float("-inf"),
        apart=apart,
    )


def _average(call: Call) -> nn.Module:
    window, ceil_mode = _window(call)
    counts_padding = bool(call.get("count_include_pad", 0))
    axes = len(window.kernel_size)
    plain = all(d == 1 for d in window.dilation) and _fits(window)
    if plain and window.even_padding is not None:
        padding = window.even_padding
        return _AVERAGE[axes - 1](window.kernel_size, window.stride, padding, ceil_mode, counts_padding)
    if plain and counts_padding and not ceil_mode:
        return with_padding(lambda padding: _AVERAGE[axes - 1](window.kernel_size, window.stride, padding), window)
    return _counted_average(call, window, ceil_mode, counts_padding)


def _counted_average(call: Call, window: Window, ceil_mode: bool, counts_padding: bool) -> nn.Module:
    """Means over what each window really holds: what is uneven or dilated has no module in torch."""
    room = _with_room(call, window) if ceil_mode else window
    axes, places = len(window.kernel_size), math.prod(window.kernel_size)
    # What is added for the last window alone is never counted.
    later = _widths([(0, b[1] - a[1]) for a, b in zip(window.padding, room.padding, strict=True)])
    real = functional.pad(torch.ones(1, 1, *call.shape()[2:]), _widths(window.padding), value=float(counts_padding))
    ones = torch.ones(1, 1, *window.kernel_size)
    convolve = _CONVOLVE[axes - 1]
    counts = convolve(functional.pad(real, later), ones, None, window.stride, 0, window.dilation)
    share = Value(places / counts.clamp(min=1), live=False)
    widths = _widths(room.padding)
    if all(d == 1 for d in window.dilation):
        pool = _POOL[axes - 1]

        def averaged(x: Tensor, share: Tensor) -> Tensor:
            return pool(functional.pad(x, widths), window.kernel_size, window.stride) * share

        return Operation(averaged, [call.value(0), share])
    channels = call.shape()[1]
    kernel = Value(ones.expand(channels, *ones.shape[1:]) / places, live=False)

    def convolved(x: Tensor, kernel: Tensor, share: Tensor) -> Tensor:
        padded = functional.pad(x, widths)
        return convolve(padded, kernel, None, window.stride, 0, window.dilation, channels) * share

    return Operation(convolved, [call.value(0), kernel, share])


def _widths(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [width for pair in reversed(pairs) for width in pair]


def _global(call: Call) -> nn.Module:
    axes = call.rank() - 2
    if axes not in (1, 2, 3):
        raise Unsupported(f"its input has {call.rank()} axes")
    return _GLOBAL[call.operator][axes - 1](1)


MAKERS: dict[str, Maker] = {
    "MaxPool": _maximum,
    "AveragePool": _average,
    **dict.fromkeys(_GLOBAL, _global),
}
