"""What a residual block of the table is made of, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cnnviz.nets.layer_table import ActivationRow, BlockOrder, ConvolutionRow, NormalisationRow, ResidualRow, Row

_ORDERS: Mapping[BlockOrder, tuple[str, ...]] = MappingProxyType(
    {
        "conv-norm-act": ("conv", "norm", "act"),
        "conv-act-norm": ("conv", "act", "norm"),
        "norm-act-conv": ("norm", "act", "conv"),
    }
)


def branch_names(row: ResidualRow) -> tuple[str, ...]:
    """``("conv1", "norm1", "act1", "conv2", "norm2")``: the layers of the branch, in order.

    Where an activation follows the sum, none ends the branch.
    """
    count = 3 if row.form == "bottleneck" else row.convolutions
    parts = [part for part in _ORDERS[row.order] if row.normalisation != "none" or part != "norm"]
    names = [f"{part}{number}" for number in range(1, count + 1) for part in parts]
    return tuple(names[:-1] if row.order == "conv-norm-act" else names)


@dataclass(frozen=True)
class ResidualParts:
    """The output is ``after(body(x) + shortcut(x))``.

    Attributes
    ----------
    body : tuple of Row
        The branch.
    shortcut : tuple of Row or None
        Empty where it is x itself; None where there is no sum.
    after : ActivationRow or None
    """

    body: tuple[Row, ...]
    shortcut: tuple[Row, ...] | None
    after: ActivationRow | None


def residual_parts(row: ResidualRow, channels: int) -> ResidualParts:
    """Of a block that reads ``channels`` maps. A convolution has a bias unless normalisation follows it at once."""
    names = branch_names(row)
    body: list[Row] = []
    for place, name in enumerate(names):
        if name.startswith("norm"):
            body.append(_normalisation(row, name))
        elif name.startswith("act"):
            body.append(ActivationRow(name=name, function=row.function))
        else:
            followed = names[place + 1 : place + 2]
            normalised = bool(followed) and followed[0].startswith("norm")
            body.append(_convolution(row, name, bias=not normalised))
    after = ActivationRow(name="act", function=row.function) if row.order == "conv-norm-act" else None
    return ResidualParts(tuple(body), _shortcut(row, channels) if row.skip else None, after)


def _shortcut(row: ResidualRow, channels: int) -> tuple[Row, ...]:
    if channels == row.channels and row.stride == 1:
        return ()
    normalised = row.order == "conv-norm-act" and row.normalisation != "none"
    projection = ConvolutionRow(
        name="conv", channels=row.channels, kernel_size=(1, 1), stride=(row.stride, row.stride), bias=not normalised
    )
    return (projection, _normalisation(row, "norm")) if normalised else (projection,)


def _convolution(row: ResidualRow, name: str, *, bias: bool) -> ConvolutionRow:
    narrow = row.form == "bottleneck"
    middle = not narrow or name == "conv2"
    kernel = row.kernel_size if middle else 1
    stride = row.stride if name == ("conv2" if narrow else "conv1") else 1
    padding = kernel // 2
    return ConvolutionRow(
        name=name,
        channels=row.inner if narrow and name != "conv3" else row.channels,
        kernel_size=(kernel, kernel),
        stride=(stride, stride),
        padding=(padding, padding),
        bias=bias,
    )


def _normalisation(row: ResidualRow, name: str) -> NormalisationRow:
    assert row.normalisation != "none"
    return NormalisationRow(name=name, normalisation=row.normalisation, groups=row.groups)
