"""The network that a table of layers describes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from cnnviz.core.pooling import Pool2d
from cnnviz.nets.layer_table import (
    ActivationRow,
    ConvolutionRow,
    DropoutRow,
    FlattenRow,
    GlobalPoolingRow,
    Kind,
    LayerTable,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
    Row,
)
from cnnviz.nets.residual_parts import residual_parts
from cnnviz.nets.table_plan import plan_table
from cnnviz.nets.table_rules import ACTIVATION_CLASSES, Shape, convolution_padding, planned_layer, pooling_of


class BasicBlock(nn.Module):
    """f(x) + x, with a convolution of x where its size differs, and an activation after the sum or none.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, figure 2. ``body`` is f.
    """

    def __init__(
        self, body: nn.Sequential, shortcut: nn.Sequential | None, activation: nn.Module | None, *, skip: bool
    ) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.act = activation
        self.skip = skip

    def forward(self, maps: Tensor) -> Tensor:
        outputs: Tensor = self.body(maps)
        if self.skip:
            outputs = outputs + (maps if self.shortcut is None else self.shortcut(maps))
        return outputs if self.act is None else self.act(outputs)


class TableNetwork(nn.Sequential):
    """The layers of ``table``, called as its rows are.

    Parameters
    ----------
    images : (int, int, int)
        Channels, height and width.
    classes
        How many numbers it gives.

    Raises
    ------
    ValueError
        A row is not possible, or the end does not give one number for each class; says which, and what to do.
    """

    def __init__(self, table: LayerTable, images: tuple[int, int, int], classes: int) -> None:
        plan = plan_table(table, images, classes)
        if not plan.is_possible:
            raise ValueError(plan.first_problem)
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        for planned in plan.rows:
            assert planned.given is not None
            modules[planned.row.name] = module_of(planned.row, planned.given, classes)
        super().__init__(modules)


def module_of(row: Row, given: Shape, classes: int) -> nn.Module:
    """The module that ``row`` is on ``given``, which is known to be possible."""
    return _MAKERS[row.kind](row, given, classes)


def _chain(rows: Sequence[Row], given: Shape) -> nn.Sequential:
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for row in rows:
        modules[row.name] = module_of(row, given, 1)
        given = planned_layer(row, given, "", 1, row.name).output_shape
    return nn.Sequential(modules)


def _residual(row: ResidualRow, given: Shape, classes: int) -> nn.Module:
    parts = residual_parts(row, given[0])
    shortcut = _chain(parts.shortcut, given) if parts.shortcut else None
    activation = None if parts.after is None else _activation(parts.after, given, classes)
    return BasicBlock(_chain(parts.body, given), shortcut, activation, skip=row.skip)


def _convolution(row: ConvolutionRow, given: Shape, classes: int) -> nn.Module:
    rows, columns = convolution_padding(row)
    even = rows[0] == rows[1] and columns[0] == columns[1]
    padding = (rows[0], columns[0]) if even else "same"
    return nn.Conv2d(
        given[0],
        row.channels or classes,
        row.kernel_size,
        row.stride,
        padding,
        row.dilation,
        row.groups,
        row.bias,
        row.padding_mode,
    )


def _normalisation(row: NormalisationRow, given: Shape, classes: int) -> nn.Module:
    channels, flat = given[0], len(given) == 1
    if row.normalisation == "batch":
        return (nn.BatchNorm1d if flat else nn.BatchNorm2d)(channels, affine=row.affine)
    if row.normalisation == "layer" and flat:
        return nn.LayerNorm(channels, elementwise_affine=row.affine)
    if row.normalisation == "instance":
        return nn.InstanceNorm2d(channels, affine=row.affine)
    # Layer normalisation of maps is that of one group, with a scale for each map rather than for each cell.
    return nn.GroupNorm(row.groups if row.normalisation == "group" else 1, channels, affine=row.affine)


def _activation(row: ActivationRow, given: Shape, classes: int) -> nn.Module:
    kind: type[nn.Module] = getattr(nn, ACTIVATION_CLASSES[row.function])
    return kind(row.slope) if row.function == "leaky_relu" else kind()


def _pooling(row: PoolingRow, given: Shape, classes: int) -> nn.Module:
    if row.pooling == "max":
        return nn.MaxPool2d(row.window, row.stride, row.padding, ceil_mode=row.ceil_mode)
    if row.pooling == "average":
        return nn.AvgPool2d(row.window, row.stride, row.padding, row.ceil_mode, count_include_pad=False)
    if row.pooling == "strided":
        channels = given[0]
        return nn.Conv2d(channels, channels, row.window, row.stride, row.padding, groups=channels, bias=False)
    return Pool2d(pooling_of(row))


def _dropout(row: DropoutRow, given: Shape, classes: int) -> nn.Module:
    return (nn.Dropout2d if row.whole_maps else nn.Dropout)(row.probability)


def _flatten(row: FlattenRow, given: Shape, classes: int) -> nn.Module:
    return nn.Flatten()


def _linear(row: LinearRow, given: Shape, classes: int) -> nn.Module:
    return nn.Linear(given[0], row.features or classes, row.bias)


def _global_pooling(row: GlobalPoolingRow, given: Shape, classes: int) -> nn.Module:
    return (nn.AdaptiveAvgPool2d if row.pooling == "average" else nn.AdaptiveMaxPool2d)(1)


_MAKERS: Mapping[Kind, Callable[[Any, Shape, int], nn.Module]] = MappingProxyType(
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
