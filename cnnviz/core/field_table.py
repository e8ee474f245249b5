"""The fields of all layers as rows of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from cnnviz.core.graph import LayerGraph
from cnnviz.core.receptive_field import ReceptiveField, UnknownOperation, receptive_fields

Stride = int | Fraction | None


@dataclass(frozen=True, slots=True)
class FieldRow:
    """What is said of one layer's field; pairs are for rows and columns.

    Attributes
    ----------
    layer, kind, summary : str
    depth : int
        How many layers with a window lie on the longest way from the input up to this one, itself included.
    size : (int, int) or None
        In pixels, of the largest where it varies; None where the field is not known.
    size_range : pair of (int, int)
        The smallest and the largest.
    stride : pair of int, Fraction or None
        The effective stride, on the average where it varies; a Fraction where it is no whole number, 0 where all units
        share one field, None where branches of different strides meet.
    stride_range : pair of (Fraction, Fraction) or None
        The smallest and the largest step from one unit's centre to the next one's; None where there is one unit.
    padding, padding_after : (int, int)
        How far the first field begins before the image, and how far the last ends after it; negative if inside.
    centre : (float, float)
        Of the first unit's field, in pixels from the middle of the first pixel.
    varies : bool
        Whether size or stride differ from unit to unit.
    whole_map_because : tuple of str
        The layers that look at a whole map, by which this field is that large.
    apart : ReceptiveField or None
        The field apart from those.
    told : str
        In words, why there is no field, or no one stride; else empty.
    """

    layer: str
    kind: str
    summary: str
    depth: int
    size: tuple[int, int] | None = None
    size_range: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    stride: tuple[Stride, Stride] = (None, None)
    stride_range: tuple[tuple[Fraction, Fraction] | None, tuple[Fraction, Fraction] | None] = (None, None)
    padding: tuple[int, int] = (0, 0)
    padding_after: tuple[int, int] = (0, 0)
    centre: tuple[float, float] = (0.0, 0.0)
    varies: bool = False
    whole_map_because: tuple[str, ...] = ()
    apart: ReceptiveField | None = None
    told: str = ""


def field_table(
    graph: LayerGraph, fields: Mapping[str, ReceptiveField | UnknownOperation] | None = None
) -> tuple[FieldRow, ...]:
    """One row for each layer, in order of execution.

    Parameters
    ----------
    graph : LayerGraph
    fields : mapping, optional
        As :func:`receptive_fields` gives them, where they are there already.
    """
    found = receptive_fields(graph) if fields is None else fields
    depths: dict[str, int] = {}
    rows = []
    for layer in graph.layers:
        before = max((depths[name] for name in layer.inputs), default=0)
        depths[layer.name] = before + (layer.geometry is not None)
        rows.append(_row(layer.name, layer.kind, layer.summary, depths[layer.name], found[layer.name]))
    return tuple(rows)


def _row(layer: str, kind: str, summary: str, depth: int, field: ReceptiveField | UnknownOperation) -> FieldRow:
    if isinstance(field, UnknownOperation):
        return FieldRow(layer, kind, summary, depth, told=str(field))
    rows, columns = field.rows, field.columns
    return FieldRow(
        layer,
        kind,
        summary,
        depth,
        field.size,
        (rows.size_range, columns.size_range),
        (_plain(rows.stride), _plain(columns.stride)),
        (rows.stride_range, columns.stride_range),
        field.padding,
        field.padding_after,
        (float(rows.centres[0]), float(columns.centres[0])),
        field.varies,
        field.whole_map_because,
        field.apart,
        field.unaligned,
    )


def _plain(stride: Fraction | None) -> Stride:
    return int(stride) if stride is not None and stride.denominator == 1 else stride
