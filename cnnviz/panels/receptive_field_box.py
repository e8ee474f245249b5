"""The part of the input that reaches one unit, as a box to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.engine.observation import LoadedNetwork


@dataclass(frozen=True)
class FieldBox:
    """``row`` and ``column`` may be negative where the field reaches into padding; in pixels of the input."""

    row: int
    column: int
    height: int
    width: int
    text: str


def unit_field(network: LoadedNetwork, layer: str, row: int, column: int) -> FieldBox | None:
    """The field of one unit of ``layer``; None where the graph does not tell it."""
    field = network.receptive_field(layer)
    if field is None:
        return None
    top, left, height, width = field.box(row, column)
    stride = " × ".join(dict.fromkeys(f"{step:g}" for step in field.stride))
    return FieldBox(top, left, height, width, f"{height}×{width} px, stride {stride}")
