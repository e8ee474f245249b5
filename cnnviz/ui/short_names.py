"""Names of layers where there is little room for them."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontMetrics

LITTLE = 0.6
"""Share of the room that whole steps have to take."""


def short_name(name: str, metrics: QFontMetrics, width: float) -> str:
    """As much of ``name`` as ``width`` pixels hold.

    A layer's path (``layer1.0.conv1``) loses its beginning, since the end tells the layers of a block apart, and whole
    steps of it where that leaves little of the room empty; of any other name both ends are kept.
    """
    if metrics.horizontalAdvance(name) <= width:
        return name
    steps = name.split(".")
    for first in range(1, len(steps)):
        rest = f"…{'.'.join(steps[first:])}"
        if LITTLE * width <= metrics.horizontalAdvance(rest) <= width:
            return rest
    mode = Qt.TextElideMode.ElideLeft if len(steps) > 1 else Qt.TextElideMode.ElideMiddle
    return metrics.elidedText(name, mode, int(width))
