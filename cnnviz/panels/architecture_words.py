"""What the architecture panel says of rows, shapes and fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cnnviz.core.choices import PADDING_WORDS, POOLING_WORDS
from cnnviz.nets.layer_table import (
    Activation,
    ActivationRow,
    ConvolutionRow,
    DropoutRow,
    FlattenRow,
    GlobalPoolingRow,
    Kind,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
    Row,
)

if TYPE_CHECKING:
    from cnnviz.core.field_table import FieldRow

KIND_WORDS: Mapping[Kind, tuple[str, str]] = MappingProxyType(
    {
        "convolution": ("Convolution", "Slides small windows of weights over all maps"),
        "normalisation": ("Normalisation", "Brings values to mean 0 and spread 1, then scales them by learned numbers"),
        "activation": ("Activation", "A function of each single value, without which layers would be one"),
        "pooling": ("Pooling", "Keeps one number of each window"),
        "dropout": ("Dropout", "Leaves values out at random in training"),
        "residual": ("Residual block", "Convolutions whose result is added to what they were given"),
        "flatten": ("Flatten", "Lays all maps out as numbers in one row"),
        "linear": ("Linear", "Every output is a weighted sum of all inputs"),
        "global-pooling": ("Global pooling", "Keeps one number of each whole map"),
    }
)
ACTIVATION_WORDS: Mapping[Activation, str] = MappingProxyType(
    {
        "relu": "ReLU",
        "leaky_relu": "leaky ReLU",
        "prelu": "PReLU",
        "elu": "ELU",
        "selu": "SELU",
        "gelu": "GELU",
        "silu": "SiLU",
        "mish": "Mish",
        "softplus": "softplus",
        "tanh": "tanh",
        "sigmoid": "sigmoid",
    }
)
ORDER_WORDS = MappingProxyType(
    {
        "conv-norm-act": "conv, norm, act",
        "conv-act-norm": "conv, act, norm",
        "norm-act-conv": "norm, act, conv",
    }
)


def row_words(row: Row) -> str:
    """A row's settings in a few words: what differs from the usual is said, the usual is not."""
    return _WORDS[row.kind](row)


def times(shape: tuple[int, ...]) -> str:
    """``"32×5×5"``, ``"1,250"``."""
    return f"{shape[0]:,}" if len(shape) == 1 else "×".join(map(str, shape))


def count_words(value: int) -> str:
    """A count in three figures, such as ``114k`` and ``2.92M``; up to four of them as they are."""
    if value < 10_000:
        return f"{value:,}"
    size, unit = next((size, unit) for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= 0.9995 * size)
    digits = f"{value / size:.2f}" if value < 9.995 * size else f"{value / size:.1f}"
    return (digits if value < 99.95 * size else f"{value / size:.0f}") + unit


def field_words(field: FieldRow | None) -> tuple[str, str]:
    """Size and effective stride of a unit's field, in input pixels; a dash where all units share one."""
    if field is None or field.size is None:
        return "—", "—"
    size = str(field.size[0]) if field.size[0] == field.size[1] else f"{field.size[0]}×{field.size[1]}"
    strides = tuple(_stride(each) for each in field.stride)
    stride = strides[0] if strides[0] == strides[1] else "×".join(strides)
    return size, stride


def _stride(stride: int | Fraction | None) -> str:
    return str(stride) if stride else "—"


def field_tip(field: FieldRow | None) -> str:
    """The same as a sentence."""
    if field is None or field.size is None:
        return field.told if field is not None else ""
    rows, columns = field.size
    words = f"Each unit sees {rows}×{columns} input pixels"
    if field.whole_map_because:
        apart = field.apart.size if field.apart is not None else None
        beside = f", {apart[0]}×{apart[1]} apart from that" if apart is not None else ""
        return f"{words}, since {', '.join(field.whole_map_because)} looks at the whole map{beside}."
    step = field.stride[0]
    return f"{words}." if not step else f"{words}, and neighbours lie {step} pixels apart."


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]}×{pair[1]}"


def _one(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else _by(pair)


def _said(*words: str) -> str:
    return ", ".join(filter(None, words))


def _convolution(row: ConvolutionRow) -> str:
    padding = "same" if row.padding == "same" else "" if row.padding == (0, 0) else f"pad {_one(row.padding)}"
    return _said(
        f"{row.channels or 'classes'} × {_by(row.kernel_size)}",
        "" if row.stride == (1, 1) else f"stride {_one(row.stride)}",
        f"{padding} {PADDING_WORDS[row.padding_mode]}" if padding and row.padding_mode != "zeros" else padding,
        "" if row.dilation == (1, 1) else f"dilation {_one(row.dilation)}",
        "" if row.groups == 1 else f"{row.groups} groups",
        "" if row.bias else "no bias",
    )


def _normalisation(row: NormalisationRow) -> str:
    groups = f"{row.groups} groups" if row.normalisation == "group" else row.normalisation
    return _said(groups, "" if row.affine else "not scaled")


def _activation(row: ActivationRow) -> str:
    return _said(ACTIVATION_WORDS[row.function], f"slope {row.slope:g}" if row.function == "leaky_relu" else "")


def _pooling(row: PoolingRow) -> str:
    words = {"strided": "strided conv", "weighted": "weighted"}.get(row.pooling, POOLING_WORDS[row.pooling])
    return _said(
        f"{words} {_by(row.window)}",
        "" if row.stride == row.window else f"stride {_one(row.stride)}",
        "" if row.padding == (0, 0) else f"pad {_one(row.padding)}",
        "last window" if row.ceil_mode else "",
    )


def _dropout(row: DropoutRow) -> str:
    return f"{row.probability * 100:g} % of {'maps' if row.whole_maps else 'values'}"


def _residual(row: ResidualRow) -> str:
    return _said(
        f"{row.inner} → {row.channels}, {row.kernel_size}×{row.kernel_size}"
        if row.form == "bottleneck"
        else f"{row.channels} × {row.kernel_size}×{row.kernel_size}",
        ""
        if row.convolutions == 2 or row.form == "bottleneck"
        else f"{row.convolutions} convolution{'s' if row.convolutions > 1 else ''}",
        "" if row.stride == 1 else f"stride {row.stride}",
        "" if row.skip else "no skip",
        "not normalised" if row.normalisation == "none" else row.normalisation,
        ACTIVATION_WORDS[row.function],
        "" if row.order == "conv-norm-act" else ORDER_WORDS[row.order],
    )


def _flatten(row: FlattenRow) -> str:
    return "maps in one row"


def _linear(row: LinearRow) -> str:
    numbers = "one per class" if row.features is None else f"{row.features:,} numbers"
    return _said(numbers, "" if row.bias else "no bias")


def _global_pooling(row: GlobalPoolingRow) -> str:
    return "maxima" if row.pooling == "max" else "averages"


_WORDS: Mapping[Kind, Callable[[Any], str]] = MappingProxyType(
    {
        "convolution": _convolution,
        "normalisation": _normalisation,
        "activation": _activation,
        "pooling": _pooling,
        "dropout": _dropout,
        "residual": _residual,
        "flatten": _flatten,
        "linear": _linear,
        "global-pooling": _global_pooling,
    }
)
