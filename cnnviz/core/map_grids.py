"""Where the cells of each layer lie on the image, so that what is done to the image can be done to the layer's maps."""

from dataclasses import dataclass

import numpy as np

from cnnviz.core.graph import INPUT, Layer, LayerGraph
from cnnviz.core.receptive_field import FieldAxis, ReceptiveField, UnknownOperation, receptive_fields
from cnnviz.core.transforms import MapGrid


@dataclass(frozen=True, eq=False)
class PlacedLayer:
    """A layer whose outputs can be moved as the image is, or the reason why they cannot.

    Attributes
    ----------
    layer : str
    grid : MapGrid or None
        Of one cell where there is no map: then nothing moves it, and it is compared with itself (invariance).
    field : ReceptiveField or None
    reason : str
        Why there is no grid, in words; else empty.
    notes : tuple of str
        What was assumed.
    """

    layer: str
    grid: MapGrid | None
    field: ReceptiveField | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()


def place_layers(graph: LayerGraph) -> dict[str, PlacedLayer]:
    """The grid of every layer of ``graph``, by name.

    Cells lie ``centre + i * stride`` input pixels from the upper left, by the effective stride and the middle of the
    receptive field, apart from what looks at a whole map (normalisation, gates), which moves nothing.
    """
    shape = graph[INPUT].output_shape
    if len(shape) != 3:
        reason = f"the network's input has the shape {shape}, which is no image (C, H, W)"
        return {layer.name: PlacedLayer(layer.name, None, reason=reason) for layer in graph}
    fields = receptive_fields(graph)
    return {layer.name: _placed(layer, fields[layer.name], (shape[1], shape[2])) for layer in graph}


def _placed(layer: Layer, field: ReceptiveField | UnknownOperation, image: tuple[int, int]) -> PlacedLayer:
    known = None if isinstance(field, UnknownOperation) else field
    shape = layer.output_shape
    if len(shape) == 1 or (len(shape) == 3 and shape[1:] == (1, 1)):
        note = "There is no map: f(Tx) is compared with f(x) itself."
        return PlacedLayer(layer.name, MapGrid((1, 1), (0.0, 0.0), (0.0, 0.0), image), known, notes=(note,))
    if len(shape) != 3:
        words = "×".join(map(str, shape))
        return PlacedLayer(layer.name, None, known, reason=f"its output of {words} is neither maps nor a list of units")
    if isinstance(field, UnknownOperation):
        return PlacedLayer(layer.name, None, reason=str(field))
    notes = []
    mapped = field
    if field.apart is not None:
        mapped = field.apart
        notes.append(
            f"Every cell reads the whole map (by {field.whole_map_because[0]}); its place is told apart from that."
        )
    if mapped.unaligned:
        return PlacedLayer(layer.name, None, field, reason=mapped.unaligned)
    axes = []
    for axis, cells, along in zip((mapped.rows, mapped.columns), shape[1:], (1, 2), strict=True):
        place = _axis(axis, cells, along)
        if isinstance(place, str):
            return PlacedLayer(layer.name, None, field, reason=place)
        axes.append(place)
    if mapped.varies:
        notes.append("Fields differ from cell to cell; the cells are placed by the mean stride.")
    (row_stride, row), (column_stride, column) = axes
    grid = MapGrid((shape[1], shape[2]), (row_stride, column_stride), (row, column), image)
    return PlacedLayer(layer.name, grid, field, notes=tuple(notes))


def _axis(axis: FieldAxis, cells: int, along: int) -> tuple[float, float] | str:
    """Effective stride and centre of the first cell, or why there are none."""
    if cells == 1:
        return 0.0, 0.0
    if axis.along not in (None, along):
        return "its rows and columns are not those of the image"
    if axis.stride is None:
        return "branches of different effective strides meet in it"
    if axis.stride <= 0 or len(axis.centres) != cells:
        return "every cell reads the whole map, so that no stride tells where it lies"
    stride = float(axis.stride)
    start = float(np.mean(axis.centres - stride * np.arange(cells)))
    if np.abs(axis.centres - start - stride * np.arange(cells)).max() > 2 * max(stride, 1.0):
        return "its fields are not laid out evenly"
    return stride, start
