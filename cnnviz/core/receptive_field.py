"""Which input pixels can reach a unit, computed from what the layers do to positions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnviz.core.field_rules import Asked, Sides, UnknownOperation, input_sides, side_after, treats_axes_alike
from cnnviz.core.graph import INPUT, Layer, LayerGraph
from cnnviz.core.unit_fields import Box, FieldAxis, ReceptiveField, beyond_image

__all__ = [
    "Box",
    "FieldAxis",
    "ReceptiveField",
    "UnknownOperation",
    "beyond_image",
    "receptive_field",
    "receptive_fields",
]


def receptive_field(graph: LayerGraph, layer: str, *, training: bool = False) -> ReceptiveField:
    """Input pixels that can reach one unit of ``layer``; see :func:`receptive_fields`.

    Raises
    ------
    KeyError
        The graph has no such layer.
    UnknownOperation
        The layer or one before it does something to positions that is not known here.
    """
    graph[layer]
    needed = {layer}
    for candidate in reversed(graph.layers):
        if candidate.name in needed:
            needed.update(candidate.inputs)
    found = _fields(graph, [candidate for candidate in graph.layers if candidate.name in needed], training)[layer]
    if isinstance(found, UnknownOperation):
        raise found
    return found


def receptive_fields(graph: LayerGraph, *, training: bool = False) -> dict[str, "ReceptiveField | UnknownOperation"]:
    """For every layer, the input pixels that can reach its units, in one pass over the graph.

    The interval of every single unit is followed along rows and columns, which what layers do keeps apart. Branches
    are joined by their union. Where a layer does something to positions that is not known here, that layer and those
    after it have the error that says so in place of their field.

    Parameters
    ----------
    graph : LayerGraph
        Of a network that reads images (C, H, W).
    training : bool
        Whether batch normalisation looks at the maps themselves, as it does in training.

    Notes
    -----
    Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019, which treats
    networks of one effective stride. Unlike the paper, adaptive pooling has its windows as torch lays them; what looks
    at the whole map (group, layer and instance normalisation among it) makes the field the whole map; and a field may
    differ from unit to unit. Intervals are hulls: the gaps that dilation leaves are not told.
    """
    return _fields(graph, graph.layers, training)


def _fields(
    graph: LayerGraph, layers: tuple[Layer, ...] | list[Layer], training: bool
) -> dict[str, "ReceptiveField | UnknownOperation"]:
    sides = _pass(graph, layers, Asked(training=training))
    whole = [name for name, found in sides.items() if isinstance(found, tuple) and any(s.whole_from for s in found)]
    # A head that reads all of its map has no field apart from that.
    maps = any(max(graph[name].output_shape[1:], default=1) > 1 for name in whole)
    apart = _pass(graph, layers, Asked(apart=True, training=training)) if maps else {}
    return {name: _told(graph, found, apart.get(name)) for name, found in sides.items()}


def _pass(
    graph: LayerGraph, layers: tuple[Layer, ...] | list[Layer], asked: Asked
) -> dict[str, "Sides | UnknownOperation"]:
    found: dict[str, Sides | UnknownOperation] = {}
    for layer in layers:
        try:
            found[layer.name] = _sides_of(graph, layer, found, asked)
        except UnknownOperation as error:
            found[layer.name] = error.with_traceback(None)
    return found


def _sides_of(graph: LayerGraph, layer: Layer, known: Mapping[str, "Sides | UnknownOperation"], asked: Asked) -> Sides:
    if layer.name == INPUT:
        return input_sides(layer)
    if not layer.inputs:
        raise UnknownOperation(f"{layer.name} ({layer.kind}) does not read the network's input")
    if layer.name in graph.unseen:
        raise UnknownOperation(f"before {layer.name} the network computes something that the graph does not show")
    inputs: list[Sides] = []
    for name in layer.inputs:
        sides = known[name]
        if isinstance(sides, UnknownOperation):
            raise sides
        inputs.append(sides)
    shapes = [graph[name].output_shape for name in layer.inputs]
    rows = side_after(layer, [pair[0] for pair in inputs], shapes, asked)
    if treats_axes_alike(layer, inputs):
        return rows, rows.moved(None if rows.along is None else 2)
    columns = side_after(layer, [pair[1] for pair in inputs], shapes, asked)
    return rows, columns


def _told(graph: LayerGraph, found: "Sides | UnknownOperation", apart: Any) -> "ReceptiveField | UnknownOperation":
    if isinstance(found, UnknownOperation):
        return found
    image = graph[INPUT].output_shape[1:]
    rows, columns = (FieldAxis(side.axis, size, side.along) for side, size in zip(found, image, strict=True))
    because = tuple(dict.fromkeys(name for side in found for name in side.whole_from))
    beside = None
    if because and apart is not None and not isinstance(apart, UnknownOperation):
        beside = _told(graph, apart, None)
        if isinstance(beside, ReceptiveField) and _same(beside.rows, rows) and _same(beside.columns, columns):
            beside = None
    unaligned = next((side.axis.unaligned for side in found if side.axis.unaligned), "")
    return ReceptiveField(rows, columns, unaligned, because, beside)  # type: ignore[arg-type]


def _same(one: FieldAxis, other: FieldAxis) -> bool:
    return one.axis is other.axis or (
        one.stride == other.stride
        and np.array_equal(one.axis.theory, other.axis.theory)
        and np.array_equal(one.first, other.first)
    )
