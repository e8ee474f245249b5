"""Names of layers where there is little room for them."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontMetrics

LITTLE = 0.6
"""Share of the room that whole steps have to take."""


def short_name(name: str, metrics: QFontMetrics, width: float) -> str:
    """As much of ``name`` as ``width`` pixels hold.

    Of a layer's path (``layer1.0.conv1``) the first steps are cut down to their initials (``l1.0.conv1``), as few as
    need be, so that layers of different blocks are still told apart. Where that is too long, it loses its beginning,
    since the end tells the layers of a block apart, and whole steps of it where that leaves little of the room empty;
    of any other name both ends are kept.
    """
    if metrics.horizontalAdvance(name) <= width:
        return name
    steps = name.split(".")
    for first in range(1, len(steps)):
        cut = ".".join([*map(_initial, steps[:first]), *steps[first:]])
        if metrics.horizontalAdvance(cut) <= width:
            return cut
    for first in range(1, len(steps)):
        rest = f"…{'.'.join(steps[first:])}"
        if LITTLE * width <= metrics.horizontalAdvance(rest) <= width:
            return rest
    mode = Qt.TextElideMode.ElideLeft if len(steps) > 1 else Qt.TextElideMode.ElideMiddle
    return metrics.elidedText(name, mode, int(width))


def initials(name: str) -> str:
    """The shortest that still tells the steps of a path: ``e.b.0.b.1`` of ``encoder.blocks.0.block.1``."""
    *first, last = name.split(".")
    return ".".join([*map(_initial, first), last])


def _initial(step: str) -> str:
    """A step of a path by its first letter and the number at its end: ``layer1`` is ``l1``."""
    digits = step[len(step.rstrip("0123456789")) :]
    return step if step == digits else f"{step[:1]}{digits}"
