"""The part of the input that reaches one unit, as a box to draw; and the units that see the pixel pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.core.graph import INPUT
from cnnviz.scene.models import Pointer

if TYPE_CHECKING:
    from cnnviz.core.field_reach import ReachTable
    from cnnviz.core.receptive_field import Box, FieldAxis, ReceptiveField
    from cnnviz.engine.observation import LoadedNetwork


@dataclass(frozen=True)
class FieldBox:
    """One unit's field by theory; ``row`` and ``column`` may be negative where it reaches into padding.

    Attributes
    ----------
    row, column, height, width : int
        In pixels of the input. Apart from what looks at the whole map, if there is such a thing.
    clipped : (int, int, int, int)
        Row, column, height and width of the pixels that really reach the unit.
    padding : tuple of boxes
        The parts outside of the image.
    whole_map : str
        In words, why the field is the whole map and this box what it is apart from that; else empty.
    """

    row: int
    column: int
    height: int
    width: int
    text: str
    clipped: Box = (0, 0, 0, 0)
    padding: tuple[Box, ...] = ()
    whole_map: str = ""


def unit_field(network: LoadedNetwork, layer: str, row: int, column: int, channel: int = 0) -> FieldBox | None:
    """The field of one unit of ``layer``; None where the graph does not tell it, or where no pixel reaches the unit."""
    from cnnviz.core.receptive_field import beyond_image

    told = network.receptive_field(layer)
    if told is None:
        return None
    field = told.apart or told
    box = field.box(row, column, channel)
    top, left, height, width = box
    if not height or not width:
        return None
    words = f"{height}×{width} px, {stride_words(field)}"
    whole = "" if told.apart is None else whole_map_words(told)
    # on the input there is little room for the path of a layer
    beside = "" if told.apart is None else f"; {whole_map_words(told, steps=2)}"
    return FieldBox(
        *(top, left, height, width, f"{words}{beside}"),
        clipped=field.clipped_box(row, column, channel),
        padding=beyond_image(box, *field.image),
        whole_map=whole,
    )


def lit_units(table: ReachTable | None, pointer: Pointer | None) -> Box | None:
    """The units of a layer that see the pixel of the input that is pointed at: first row and column, last row and
    column. None where no pixel is, or where none of them sees it."""
    if table is None or pointer is None or pointer.layer != INPUT:
        return None
    reach = table.at(pointer.row, pointer.column)
    return None if reach is None else (reach.rows[0], reach.columns[0], reach.rows[1], reach.columns[1])


def stride_words(field: ReceptiveField) -> str:
    """Such as "stride 4", "stride 1/2 × 1/4", "shared by all units", or why there is none."""
    strides = [_stride(axis) for axis in (field.rows, field.columns)]
    if any(stride is None for stride in strides):
        return "no one stride: its branches have different ones"
    if all(axis.stride == 0 for axis in (field.rows, field.columns)):
        return "shared by all units"
    return f"stride {' × '.join(dict.fromkeys(str(stride) for stride in strides))}"


def _stride(axis: FieldAxis) -> str | None:
    if axis.stride is None:
        return None
    steps = axis.stride_range
    varies = steps is not None and steps[0] != steps[1]
    return f"{axis.stride} on average" if varies else str(axis.stride)


def whole_map_words(field: ReceptiveField, *, steps: int = 0) -> str:
    """Which layers make the field the whole map, by the last ``steps`` of their paths or all; empty where none does."""
    names = [".".join(name.split(".")[-steps:]) for name in field.whole_map_because]
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    looks = "looks" if len(names) == 1 else "look"
    return f"{', '.join(names[:2])}{more} {looks} at the whole map"
