"""The fields of all layers in words, and as a curve over depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import nan
from typing import TYPE_CHECKING

from cnnviz.panels.shared.field_box import whole_map_words

if TYPE_CHECKING:
    from cnnviz.core.curves import Curves
    from cnnviz.core.field_table import FieldRow
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.receptive_field import FieldAxis, ReceptiveField, UnknownOperation

Fields = Mapping[str, "ReceptiveField | UnknownOperation"]

VARIES = "varies, "
"""Before the ends of a range: from unit to unit."""
EFFECTIVE = "effective, 90 % of Σ|g|"
APART = ", whole-map layers apart"
"""Of a theory that leaves out what looks at the whole map."""


@dataclass(frozen=True)
class FieldLine:
    """One row of the table, as it is written.

    Attributes
    ----------
    size : str
        In pixels; "whole (3×3)" where a layer looks at the whole map: what is in brackets, and the other cells, are
        then of the field apart from that.
    sentence : str
        The same in words, where all units have a field of one size.
    note : str
        What is to be said besides, or why the field is not known and the other cells are empty; in sentences.
    """

    layer: str
    kind: str
    size: str
    stride: str = ""
    padding: str = ""
    centre: str = ""
    note: str = ""
    sentence: str = ""


def field_lines(graph: LayerGraph, fields: Fields) -> tuple[FieldLine, ...]:
    """A line for each layer, in order of execution."""
    from cnnviz.core.field_table import field_table

    return tuple(_line(row, fields[row.layer]) for row in field_table(graph, fields))


def _line(row: FieldRow, field: ReceptiveField | UnknownOperation) -> FieldLine:
    if isinstance(field, ValueError):
        return FieldLine(row.layer, row.kind, "not known", note=_sentence(row.told))
    if field.size == (0, 0):
        return FieldLine(row.layer, row.kind, "none", note="No pixel of the input reaches any of its units.")
    notes = [_sentence(row.told)] if row.told else []
    told = field.apart or field
    axes = (told.rows, told.columns)
    size = _size(told)
    if field.apart is not None:
        notes.insert(0, f"{whole_map_words(field)}: the field is {_size(field)} px, and {size} px apart from that.")
        size = f"whole ({size})"
    elif field.whole_map_because and told.rows.stride == told.columns.stride == 0:
        notes.insert(0, "All its units share one field.")
    if told.varies:
        means = _times(["none in common" if axis.stride is None else _fraction(axis.stride) for axis in axes])
        notes.append(f"They differ from unit to unit, the stride is {means} on average: point at a unit for its own.")
    if any(axis.size > axis.image for axis in axes):
        notes.append(f"That is larger than the input, {told.image[0]}×{told.image[1]} px: the rest lies in padding.")
    return FieldLine(
        row.layer,
        row.kind,
        size,
        _times([_stride(axis) for axis in axes]),
        _times([f"{axis.before} | {axis.after}" for axis in axes]).replace("-", "−"),
        _times([f"{axis.centres[0]:g}" for axis in axes], ", ", once=False).replace("-", "−"),
        " ".join(notes),
        _in_words(row.layer, size, told),
    )


def _in_words(layer: str, size: str, field: ReceptiveField) -> str:
    axes = (field.rows, field.columns)
    if not size[0].isdigit() or any(axis.stride is None or axis.stride == 0 for axis in axes):
        return ""
    steps = " and ".join(dict.fromkeys(_stride(axis) for axis in axes))
    return f"A unit of {layer} sees {size} pixels of the input, and the next unit sees as many {steps} px further on."


def _size(field: ReceptiveField) -> str:
    (low_rows, rows), (low_columns, columns) = field.rows.size_range, field.columns.size_range
    if (low_rows, low_columns) == (rows, columns):
        return f"{rows}×{columns}"
    return f"{VARIES}{low_rows}×{low_columns} … {rows}×{columns}"


def _stride(axis: FieldAxis) -> str:
    if axis.stride is None:
        return "none in common"
    if axis.stride == 0:
        return "shared"
    steps = axis.stride_range
    if steps is None or steps[0] == steps[1]:
        return _fraction(axis.stride)
    return f"{VARIES}{_fraction(steps[0])} … {_fraction(steps[1])}"


def _fraction(number: Fraction) -> str:
    return str(number).replace("-", "−")


def _times(words: list[str], between: str = " × ", *, once: bool = True) -> str:
    """Of rows and columns; ``once`` where both are the same."""
    return words[0] if once and words[0] == words[1] else between.join(words)


def _sentence(words: str) -> str:
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


def layers_with_windows(graph: LayerGraph) -> tuple[str, ...]:
    """Layers with maps at which a field grows: those with a window, and those where branches meet."""
    return tuple(
        layer.name
        for layer in graph.layers
        if len(layer.output_shape) == 3 and (layer.geometry is not None or len(layer.inputs) > 1)
    )


def field_curves(graph: LayerGraph, fields: Fields, effective: Mapping[str, float]) -> Curves:
    """Size over depth, by theory and, for those layers that ``effective`` has, measured: the width that holds 90 %."""
    from cnnviz.core.curves import Curves, Mark, series

    names = layers_with_windows(graph)
    sizes = []
    for name in names:
        field = fields[name]
        sizes.append((nan, nan) if isinstance(field, ValueError) else (field.apart or field).size)
    places = list(range(len(names)))
    rows, columns = [size[0] for size in sizes], [size[1] for size in sizes]
    found = [field for field in map(fields.get, names) if field is not None and not isinstance(field, ValueError)]
    apart = APART if any(field.apart is not None for field in found) else ""
    if all(one == other or one != one for one, other in sizes):
        theory = [series(f"by theory{apart}", places, rows, points=True)]
    else:
        theory = [series(f"theory{apart}, rows", places, rows, points=True)]
        theory += [series(f"theory{apart}, columns", places, columns, points=True)]
    measured = [index for index, name in enumerate(names) if name in effective]
    widths = [effective[names[index]] for index in measured]
    image = graph["input"].output_shape[1:]
    largest = max((size for size in (*rows, *columns) if size == size), default=0)
    return Curves(
        "Receptive field over depth",
        "layer, in order of execution",
        "size (input pixels)",
        (*theory, series(EFFECTIVE, measured, widths, points=True)) if measured else tuple(theory),
        (Mark("y", min(image), "the input"),) if largest > min(image) / 2 else (),
        whole_x=True,
        x_names=names,
    )
