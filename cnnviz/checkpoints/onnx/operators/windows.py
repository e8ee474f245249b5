"""How a window moves over the map: kernel, stride, dilation, and padding in each of the ways that ONNX can say it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from cnnviz.checkpoints.onnx.operators.call import Call, Unsupported

Pairs = tuple[tuple[int, int], ...]
_LARGEST = 65_536


@dataclass(frozen=True)
class Window:
    """One entry per spatial axis; ``padding`` has the pixels before and after."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Pairs

    @property
    def extent(self) -> tuple[int, ...]:
        """Pixels from a window's first to its last."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))

    @property
    def even_padding(self) -> tuple[int, ...] | None:
        """The padding where it is the same on both sides, which is what torch's layers can say; else None."""
        return tuple(a for a, _ in self.padding) if all(a == b for a, b in self.padding) else None


def window_of(call: Call, kernel_size: Sequence[int], *, transposed: bool = False) -> Window:
    """The window of a convolution or pooling; ``kernel_size`` is used where the node does not say it."""
    axes = len(kernel_size)
    kernel = _entries(call, "kernel_shape", list(kernel_size), 1)
    if kernel != tuple(kernel_size):
        raise Unsupported(f"it says that its kernel is {kernel}, and has weights for {tuple(kernel_size)}")
    stride, dilation = _entries(call, "strides", [1] * axes, 1), _entries(call, "dilations", [1] * axes, 1)
    window = Window(kernel, stride, dilation, ((0, 0),) * axes)
    return Window(kernel, stride, dilation, (_transposed_padding if transposed else _padding)(call, window))


def _entries(call: Call, name: str, default: list[int], least: int) -> tuple[int, ...]:
    given = call.get(name) or default
    if not isinstance(given, list) or len(given) != len(default) or not all(least <= n <= _LARGEST for n in given):
        raise Unsupported(f"its {name} are {given}")
    return tuple(given)


def _explicit(call: Call, axes: int) -> Pairs:
    pads = _entries(call, "pads", [0] * (2 * axes), 0)
    return tuple(zip(pads[:axes], pads[axes:], strict=True))


def _padding(call: Call, window: Window) -> Pairs:
    kind = call.get("auto_pad", "NOTSET")
    if kind in ("NOTSET", ""):
        return _explicit(call, len(window.kernel_size))
    if kind == "VALID":
        return ((0, 0),) * len(window.kernel_size)
    pairs = []
    for size, extent, stride in zip(call.shape()[2:], window.extent, window.stride, strict=True):
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        pairs.append(_split(total, kind))
    return tuple(pairs)


def _transposed_padding(call: Call, window: Window) -> Pairs:
    """What a transposed convolution leaves out of its output: as the convolution that it reverses adds to its input."""
    kind, axes = call.get("auto_pad", "NOTSET"), len(window.kernel_size)
    extra = _entries(call, "output_padding", [0] * axes, 0)
    sizes = call.get("output_shape")
    if not sizes and kind in ("NOTSET", ""):
        return _explicit(call, axes)
    if not sizes and kind == "VALID":
        return ((0, 0),) * axes
    sizes = list(sizes or [n * stride for n, stride in zip(call.shape()[2:], window.stride, strict=True)])[-axes:]
    pairs = []
    for n, extent, stride, more, size in zip(call.shape()[2:], window.extent, window.stride, extra, sizes, strict=True):
        total = stride * (n - 1) + more + extent - size
        if total < 0:
            raise Unsupported(f"it is to give {size} pixels, more than its windows cover")
        pairs.append(_split(total, "SAME_UPPER" if kind == "SAME_UPPER" else "SAME_LOWER"))
    return tuple(pairs)


def _split(total: int, kind: str) -> tuple[int, int]:
    """The odd pixel goes after the map, but for SAME_LOWER before it."""
    less, more = total // 2, total - total // 2
    return (more, less) if kind == "SAME_LOWER" else (less, more)


_PADS = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)


def with_padding(
    make: Callable[[tuple[int, ...]], nn.Module], window: Window, fill: float = 0.0, *, apart: bool = False
) -> nn.Module:
    """The module that ``make`` gives for a padding; one that is uneven, or kept ``apart``, is a layer before it."""
    even = window.even_padding
    if even is not None and not apart:
        return make(even)
    widths = tuple(width for pair in reversed(window.padding) for width in pair)
    axes = len(window.padding)
    pad = nn.ZeroPad2d(widths) if axes == 2 and fill == 0 else _PADS[axes - 1](widths, fill)  # type: ignore[arg-type]
    return nn.Sequential(OrderedDict(pad=pad, window=make((0,) * axes)))
