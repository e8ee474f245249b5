"""Rings, frames and outlines over the tiles of a mosaic."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from cnnviz.ui.theme import theme

CORNER_FROM = 24
"""Smallest drawn tile, in logical pixels at scale 1, with rounded corners."""


def paint_ring(painter: QPainter, tile: QRect, colour: QColor, width: int) -> None:
    """A rounded ring just outside a tile."""
    outset = width / 2
    rect = QRectF(tile).adjusted(-outset, -outset, outset, outset)
    painter.setPen(QPen(colour, width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = theme().px(3 if rect.width() >= theme().px(CORNER_FROM) else 1) + outset
    painter.drawRoundedRect(rect, radius, radius)


def paint_cell(painter: QPainter, tile: QRect, row: int, column: int, side: float, colour: QColor) -> None:
    """A frame around one pixel of a tile whose pixels are ``side`` wide, at least large enough to be found."""
    spare = max(0.0, (theme().px(7) - side) / 2) + 1
    box = QRectF(tile.x() + column * side, tile.y() + row * side, side, side)
    painter.setPen(QPen(colour, theme().px(2)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box.adjusted(-spare, -spare, spare, spare))


def paint_lit(painter: QPainter, tiles: Sequence[QRect], cells: tuple[int, int, int, int], side: float) -> None:
    """A frame around the same pixels of each tile: first row and column, last row and column, all inclusive."""
    top, left, bottom, right = cells
    if bottom < top or right < left:
        return
    mark = theme().colour("mark")
    soft = QColor(mark)
    soft.setAlphaF(0.28)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.setPen(QPen(mark, 1))
    painter.setBrush(soft)
    for tile in tiles:
        box = QRectF(left * side, top * side, (right - left + 1) * side, (bottom - top + 1) * side)
        box = box.translated(tile.x(), tile.y()).intersected(QRectF(tile))
        painter.drawRect(box.adjusted(0, 0, -1, -1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def paint_outlines(painter: QPainter, tiles: Sequence[QRect]) -> None:
    """A thin line around each tile: such as end in the panel's own colour would run into each other."""
    painter.setPen(QPen(theme().colour("line"), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRects(*(tile.adjusted(-1, -1, 0, 0) for tile in tiles))
