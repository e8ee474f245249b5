"""Named bars as a figure that is saved: the error of every layer, the share of cells that padding reaches."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QPainter

from cnnviz.ui.short_names import short_name
from cnnviz.ui.theme import theme

_ROW = 21
_NARROWEST = 200


@dataclass(frozen=True)
class Bar:
    """One row: its name, its value, and how that is written; a value that is no number has an empty bar."""

    name: str
    value: float
    text: str


@dataclass(frozen=True)
class BarsFigure:
    """Rows from above to below, in as many columns as they need, at any size.

    Attributes
    ----------
    heading, quantity : str
        What the names are of, and what the values are, with their unit.
    full : float
        The value at which a bar is full.
    beside : tuple of (str, tuple of float)
        More columns for the table alone, such as the ends of an interval.
    """

    title: str
    heading: str
    quantity: str
    bars: tuple[Bar, ...]
    full: float = 1.0
    marked: int | None = None
    beside: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        margin, line = hub.px(12), hub.px(22)
        inside = box.adjusted(margin, margin, -margin, -margin)
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(hub.font("title"))
        painter.setPen(hub.colour("text"))
        painter.drawText(QRectF(inside.left(), inside.top(), inside.width(), line), left, self.title)
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("muted"))
        painter.drawText(QRectF(inside.left(), inside.top() + line, inside.width(), line), left, self.quantity)
        room = inside.adjusted(0, 2 * line + hub.px(4), 0, 0)
        count = max(len(self.bars), 1)
        columns = min(max(1, -(-count * hub.px(_ROW) // int(room.height()))), max(1, int(room.width()) // _NARROWEST))
        rows = -(-count // columns)
        high = min(hub.px(_ROW), room.height() / rows)
        wide = (room.width() - (columns - 1) * hub.px(20)) / columns
        for index in range(len(self.bars)):
            column, row = divmod(index, rows)
            cell = QRectF(room.left() + column * (wide + hub.px(20)), room.top() + row * high, wide, high)
            self._paint_row(painter, cell, index)

    def _paint_row(self, painter: QPainter, cell: QRectF, index: int) -> None:
        hub, bar, is_marked = theme(), self.bars[index], index == self.marked
        font = hub.font("title" if is_marked else "small")
        font.setPixelSize(max(1, min(font.pixelSize(), int(cell.height() * 0.8))))
        painter.setFont(font)
        painter.setPen(hub.colour("text" if is_marked else "muted"))
        metrics = painter.fontMetrics()
        value = max(metrics.horizontalAdvance(each.text) for each in self.bars) + hub.px(6)
        name = min(
            max(metrics.horizontalAdvance(each.name) for each in self.bars) + hub.px(8), (cell.width() - value) * 0.6
        )
        middle = Qt.AlignmentFlag.AlignVCenter
        words = QRectF(cell.left(), cell.top(), name, cell.height())
        shown = short_name(bar.name, metrics, name - hub.px(8))
        painter.drawText(words, int(middle | Qt.AlignmentFlag.AlignLeft), shown)
        number = QRectF(cell.right() - value, cell.top(), value, cell.height())
        painter.drawText(number, int(middle | Qt.AlignmentFlag.AlignRight), bar.text)
        thick = min(hub.px(10), cell.height() * 0.6)
        track = QRectF(cell.left() + name, cell.center().y() - thick / 2, cell.width() - name - value, thick)
        painter.fillRect(track, hub.colour("raised"))
        if math.isfinite(bar.value) and bar.value > 0:
            filled = QRectF(track)
            filled.setWidth(track.width() * min(bar.value / self.full, 1.0))
            painter.fillRect(filled, hub.colour("accent" if is_marked else "faint"))

    def csv(self) -> str:
        """A line for each bar; what is no number is left empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([self.heading, self.quantity, *(title for title, _ in self.beside)])
        for index, bar in enumerate(self.bars):
            values = (bar.value, *(column[index] for _, column in self.beside))
            writer.writerow([bar.name, *("" if math.isnan(value) else repr(float(value)) for value in values)])
        return out.getvalue()
