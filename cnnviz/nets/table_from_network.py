"""The table of a network that is there already, where its layers are a chain of those that a table can have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast, get_args

from torch import nn

from cnnviz.core.graph import INPUT, Layer, LayerGraph
from cnnviz.core.pooled_convolution import PooledConv2d
from cnnviz.core.pooling import Pool2d
from cnnviz.nets.layer_table import (
    MOST_CONVOLUTIONS,
    RESERVED_NAMES,
    ActivationRow,
    BlockOrder,
    ConvolutionRow,
    Kind,
    LayerTable,
    LinearRow,
    NormalisationRow,
    ResidualRow,
    Row,
    free_name,
)
from cnnviz.nets.residual_parts import branch_names
from cnnviz.nets.table_rules import ACTIVATION_CLASSES

_ACTIVATIONS = {kind: function for function, kind in ACTIVATION_CLASSES.items()}
_AT_THE_END = ("Softmax", "LogSoftmax")
_IGNORED = ("Identity",)
_PARTS: Mapping[str, Kind] = MappingProxyType({"conv": "convolution", "norm": "normalisation", "act": "activation"})


def _branches() -> dict[tuple[str, ...], tuple[str, int]]:
    """By the kinds of layers in a branch, the order and the number of convolutions of the block that has it."""
    found: dict[tuple[str, ...], tuple[str, int]] = {}
    for convolutions in range(1, MOST_CONVOLUTIONS + 1):
        for order in get_args(BlockOrder):
            for normalisation in ("batch", "none"):
                fields = {"order": order, "convolutions": convolutions, "normalisation": normalisation}
                row = ResidualRow.model_validate({"name": "block", **fields})
                kinds = tuple(_PARTS[name.rstrip("0123456789")] for name in branch_names(row))
                found.setdefault(kinds, (order, convolutions))
    return found


_BRANCHES: Mapping[tuple[str, ...], tuple[str, int]] = MappingProxyType(_branches())


class NoTable(ValueError):
    """The network has something that no table has; the message names it."""


def table_of_network(module: nn.Module, graph: LayerGraph) -> tuple[LayerTable, str]:
    """The rows that make a network of the same layers, and in words what they leave out.

    Weights are not taken: a layer of the same name starts as the seed says. The last layer with weights gives one
    number for each class of whatever it will be trained on.

    Raises
    ------
    NoTable
        A layer is of another kind, or branches are no residual block of like convolutions.
    """
    reader = _Reader(module, graph)
    rows = reader.rows()
    last = next((i for i in reversed(range(len(rows))) if isinstance(rows[i], LinearRow | ConvolutionRow)), None)
    if last is not None:
        width = "features" if isinstance(rows[last], LinearRow) else "channels"
        rows[last] = rows[last].model_copy(update={width: None})
    return LayerTable(layers=tuple(rows)), " ".join(reader.left)


class _Reader:
    def __init__(self, module: nn.Module, graph: LayerGraph) -> None:
        self._module = module
        self._graph = graph
        self._taken: set[str] = set()
        self.left: list[str] = []

    def rows(self) -> list[Row]:
        if self._graph.unseen or self._graph.method == "hooks":
            raise NoTable("its code does things between the layers that cannot be seen.")
        found: list[Row] = []
        layers = list(self._graph.layers[1:])
        before = INPUT
        while layers:
            if len(self._graph.consumers(before)) > 1:
                block, used = self._block(before, layers)
                found.append(block)
            else:
                layer, used = layers[0], 1
                if layer.inputs != (before,):
                    raise NoTable(f"{layer.name} joins branches, which only a residual block may do.")
                row = self._row(layer, layers[1:])
                found += [] if row is None else [row]
            before = layers[used - 1].name
            layers = layers[used:]
        return found

    def _row(self, layer: Layer, after: Sequence[Layer]) -> Row | None:
        if layer.kind in _IGNORED:
            return None
        if layer.kind in _AT_THE_END and not after:
            self.left.append(f"{layer.name} is left out: the loss does it.")
            return None
        maker = _MAKERS.get(layer.kind)
        module = None if layer.module_path is None else self._module.get_submodule(layer.module_path)
        made = None if maker is None else maker(layer, module)
        if made is None:
            raise NoTable(f"{layer.name} ({layer.summary or layer.kind}) is none of the layers that a table has.")
        kind, fields = made
        return _row(kind, self._name(layer.name, kind), fields)

    def _block(self, source: str, layers: Sequence[Layer]) -> tuple[Row, int]:
        """The residual block that begins behind ``source``, and how many of ``layers`` it is made of."""
        joined = next((i for i, layer in enumerate(layers) if layer.kind == "Add"), None)
        if joined is None:
            raise NoTable(f"{source} is read by several layers, and their branches are not added.")
        inner, add = layers[:joined], layers[joined]
        ways = [self._way_back(name, source, inner) for name in add.inputs]
        ways.sort(key=lambda way: (len(way), any(_window(layer) > 1 for layer in way)))
        if len(ways) != 2 or sum(map(len, ways)) != len(inner):
            raise NoTable(f"{add.name} joins branches that are no residual block of like convolutions.")
        shortcut, body = ([self._row_of_branch(layer) for layer in way if layer.kind not in _IGNORED] for way in ways)
        kinds = tuple(row.kind for row in body)
        order, count = _BRANCHES.get(kinds, (None, 0))
        convolutions = [row for row in body if isinstance(row, ConvolutionRow)]
        is_narrow = not _is_block(convolutions) and _is_bottleneck(convolutions)
        fits = order is not None and (is_narrow or _is_block(convolutions)) and _is_projection(shortcut)
        if not fits:
            raise NoTable(f"{add.name} joins branches that are no residual block of like convolutions or a bottleneck.")
        used, function = joined + 1, next((r.function for r in body if isinstance(r, ActivationRow)), "relu")
        if order == "conv-norm-act":
            following = layers[used] if used < len(layers) else None
            if following is None or _ACTIVATIONS.get(following.kind) != function:
                raise NoTable(f"behind {add.name} there is another activation than in its branch.")
            used += 1
        norm = next((row for row in body if isinstance(row, NormalisationRow)), None)
        name = self._name(add.name.rpartition(".")[0] or "block1", "residual")
        windowed = convolutions[1] if is_narrow else convolutions[0]
        form = {"form": "bottleneck", "inner": windowed.channels} if is_narrow else {"convolutions": count}
        fields = form | {
            "channels": convolutions[-1].channels,
            "kernel_size": windowed.kernel_size[0],
            "stride": windowed.stride[0],
            "normalisation": "none" if norm is None else norm.normalisation,
            "groups": 4 if norm is None else norm.groups,
            "function": function,
            "order": order,
        }
        return ResidualRow.model_validate({"name": name, **fields}), used

    def _way_back(self, name: str, source: str, inner: Sequence[Layer]) -> list[Layer]:
        """The layers from behind ``source`` up to ``name``."""
        names = {layer.name for layer in inner}
        way: list[Layer] = []
        while name != source:
            if name not in names or len(self._graph[name].inputs) != 1:
                raise NoTable(f"the branches behind {source} are no residual block of like convolutions.")
            way.append(self._graph[name])
            name = self._graph[name].inputs[0]
        return way[::-1]

    def _row_of_branch(self, layer: Layer) -> Row:
        maker = _MAKERS.get(layer.kind)
        module = None if layer.module_path is None else self._module.get_submodule(layer.module_path)
        made = None if maker is None else maker(layer, module)
        if made is None:
            raise NoTable(f"{layer.name} ({layer.summary or layer.kind}) is none of the layers that a table has.")
        return _row(made[0], "row", made[1])

    def _name(self, path: str, kind: Kind) -> str:
        """As like the layer's own as a row's may be."""
        name = re.sub(r"\W", "_", path)[:32]
        if not re.match(r"[A-Za-z]", name) or name in RESERVED_NAMES or name in self._taken:
            name = free_name(kind, self._taken)
        self._taken.add(name)
        return name


def _row(kind: Kind, name: str, fields: Mapping[str, Any]) -> Row:
    from cnnviz.nets.layer_table import ROW_TYPES

    try:
        return ROW_TYPES[kind].model_validate({"name": name, **fields})
    except ValueError as error:
        raise NoTable(f"{name} has settings that no table has.") from error


def _is_block(convolutions: Sequence[ConvolutionRow]) -> bool:
    if not convolutions:
        return False
    first, *others = convolutions
    kernel = first.kernel_size[0]
    padding = (kernel // 2, kernel // 2)
    return (
        kernel in (1, 3, 5, 7)
        and first.stride[0] == first.stride[1]
        and all(each.stride == (1, 1) and each.channels == first.channels for each in others)
        and all(
            each.kernel_size == (kernel, kernel)
            and each.padding in (padding, "same")
            and (each.dilation, each.groups, each.padding_mode) == ((1, 1), 1, "zeros")
            for each in convolutions
        )
    )


def _is_bottleneck(convolutions: Sequence[ConvolutionRow]) -> bool:
    """Of 1×1, k×k and 1×1, the stride in the middle."""
    if len(convolutions) != 3:
        return False
    first, middle, last = convolutions
    return (
        _is_block([middle])
        and first.channels == middle.channels
        and all(_is_block([each]) and (each.kernel_size, each.stride) == ((1, 1), (1, 1)) for each in (first, last))
    )


def _window(layer: Layer) -> int:
    return 1 if layer.geometry is None else max(layer.geometry.kernel_size)


def _is_projection(shortcut: Sequence[Row]) -> bool:
    if not shortcut:
        return True
    first = shortcut[0]
    kinds = [row.kind for row in shortcut]
    plain = kinds in (["convolution"], ["convolution", "normalisation"])
    return plain and isinstance(first, ConvolutionRow) and first.kernel_size == (1, 1)


Made = tuple[Kind, dict[str, Any]]
_Maker = Callable[[Layer, Any], Made | None]


def _convolution(layer: Layer, module: Any) -> Made | None:
    geometry = layer.geometry
    if isinstance(module, PooledConv2d):
        raise NoTable(f"{layer.name} is pooled in the place of its stride; put the stride back to have a table.")
    if geometry is None or not isinstance(module, nn.Conv2d):
        return None
    sides = [pair[0] for pair in geometry.padding]
    even = all(a == b for a, b in geometry.padding)
    return "convolution", {
        "channels": module.out_channels,
        "kernel_size": geometry.kernel_size,
        "stride": geometry.stride,
        "padding": tuple(sides) if even else "same",
        "dilation": geometry.dilation,
        "groups": geometry.groups,
        "bias": module.bias is not None,
        "padding_mode": geometry.padding_mode,
    }


def _normalisation(layer: Layer, module: Any) -> Made | None:
    affine = getattr(module, "weight", None) is not None
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return "normalisation", {"normalisation": "batch", "affine": affine}
    if isinstance(module, nn.GroupNorm):
        kind = "layer" if module.num_groups == 1 else "group"
        return "normalisation", {"normalisation": kind, "groups": module.num_groups, "affine": affine}
    if isinstance(module, nn.InstanceNorm2d) and not module.track_running_stats:
        return "normalisation", {"normalisation": "instance", "affine": affine}
    flat = len(layer.output_shape) == 1
    if isinstance(module, nn.LayerNorm) and flat and len(module.normalized_shape) == 1:
        return "normalisation", {"normalisation": "layer", "affine": affine}
    return None


def _activation(layer: Layer, module: Any) -> Made | None:
    fields: dict[str, Any] = {"function": _ACTIVATIONS[layer.kind]}
    if isinstance(module, nn.LeakyReLU):
        fields["slope"] = module.negative_slope
    if isinstance(module, nn.PReLU) and module.num_parameters != 1:
        return None
    return "activation", fields


def _pooling(layer: Layer, module: Any) -> Made | None:
    geometry = layer.geometry
    if geometry is None or getattr(module, "return_indices", False):
        return None
    if geometry.dilation != (1, 1) or any(a != b for a, b in geometry.padding):
        return None
    padding = tuple(pair[0] for pair in geometry.padding)
    if layer.kind == "AvgPool2d" and any(padding) and getattr(module, "count_include_pad", True):
        return None
    return "pooling", {
        "pooling": "max" if layer.kind == "MaxPool2d" else "average",
        "window": geometry.kernel_size,
        "stride": geometry.stride,
        "padding": padding,
        "ceil_mode": geometry.ceil_mode,
    }


def _own_pooling(layer: Layer, module: Any) -> Made | None:
    """One of ``core.pooling``, such as a swap leaves."""
    if not isinstance(module, Pool2d):
        return _pooling(layer, module) if layer.kind in ("MaxPool2d", "AvgPool2d") else None
    pooling = module.pooling
    padded = any(max(pair) > 0 for pair in pooling.padding)
    if (
        pooling.kind == "strided"
        or pooling.dilation != (1, 1)
        or any(a != b for a, b in pooling.padding)
        or (padded and pooling.padding_mode != "excluded")
        or (pooling.blurs and pooling.blur_padding != "reflect")
    ):
        return None
    return "pooling", {
        "pooling": pooling.kind,
        "window": pooling.kernel_size,
        "stride": pooling.stride,
        "padding": tuple(pair[0] for pair in pooling.padding),
        "ceil_mode": pooling.ceil_mode,
        "sigma": pooling.sigma,
        "taps": pooling.taps,
    }


def _global_pooling(layer: Layer, module: Any) -> Made | None:
    if layer.output_shape[1:] != (1, 1):
        return None
    return "global-pooling", {"pooling": "max" if layer.kind == "AdaptiveMaxPool2d" else "average"}


def _linear(layer: Layer, module: Any) -> Made | None:
    if not isinstance(module, nn.Linear) or len(layer.output_shape) != 1:
        return None
    return "linear", {"features": module.out_features, "bias": module.bias is not None}


def _flatten(layer: Layer, module: Any) -> Made | None:
    return ("flatten", {}) if len(layer.output_shape) == 1 else None


def _dropout(layer: Layer, module: Any) -> Made | None:
    return "dropout", {"probability": module.p, "whole_maps": layer.kind == "Dropout2d"}


_MAKERS: Mapping[str, _Maker] = MappingProxyType(
    cast(
        dict[str, _Maker],
        {
            "Conv2d": _convolution,
            **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm"), _normalisation),
            **dict.fromkeys(_ACTIVATIONS, _activation),
            **dict.fromkeys(("MaxPool2d", "AvgPool2d", "LPPool2d", "WeightedPool2d", "BlurPool2d"), _own_pooling),
            **dict.fromkeys(("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), _global_pooling),
            "Flatten": _flatten,
            "Linear": _linear,
            **dict.fromkeys(("Dropout", "Dropout2d"), _dropout),
        },
    )
)
