"""Draws a table of numbers with any painter: on the screen, and into pictures and drawings that are saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF

from cnnviz.core.number_table import NumberTable
from cnnviz.ui.number_editor import digits_of
from cnnviz.ui.numbers import format_fixed, format_number
from cnnviz.ui.theme import text_is_black_on, theme

Cell = tuple[int, int]

MOST_DIGITS, FEWEST_DIGITS = 4, 1
ROW_HEIGHT, LEAST_ROW_HEIGHT = 22, 15
WIDEST_COLUMN = 120


@dataclass(frozen=True)
class TableLayout:
    """Where the table stands: ``xs`` are the edges of the columns, the first of which holds the names."""

    xs: tuple[float, ...]
    top: float
    height: float
    texts: tuple[tuple[str, ...], ...]

    def cell(self, row: int, column: int) -> QRectF:
        """Row −1 is the heads, column −1 the names."""
        left, right = self.xs[column + 1], self.xs[column + 2]
        return QRectF(left, self.top + (row + 1) * self.height, right - left, self.height)

    def cell_at(self, point: QPointF, rows: int) -> Cell | None:
        """Row and column under a point, also of heads and names; None beside the table."""
        row = int((point.y() - self.top) // self.height) - 1
        column = next((at for at in range(len(self.xs) - 1) if self.xs[at] <= point.x() < self.xs[at + 1]), None)
        return (row, column - 1) if column is not None and -1 <= row < rows else None


@dataclass(frozen=True)
class NumberTablePainter:
    """A table with what of it is chosen.

    Attributes
    ----------
    selected : int or None
        The row that is spoken of.
    ringed : cells
        The ones that are right, with a triangle in the corner.
    pointed : cell or None
        Under the pointer.
    """

    table: NumberTable
    selected: int | None = None
    ringed: Sequence[Cell] = ()
    pointed: Cell | None = None

    def layout(self, box: QRectF) -> TableLayout:
        """As many decimals, up to four, as there is room for; rows as high as there is room for."""
        hub = theme()
        body, head = QFontMetrics(hub.font("small")), QFontMetrics(hub.font("tiny"))
        room, table = hub.px(12), self.table
        bold = QFontMetrics(hub.font("title"))
        names = max((bold.horizontalAdvance(name) for name in (*table.rows, table.corner)), default=0) + hub.px(18)
        names = min(names, round(box.width() / 3))
        for digits in range(MOST_DIGITS, FEWEST_DIGITS - 1, -1):
            texts = self._texts(digits)
            needs = [
                max([head.horizontalAdvance(column.title), *(body.horizontalAdvance(row[at]) for row in texts)]) + room
                for at, column in enumerate(table.columns)
            ]
            if sum(needs) <= box.width() - names:
                break
        share = (box.width() - names) / max(sum(needs), 1)
        widths = [min(need * share, max(hub.px(WIDEST_COLUMN), need)) for need in needs]
        xs = [box.left(), box.left() + names]
        for width in widths:
            xs.append(xs[-1] + width)
        height = min(hub.px(ROW_HEIGHT), max(hub.px(LEAST_ROW_HEIGHT), box.height() / (len(table.rows) + 1)))
        return TableLayout(tuple(xs), box.top(), height, texts)

    def _texts(self, digits: int) -> tuple[tuple[str, ...], ...]:
        return tuple(
            tuple(self._text(row, column, digits) for column in range(len(self.table.columns)))
            for row in range(len(self.table.rows))
        )

    def _text(self, row: int, column: int, digits: int) -> str:
        if (row, column) in self.table.words:
            return self.table.words[row, column]
        if self.table.blank[row, column]:
            return ""
        write = format_number if self.table.columns[column].wide_range else format_fixed
        return write(float(self.table.values[row, column]), min(digits, self._decimals[column]))

    @cached_property
    def _decimals(self) -> tuple[int, ...]:
        """The most that a column's numbers are told with: those that were typed have as many as were typed."""
        found = []
        for at, column in enumerate(self.table.columns):
            values = self.table.values[:, at]
            typed = digits_of(values) if column.editable else None
            found.append(0 if column.whole else MOST_DIGITS if typed is None else typed)
        return tuple(found)

    def paint(self, painter: QPainter, box: QRectF) -> None:
        """Draw it all; the ground is left as it is."""
        hub, layout, table = theme(), self.layout(box), self.table
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        indices = table.indices()
        painter.setFont(hub.font("tiny"))
        painter.setPen(hub.colour("muted"))
        corner = layout.cell(-1, -1).adjusted(hub.px(6), 0, 0, 0)
        self._write(painter, corner, table.corner, Qt.AlignmentFlag.AlignLeft)
        for at, column in enumerate(table.columns):
            self._write(painter, layout.cell(-1, at), column.title, Qt.AlignmentFlag.AlignHCenter)
        body = len(table.rows) - table.totals
        for row, name in enumerate(table.rows):
            painter.setFont(hub.font("title" if row >= body or row == self.selected else "small"))
            self._paint_name(painter, layout.cell(row, -1), name, row)
            painter.setFont(hub.font("title" if row >= body else "small"))
            for at in range(len(table.columns)):
                self._paint_cell(painter, layout.cell(row, at), (row, at), int(indices[row, at]), layout.texts[row][at])
        if table.totals:
            y = layout.cell(body, 0).top()
            painter.setPen(hub.colour("faint"))
            painter.drawLine(QPointF(layout.xs[0], y), QPointF(layout.xs[-1], y))
        for row, at in self.ringed:
            self._paint_corner(painter, layout.cell(row, at))
        if self.pointed is not None and min(self.pointed) >= 0:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(hub.colour("text"), 1))
            painter.drawRoundedRect(layout.cell(*self.pointed).adjusted(1.5, 1.5, -1.5, -1.5), hub.px(3), hub.px(3))

    def _paint_name(self, painter: QPainter, cell: QRectF, name: str, row: int) -> None:
        hub = theme()
        if row == self.selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(hub.colour("accent"))
            painter.drawRoundedRect(
                QRectF(cell.left(), cell.top() + hub.px(3), hub.px(3), cell.height() - hub.px(6)), 1.5, 1.5
            )
        painter.setPen(hub.colour("text" if row == self.selected else "muted"))
        self._write(painter, cell.adjusted(hub.px(6), 0, 0, 0), name, Qt.AlignmentFlag.AlignLeft)

    def _paint_cell(self, painter: QPainter, cell: QRectF, at: Cell, index: int, text: str) -> None:
        hub, column = theme(), self.table.columns[at[1]]
        is_total = at[0] >= len(self.table.rows) - self.table.totals
        painter.setPen(hub.colour("text"))
        if column.kind != "plain" and not is_total and text:
            painter.fillRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), QColor(int(hub.table(column.kind)[index])))
            is_black = text_is_black_on(column.kind, hub.current)[index]
            painter.setPen(Qt.GlobalColor.black if is_black else Qt.GlobalColor.white)
        self._write(painter, cell, text, Qt.AlignmentFlag.AlignHCenter)

    def _paint_corner(self, painter: QPainter, cell: QRectF) -> None:
        hub = theme()
        side = min(hub.px(8), cell.height() / 2)
        corner = cell.topRight() + QPointF(-0.5, 0.5)
        painter.setPen(QPen(hub.colour("panel"), 1))
        painter.setBrush(hub.colour("accent"))
        painter.drawPolygon(QPolygonF([corner, corner - QPointF(side, 0), corner + QPointF(0, side)]))

    def _write(self, painter: QPainter, cell: QRectF, text: str, align: Qt.AlignmentFlag) -> None:
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, round(cell.width()))
        painter.drawText(cell, align | Qt.AlignmentFlag.AlignVCenter, shown)


@dataclass(frozen=True)
class TableFigure:
    """Tables below each other under their titles, to be saved."""

    title: str
    tables: tuple[NumberTable, ...]

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        top = box.top() + hub.px(16)
        for table in self.tables:
            painter.setFont(hub.font("title"))
            painter.setPen(hub.colour("text"))
            line = QRectF(box.left() + hub.px(16), top, box.width() - hub.px(32), hub.px(22))
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), table.title)
            high = (len(table.rows) + 1) * hub.px(ROW_HEIGHT)
            NumberTablePainter(table).paint(painter, QRectF(line.left(), line.bottom(), line.width(), high))
            top = line.bottom() + high + hub.px(16)

    def csv(self) -> str:
        """Each table under its title."""
        return "\n".join(f"{table.title}\n{table.to_csv()}" for table in self.tables)
