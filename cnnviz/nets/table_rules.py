"""What each kind of row makes of a shape: its output, weights, multiply-adds and window; or why it cannot be.

The rules are torch's own (the documentation of ``torch.nn``), told in words where they are broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd, prod
from types import MappingProxyType
from typing import Any, cast

from cnnviz.core.graph import Geometry, Layer
from cnnviz.core.operations import summary_of
from cnnviz.core.placement import Mix, Placement
from cnnviz.core.pooling import Pool2d, Pooling
from cnnviz.nets.layer_table import (
    ActivationRow,
    ConvolutionRow,
    DropoutRow,
    FlattenRow,
    GlobalPoolingRow,
    Kind,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    Row,
)

Shape = tuple[int, ...]

ACTIVATION_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "relu": "ReLU",
        "leaky_relu": "LeakyReLU",
        "prelu": "PReLU",
        "elu": "ELU",
        "selu": "SELU",
        "gelu": "GELU",
        "silu": "SiLU",
        "mish": "Mish",
        "softplus": "Softplus",
        "tanh": "Tanh",
        "sigmoid": "Sigmoid",
    }
)
"""Names in ``torch.nn``."""


class Impossible(ValueError):
    """A row cannot be what it says on what it is given; the message says why, and what to do.

    Attributes
    ----------
    instead : Row or None
        A row near it that is possible.
    remedy : str
        What that changes.
    needs_numbers : bool
        Whether it would be possible after a Flatten.
    too_small : (int, int) or None
        Rows and columns of the map that it gets, where a larger one would do.
    """

    def __init__(
        self,
        message: str,
        instead: Row | None = None,
        remedy: str = "",
        *,
        needs_numbers: bool = False,
        too_small: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.instead = instead
        self.remedy = remedy
        self.needs_numbers = needs_numbers
        self.too_small = too_small


def times(shape: Shape) -> str:
    """``"32×5×5"``."""
    return "×".join(f"{size:,}" if len(shape) == 1 else str(size) for size in shape)


def planned_layer(row: Row, given: Shape, before: str, classes: int, name: str) -> Layer:
    """The layer called ``name`` that ``row`` becomes after the layer ``before``, on ``given`` without the batch axis.

    Raises
    ------
    Impossible
        torch would refuse it, or make of it something else than is meant.
    """
    return _RULES[row.kind](row, given, before, classes, name)


def pooling_of(row: PoolingRow) -> Pooling:
    """The pooling of ``core`` that a row asks for; raises Impossible."""
    try:
        return Pooling.of(
            row.pooling, row.window, row.stride, row.padding, ceil_mode=row.ceil_mode, sigma=row.sigma, taps=row.taps
        )
    except ValueError as error:
        raise _wide_padding(row, (row.window[0] - 1, row.window[1] - 1), "as wide as the window") from error


def convolution_padding(row: ConvolutionRow) -> tuple[tuple[int, int], tuple[int, int]]:
    """Cells before and after, for rows and columns; "same" is what keeps the size at stride 1."""
    if row.padding == "same":
        reach = [d * (k - 1) for k, d in zip(row.kernel_size, row.dilation, strict=True)]
        first, second = ((total // 2, total - total // 2) for total in reach)
        return first, second
    return (row.padding[0], row.padding[0]), (row.padding[1], row.padding[1])


def _convolution(row: ConvolutionRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    _, height, width = _maps(given, "A convolution")
    channels, given_channels = row.channels or classes, given[0]
    if given_channels % row.groups or channels % row.groups:
        fitting = _divisor(gcd(given_channels, channels), row.groups)
        raise Impossible(
            f"{row.groups} groups do not divide both the {given_channels} channels it gets and the {channels} it "
            f"gives; take {fitting}, or other channels.",
            row.model_copy(update={"groups": fitting}),
            f"Take {fitting} {'group' if fitting == 1 else 'groups'}",
        )
    padding = convolution_padding(row)
    if row.stride != (1, 1) and any(before_it != after_it for before_it, after_it in padding):
        numbers = (padding[0][0], padding[1][0])
        raise Impossible(
            "With a stride, a window of even size cannot be padded alike on both sides; give the padding in cells, "
            f"such as {_pair(numbers)}.",
            row.model_copy(update={"padding": numbers}),
            f"Pad by {_pair(numbers)}",
        )
    _check_mirrored(row, padding, (height, width))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(row.kernel_size, row.dilation, strict=True))
    padded = (height + sum(padding[0]), width + sum(padding[1]))
    if padded[0] < reach[0] or padded[1] < reach[1]:
        raise _small_map(row, row.kernel_size, reach, (height, width), padded)
    rows, columns = ((size - span) // step + 1 for size, span, step in zip(padded, reach, row.stride, strict=True))
    window = prod(row.kernel_size) * given_channels // row.groups
    geometry = Geometry(row.kernel_size, row.stride, padding, row.dilation, row.groups, False, row.padding_mode)
    output = (channels, rows, columns)
    weights = channels * (window + row.bias)
    return _layer(name, "Conv2d", before, output, weights, prod(output) * window, geometry)


def _check_mirrored(
    row: ConvolutionRow, padding: tuple[tuple[int, int], tuple[int, int]], size: tuple[int, int]
) -> None:
    """torch mirrors a map up to its last cell but one, and goes around it once."""
    room = {"reflect": 1, "circular": 0}.get(row.padding_mode)
    if room is None:
        return
    for (first, second), cells in zip(padding, size, strict=True):
        if max(first, second) > cells - room:
            words = "Mirrored" if row.padding_mode == "reflect" else "Periodic"
            raise Impossible(
                f"{words} padding of {max(first, second)} needs a map of at least {max(first, second) + room} cells, "
                f"and this one is {size[0]}×{size[1]}; pad less, or with zeros.",
                row.model_copy(update={"padding_mode": "zeros"}),
                "Pad with zeros",
            )


def _normalisation(row: NormalisationRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    channels, flat = given[0], len(given) == 1
    learned = 2 * channels if row.affine else 0
    if row.normalisation == "batch":
        kind = "BatchNorm1d" if flat else "BatchNorm2d"
        return _layer(name, kind, before, given, learned, placement=Mix((), normalises=True))
    if row.normalisation == "layer" and flat:
        return _layer(name, "LayerNorm", before, given, learned, placement=Mix((0,), normalises=True))
    whole = Mix(() if flat else (1, 2), normalises=True)
    if row.normalisation == "instance":
        if flat or given[1:] == (1, 1):
            what = f"{times(given)} numbers" if flat else "a map of one cell"
            raise Impossible(
                f"Instance normalisation takes mean and spread over each map, and gets {what}; choose layer or batch.",
                row.model_copy(update={"normalisation": "layer"}),
                "Take layer normalisation",
            )
        return _layer(name, "InstanceNorm2d", before, given, learned, placement=whole)
    groups = row.groups if row.normalisation == "group" else 1
    if channels % groups:
        fitting = _divisor(channels, groups)
        raise Impossible(
            f"{groups} groups do not divide {channels} channels; take {fitting}.",
            row.model_copy(update={"groups": fitting}),
            f"Take {fitting} {'group' if fitting == 1 else 'groups'}",
        )
    return _layer(name, "GroupNorm", before, given, learned, placement=whole)


def _activation(row: ActivationRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    weights = 1 if row.function == "prelu" else 0
    return _layer(name, ACTIVATION_CLASSES[row.function], before, given, weights)


def _pooling(row: PoolingRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    channels, height, width = _maps(given, "Pooling")
    padded = (height + 2 * row.padding[0], width + 2 * row.padding[1])
    if padded[0] < row.window[0] or padded[1] < row.window[1]:
        raise _small_map(row, row.window, row.window, (height, width), padded)
    if row.pooling == "strided":
        rows, columns = ((p - k) // s + 1 for p, k, s in zip(padded, row.window, row.stride, strict=True))
        output = (channels, rows, columns)
        padding = ((row.padding[0],) * 2, (row.padding[1],) * 2)
        geometry = Geometry(row.window, row.stride, cast(Any, padding), (1, 1), channels)
        window = prod(row.window)
        return _layer(name, "Conv2d", before, output, channels * window, prod(output) * window, geometry)
    torchs_own = row.pooling in ("max", "average")
    if torchs_own and any(2 * p > k for p, k in zip(row.padding, row.window, strict=True)):
        raise _wide_padding(row, (row.window[0] // 2, row.window[1] // 2), "more than half the window")
    pooling = pooling_of(row)
    output = (channels, *pooling.output_size(height, width))
    if torchs_own:
        padding = ((row.padding[0],) * 2, (row.padding[1],) * 2)
        geometry = Geometry(row.window, row.stride, cast(Any, padding), (1, 1), 1, row.ceil_mode)
        return _layer(name, "MaxPool2d" if row.pooling == "max" else "AvgPool2d", before, output, geometry=geometry)
    layer = Pool2d(pooling)
    return Layer(
        name, layer.layer_kind, name, (before,), output, geometry=layer.layer_geometry, summary=layer.layer_summary
    )


def _wide_padding(row: PoolingRow, most: tuple[int, int], of: str) -> Impossible:
    fitting = (min(row.padding[0], most[0]), min(row.padding[1], most[1]))
    return Impossible(
        f"Padding of {_pair(row.padding)} is {of} of {times(row.window)}: some windows would see nothing of the map; "
        f"pad by {_pair(fitting)}.",
        row.model_copy(update={"padding": fitting}),
        f"Pad by {_pair(fitting)}",
    )


def _dropout(row: DropoutRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    if row.whole_maps and len(given) == 1:
        raise Impossible(
            f"There are no whole maps to leave out of {times(given)} numbers; leave out single values.",
            row.model_copy(update={"whole_maps": False}),
            "Leave out single values",
        )
    return _layer(name, "Dropout2d" if row.whole_maps else "Dropout", before, given)


def _flatten(row: FlattenRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    return _layer(name, "Flatten", before, (prod(given),))


def _linear(row: LinearRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    if len(given) != 1:
        raise Impossible(
            f"A linear layer reads numbers in one row, and gets maps of {times(given)}: put Flatten or global pooling "
            "and Flatten before it.",
            needs_numbers=True,
        )
    features = row.features or classes
    weights = features * (given[0] + row.bias)
    return _layer(name, "Linear", before, (features,), weights, features * given[0], placement=Mix((0,)))


def _global_pooling(row: GlobalPoolingRow, given: Shape, before: str, classes: int, name: str) -> Layer:
    _maps(given, "Global pooling")
    kind = "AdaptiveAvgPool2d" if row.pooling == "average" else "AdaptiveMaxPool2d"
    return _layer(name, kind, before, (given[0], 1, 1))


def _layer(
    name: str,
    kind: str,
    before: str,
    output: Shape,
    weights: int = 0,
    macs: int = 0,
    geometry: Geometry | None = None,
    placement: Placement | None = None,
) -> Layer:
    summary = summary_of(kind, geometry, output)
    return Layer(name, kind, name, (before,), output, weights, macs, (), geometry, summary, placement)


def _maps(given: Shape, who: str) -> tuple[int, int, int]:
    if len(given) != 3:
        raise Impossible(f"{who} reads maps, and gets {times(given)} numbers in one row: move it above Flatten.")
    return given[0], given[1], given[2]


def _small_map(
    row: ConvolutionRow | PoolingRow,
    window: tuple[int, int],
    reach: tuple[int, ...],
    size: tuple[int, int],
    padded: tuple[int, int],
) -> Impossible:
    spans = "" if reach == window else f" with its dilation spans {times(reach)} and"
    onto = "" if padded == size else f", padded to {times(padded)}"
    fits = f"A {times(window)} window{spans} does not fit a {times(size)} map{onto}"
    message = f"{fits}: make the window smaller, or pad more."
    if reach != window:
        plain = row.model_copy(update={"dilation": (1, 1)})
        return Impossible(message, plain, "Take dilation 1", too_small=size)
    fitting = (min(window[0], padded[0]), min(window[1], padded[1]))
    field = "kernel_size" if isinstance(row, ConvolutionRow) else "window"
    smaller = row.model_copy(update={field: fitting})
    return Impossible(message, smaller, f"Make the window {times(fitting)}", too_small=size)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of ``number`` up to ``most``."""
    return next(count for count in range(min(most, number), 0, -1) if number % count == 0)


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} and {pair[1]}"


_Rule = Callable[[Any, Shape, str, int, str], Layer]

_RULES: Mapping[Kind, _Rule] = MappingProxyType(
    {
        "convolution": _convolution,
        "normalisation": _normalisation,
        "activation": _activation,
        "pooling": _pooling,
        "dropout": _dropout,
        "flatten": _flatten,
        "linear": _linear,
        "global-pooling": _global_pooling,
    }
)
