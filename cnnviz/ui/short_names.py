"""Names of layers where there is little room for them."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontMetrics


def short_name(name: str, metrics: QFontMetrics, width: float) -> str:
    """As much of ``name`` as ``width`` pixels hold.

    A layer's path (``layer1.0.conv1``) loses whole steps from its beginning, since the last ones tell the layers of a
    block apart; of any other name both ends are kept.
    """
    if metrics.horizontalAdvance(name) <= width:
        return name
    steps = name.split(".")
    for first in range(1, len(steps)):
        rest = f"…{'.'.join(steps[first:])}"
        if metrics.horizontalAdvance(rest) <= width:
            return rest
    mode = Qt.TextElideMode.ElideLeft if len(steps) > 1 else Qt.TextElideMode.ElideMiddle
    return metrics.elidedText(steps[-1], mode, int(width))
