"""Small pictures drawn over the tiles of a mosaic: channel numbers and rounded corners, in one pixmap."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPixmap

from cnnviz.ui.tile_layout import TileLayout

_PER_ROW = 16


class TileSprites:
    """The sprites of one mosaic at one theme and scale; drawing them is one call for all tiles.

    A number is legible on any map because a halo of the opposite brightness surrounds it.

    Parameters
    ----------
    labels
        A short text per tile; empty for no numbers.
    font
        Of the numbers, in device pixels.
    corner
        Radius of the tiles' corners in device pixels; 0 leaves them square.
    text, halo, panel
        Colours of the numbers, of what surrounds them, and of what the corners are covered with.
    """

    def __init__(
        self, labels: Sequence[str], font: QFont, corner: int, text: QColor, halo: QColor, panel: QColor
    ) -> None:
        metrics = QFontMetrics(font)
        self._halo = max(1, round(metrics.height() / 9))
        self._corner = corner
        self._cell_width = max((metrics.horizontalAdvance(label) for label in labels), default=0) + 2 * self._halo + 1
        self._cell_height = metrics.ascent() + metrics.descent() + 2 * self._halo if labels else 0
        self._top = 2 * corner
        rows = -(-len(labels) // _PER_ROW)
        self.pixmap = QPixmap(
            max(1, 2 * corner, _PER_ROW * self._cell_width), max(1, self._top + rows * self._cell_height)
        )
        self.pixmap.fill(Qt.GlobalColor.transparent)
        self._count = len(labels)
        painter = QPainter(self.pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if corner:
            cover = QPainterPath()
            cover.addRect(QRectF(0, 0, 2 * corner, 2 * corner))
            cover.addEllipse(QRectF(0, 0, 2 * corner, 2 * corner))  # odd-even: what lies outside the circle
            painter.fillPath(cover, panel)
        painter.setFont(font)
        around = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]
        for index, label in enumerate(labels):
            row, column = divmod(index, _PER_ROW)
            at = QPointF(
                column * self._cell_width + self._halo,
                self._top + row * self._cell_height + self._halo + metrics.ascent(),
            )
            painter.setPen(halo)
            for x, y in around:
                painter.drawText(at + QPointF(x * self._halo, y * self._halo), label)
            painter.setPen(text)
            painter.drawText(at, label)
        painter.end()

    def fragments(self, layout: TileLayout) -> list[list[QPainter.PixmapFragment]]:
        """What to draw over each tile of ``layout``."""
        height, width = layout.drawn_shape
        return [self._over(tile, *layout.corner(tile), width, height) for tile in range(layout.count)]

    def _over(self, tile: int, left: float, top: float, width: float, height: float) -> list[QPainter.PixmapFragment]:
        pieces = []
        if self._corner:
            half = self._corner / 2
            for right in (0, 1):
                for bottom in (0, 1):
                    source = QRectF(right * self._corner, bottom * self._corner, self._corner, self._corner)
                    centre = QPointF(
                        left + (width - half if right else half), top + (height - half if bottom else half)
                    )
                    pieces.append(QPainter.PixmapFragment.create(centre, source))
        if tile < self._count:
            row, column = divmod(tile, _PER_ROW)
            source = QRectF(
                column * self._cell_width,
                self._top + row * self._cell_height,
                self._cell_width,
                self._cell_height,
            )
            inset = self._halo + 1
            centre = QPointF(left + inset + self._cell_width / 2, top + inset / 2 + self._cell_height / 2)
            pieces.append(QPainter.PixmapFragment.create(centre, source))
        return pieces
