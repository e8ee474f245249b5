"""Which input pixels can reach a unit, computed from what the layers do to positions."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.field_axis import Axis
from cnnviz.core.field_rules import Asked, Side, Sides, UnknownOperation, input_sides, side_after, treats_axes_alike
from cnnviz.core.graph import INPUT, Layer, LayerGraph

__all__ = [
    "Box",
    "FieldAxis",
    "ReceptiveField",
    "UnknownOperation",
    "beyond_image",
    "receptive_field",
    "receptive_fields",
]

Box = tuple[int, int, int, int]
"""First row, first column, height and width, in input pixels."""


@dataclass(frozen=True, eq=False)
class FieldAxis:
    """The fields of a layer's units along the rows, or the columns, of the image.

    Attributes
    ----------
    low, high : arrays of int, one entry for each unit
        First and last pixel that can reach the unit by theory; they may lie outside of the image. ``low > high`` where
        nothing can. One entry alone where all units share it.
    first, last : arrays of int
        What of the image really reaches it: without padding, and without pixels that no window of an earlier layer
        takes in. ``first > last`` where nothing does.
    stride : Fraction or None
        The effective stride: pixels from one unit's field to the next one's, on the average over a period where it
        varies; 0 where all units share one field. None where branches of different strides meet.
    image : int
        Rows or columns of the image.
    along : int or None
        The axis of the layer's output that the units are counted along: 1 for rows and 2 for columns of an
        unturned map (C, H, W).
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    stride: Fraction | None
    image: int
    along: int | None

    @cached_property
    def size_range(self) -> tuple[int, int]:
        """Pixels of the smallest and of the largest field by theory, among units that read anything."""
        sizes = (self.high - self.low + 1)[self.high >= self.low]
        return (int(sizes.min()), int(sizes.max())) if len(sizes) else (0, 0)

    @property
    def size(self) -> int:
        return self.size_range[1]

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each unit's field by theory, in pixels from the centre of the first."""
        centres: NDArray[np.float64] = (self.low + self.high) / 2
        return centres

    @cached_property
    def stride_range(self) -> tuple[Fraction, Fraction] | None:
        """The smallest and the largest step from one centre to the next; None where there is but one unit."""
        steps = np.diff(self.low + self.high)
        return (Fraction(int(steps.min()), 2), Fraction(int(steps.max()), 2)) if len(steps) else None

    @property
    def varies(self) -> bool:
        """Whether size or stride differ from unit to unit."""
        steps = self.stride_range
        return self.size_range[0] != self.size_range[1] or (steps is not None and steps[0] != steps[1])

    @property
    def padding(self) -> tuple[int, int]:
        """How many pixels the first field begins before the image and the last one ends after it, if positive."""
        return -int(self.low.min()), int(self.high.max()) - self.image + 1

    def unit_of(self, index: tuple[int, int, int]) -> int:
        """Entry of the unit at ``index`` (channel, row, column) of the output; raises IndexError."""
        place = 0 if self.along is None else index[self.along]
        if not 0 <= place < len(self.low):
            raise IndexError(f"there is no unit {index}")
        return place

    def units_that_see(self, pixel: int) -> NDArray[np.int64]:
        """Numbers of the units whose real interval holds ``pixel``."""
        return np.flatnonzero((self.first <= pixel) & (pixel <= self.last))


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """Input pixels that can reach the units of one layer.

    Units are named by their place ``(row, column)`` in the layer's output; where all share one field, any will do.

    Attributes
    ----------
    rows, columns : FieldAxis
    unaligned : str
        In words, which branches of different effective strides met, so that there is no one stride; else empty. The
        boxes of units are exact all the same.
    whole_map_because : tuple of str
        The layers that look at a whole map, by which the field is that large: normalisation by the map's own moments,
        global pooling, attention, a flattening.
    apart : ReceptiveField or None
        The field apart from normalisation, and from branches that look at the whole map beside others that do not;
        None where that makes no difference.
    """

    rows: FieldAxis
    columns: FieldAxis
    unaligned: str = ""
    whole_map_because: tuple[str, ...] = ()
    apart: "ReceptiveField | None" = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, of the largest field where they vary."""
        return self.rows.size, self.columns.size

    @property
    def stride(self) -> tuple[Fraction | None, Fraction | None]:
        return self.rows.stride, self.columns.stride

    @property
    def start(self) -> tuple[int, int]:
        """First row and column of the first unit's field."""
        return int(self.rows.low[0]), int(self.columns.low[0])

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels that the fields reach beyond the image (top, bottom), (left, right); negative if they end inside."""
        return self.rows.padding, self.columns.padding

    @property
    def varies(self) -> bool:
        """Whether size or stride differ from unit to unit."""
        return self.rows.varies or self.columns.varies

    @property
    def image(self) -> tuple[int, int]:
        return self.rows.image, self.columns.image

    def box(self, row: int = 0, column: int = 0, channel: int = 0) -> Box:
        """The field of a unit by theory, which may lie outside the image; of height or width 0 if it reads nothing.

        ``channel`` matters in maps alone that have been turned so that rows or columns are not their last axes.

        Raises
        ------
        IndexError
            The layer has no such unit.
        """
        index = (channel, row, column)
        return _box([(int(a.low[a.unit_of(index)]), int(a.high[a.unit_of(index)])) for a in (self.rows, self.columns)])

    def clipped_box(self, row: int = 0, column: int = 0, channel: int = 0) -> Box:
        """The part of the image that reaches a unit; of height or width 0 if there is none. Raises IndexError."""
        index = (channel, row, column)
        return _box(
            [(int(a.first[a.unit_of(index)]), int(a.last[a.unit_of(index)])) for a in (self.rows, self.columns)]
        )

    def centre(self, row: int = 0, column: int = 0, channel: int = 0) -> tuple[float, float]:
        """Row and column in the middle of a unit's field by theory. Raises IndexError."""
        index = (channel, row, column)
        return tuple(float(axis.centres[axis.unit_of(index)]) for axis in (self.rows, self.columns))  # type: ignore[return-value]


def _box(ends: list[tuple[int, int]]) -> Box:
    (top, bottom), (left, right) = ((a, b) if a <= b else (0, -1) for a, b in ends)
    return top, left, bottom - top + 1, right - left + 1


def beyond_image(box: Box, height: int, width: int) -> tuple[Box, ...]:
    """The parts of ``box`` outside of an image of this size, where padding lies: above, below, left and right."""
    top, left, rows, columns = box
    bottom, right = top + rows, left + columns
    inner_top, inner_bottom = (min(max(edge, 0), height) for edge in (top, bottom))
    parts = (
        (top, left, min(bottom, 0) - top, columns),
        (max(top, height), left, bottom - max(top, height), columns),
        (inner_top, left, inner_bottom - inner_top, min(right, 0) - left),
        (inner_top, max(left, width), inner_bottom - inner_top, right - max(left, width)),
    )
    return tuple(part for part in parts if part[2] > 0 and part[3] > 0)


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
    rows, columns = (_axis_told(side, size) for side, size in zip(found, image, strict=True))
    because = tuple(dict.fromkeys(name for side in found for name in side.whole_from))
    beside = None
    if because and apart is not None and not isinstance(apart, UnknownOperation):
        beside = _told(graph, apart, None)
        if isinstance(beside, ReceptiveField) and _same(beside.rows, rows) and _same(beside.columns, columns):
            beside = None
    unaligned = next((side.axis.unaligned for side in found if side.axis.unaligned), "")
    return ReceptiveField(rows, columns, unaligned, because, beside)  # type: ignore[arg-type]


def _axis_told(side: Side, image: int) -> FieldAxis:
    axis: Axis = side.axis
    low, high = axis.theory
    stride = axis.parts[0].stride if len(axis.parts) == 1 else None
    return FieldAxis(low, high, axis.first, axis.last, stride, image, side.along)


def _same(one: FieldAxis, other: FieldAxis) -> bool:
    return one.stride == other.stride and all(
        np.array_equal(a, b) for a, b in ((one.low, other.low), (one.high, other.high), (one.first, other.first))
    )
