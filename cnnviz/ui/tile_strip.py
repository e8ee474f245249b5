"""Tiles in a row under their caption, each with its words right below it, as large as the panel is wide."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, QSizeF
from PyQt6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.ui.theme import theme
from cnnviz.ui.tiles_figure import CAPTION, GAP, LABEL_LINE, TileRow, paint_tile_row, tile_scale

LEAST = 28
"""Height of the tiles themselves, at scale 1."""
_MOST = 320


class TileStrip(QWidget):
    """Shows a :class:`TileRow` as the figure that is saved of it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: TileRow | None = None
        self._least = LEAST
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self._fit)

    @property
    def row(self) -> TileRow | None:
        """What is shown."""
        return self._row

    def set_row(self, row: TileRow, least: int = LEAST) -> None:
        """Show tiles in place of those before; ``least`` is the height that they keep, at scale 1."""
        self._row, self._least = row, least
        self.setAccessibleName(row.caption)
        self.setToolTip("\n".join(label.replace("\n", ": ") for label in row.labels))
        self._fit()

    def minimumSizeHint(self) -> QSize:
        lines = 0 if self._row is None else self._row.label_lines
        return QSize(theme().px(160), theme().px(CAPTION + self._least) + lines * theme().px(LABEL_LINE))

    def sizeHint(self) -> QSize:
        return QSize(theme().px(380), self.maximumHeight())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if self._row is not None:
            painter = QPainter(self)
            paint_tile_row(painter, QRectF(self.rect()), self._row, whole=True)
            painter.end()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """No higher than the tiles can be at this width, so that nothing is empty below them."""
        row, hub = self._row, theme()
        if row is None:
            return
        over = hub.px(CAPTION) + row.label_lines * hub.px(LABEL_LINE)
        lines = -(-row.mosaic.count // max(len(row.column_widths), 1))
        scale = tile_scale(row, QSizeF(self.width(), over + hub.px(_MOST)), whole=True)
        high = round(lines * (row.mosaic.tile_shape[0] * scale + hub.px(GAP)))
        self.setMaximumHeight(max(over + high, self.minimumSizeHint().height()))
        self.updateGeometry()
        self.update()
