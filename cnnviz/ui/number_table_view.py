"""A table of numbers to read, point at and type into."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from cnnviz.core.number_table import NumberTable
from cnnviz.ui.cell_field import CellField
from cnnviz.ui.focus_frame import paint_focus
from cnnviz.ui.number_editor import digits_of
from cnnviz.ui.number_table_painter import (
    LEAST_ROW_HEIGHT,
    ROW_HEIGHT,
    Cell,
    NumberTablePainter,
    TableLayout,
)
from cnnviz.ui.numbers import format_number, parse_number
from cnnviz.ui.theme import theme


class NumberTableView(QWidget):
    """Shows a :class:`~cnnviz.core.number_table.NumberTable`, as high as its rows.

    A click opens a cell that can be typed into; the arrow keys move from cell to cell.
    """

    hovered = pyqtSignal(object)
    """(row, column) under the pointer, or reached with the keys; ``None`` when it leaves."""
    clicked = pyqtSignal(int, int)
    """A cell, or with column −1 a row's name."""
    edited = pyqtSignal(int, int, float)
    """Row, column and the number that the person typed."""
    stepped = pyqtSignal(int, int, int)
    """The wheel over a cell that can be typed into and holds whole numbers: up by 1, or down by −1."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._painter: NumberTablePainter | None = None
        self._layout: TableLayout | None = None
        self._selected: int | None = None
        self._ringed: tuple[Cell, ...] = ()
        self._pointed: Cell | None = None
        self._open: Cell | None = None
        self._field = CellField(self)
        self._field.taken.connect(self._take)
        self._field.left.connect(self._leave)
        theme().changed.connect(self._restyle)

    @property
    def table(self) -> NumberTable | None:
        """What is shown."""
        return None if self._painter is None else self._painter.table

    def set_table(self, table: NumberTable) -> None:
        """Show another table; what is being typed stays open."""
        before = None if self.table is None else len(self.table.rows)
        self._painter = NumberTablePainter(table, self._selected, self._ringed, self._pointed)
        if before != len(table.rows):
            self.setMaximumHeight(self.sizeHint().height())
            self.updateGeometry()
        self._changed()

    def set_selected(self, row: int | None) -> None:
        """Speak of a row."""
        self._selected = row
        self._rebuild()

    def set_ringed(self, cells: Sequence[Cell]) -> None:
        """Mark the cells that are the right ones."""
        self._ringed = tuple(cells)
        self._rebuild()

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where a cell is drawn; column −1 is the row's name."""
        return QRect() if self._layout is None else self._layout.cell(row, column).toRect()

    @property
    def open_cell(self) -> Cell | None:
        """The cell that is being typed into."""
        return self._open

    def open(self, row: int, column: int, text: str | None = None) -> None:
        """Let the person type into a cell; ``text`` takes the place of its number."""
        if self.table is None or not self._editable((row, column)):
            return
        self._open = (row, column)
        value = self.table.values[row, column]
        written = self.table.words.get((row, column)) or format_number(float(value), digits_of(value.reshape(1)) or 0)
        self._field.setText(written if text is None else text)
        self._field.setAccessibleName(f"{self.table.rows[row]}, {self.table.columns[column].title}")
        self._place_field()
        self._field.show()
        self._field.setFocus()
        if text is None:
            self._field.selectAll()

    def _rebuild(self) -> None:
        if self._painter is not None:
            self._painter = NumberTablePainter(self._painter.table, self._selected, self._ringed, self._pointed)
            self.update()

    def _changed(self) -> None:
        if self._painter is not None:
            self._layout = self._painter.layout(QRectF(self.rect()))
            self._place_field()
            self.update()

    def _restyle(self) -> None:
        self.setMaximumHeight(self.sizeHint().height())
        self.updateGeometry()
        self._changed()

    def _editable(self, cell: Cell | None) -> bool:
        table = self.table
        if table is None or cell is None or min(cell) < 0 or cell[0] >= len(table.rows) - table.totals:
            return False
        return cell[1] < len(table.columns) and table.columns[cell[1]].editable

    def _place_field(self) -> None:
        if self._open is not None and self._layout is not None:
            rect = self._layout.cell(*self._open).toRect()
            grown = max(0, theme().px(48) - rect.width())
            room = rect.adjusted(-grown // 2, 0, (grown + 1) // 2, 0)
            room.moveLeft(min(max(room.left(), 0), max(self.width() - room.width(), 0)))
            self._field.setGeometry(room)

    def _take(self, text: str, step: int) -> None:
        cell = self._open
        if cell is None or self.table is None:
            return
        if parse_number(text) is None:
            self._field.refuse()
            return
        self._leave(text)
        cells = [
            (row, column)
            for row in range(len(self.table.rows))
            for column in range(len(self.table.columns))
            if self._editable((row, column))
        ]
        if step and cell in cells:
            self.open(*cells[(cells.index(cell) + step) % len(cells)])
        else:
            self.setFocus()
            self._point(cell)

    def _leave(self, text: str) -> None:
        """The cell is closed: what can be read as a number is taken."""
        cell, value = self._open, parse_number(text)
        self._open = None
        self._field.hide()
        if cell is not None and value is not None and self.table is not None and value != self.table.values[cell]:
            self.edited.emit(*cell, value)

    def _point(self, cell: Cell | None) -> None:
        if cell != self._pointed:
            self._pointed = cell
            self._rebuild()
            self.hovered.emit(cell if cell is not None and min(cell) >= 0 else None)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub, painter = theme(), QPainter(self)
        painter.fillRect(self.rect(), hub.colour("panel"))
        if self._painter is not None:
            self._painter.paint(painter, QRectF(self.rect()))
        if self.hasFocus():
            paint_focus(painter, self.rect())

    # the mouse and the keys

    def _cell_at(self, event: QMouseEvent | QWheelEvent) -> Cell | None:
        if self._layout is None or self.table is None:
            return None
        return self._layout.cell_at(event.position(), len(self.table.rows))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._cell_at(event))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event)
        if cell is None or cell[0] < 0 or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._point(cell)
        self.clicked.emit(*cell)
        self.open(*cell)

    def wheelEvent(self, event: QWheelEvent) -> None:
        cell, way = self._cell_at(event), event.angleDelta().y()
        if cell is None or not way or not self._editable(cell) or not self._holds_whole(cell[1]):
            event.ignore()
            return
        self.stepped.emit(*cell, 1 if way > 0 else -1)
        event.accept()

    def _holds_whole(self, column: int) -> bool:
        return self.table is not None and self.table.columns[column].whole

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.table is None:
            return
        row, column = self._pointed or (0, 0)
        steps = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            rows, columns = self.table.values.shape
            self._point((min(max(row + step[0], 0), rows - 1), min(max(column + step[1], 0), columns - 1)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2, Qt.Key.Key_Space):
            self.clicked.emit(row, column)
            self.open(row, column)
        elif event.text() and event.text() in "0123456789-.,":
            self.open(row, column, event.text())
        else:
            event.ignore()

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and self._layout is not None and self.table is not None:
            cell = self._layout.cell_at(event.pos().toPointF(), len(self.table.rows))
            tip = "" if cell is None or cell[1] < 0 else self.table.columns[cell[1]].tip
            QToolTip.showText(event.globalPos(), tip or self.toolTip(), self)
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._changed()

    def sizeHint(self) -> QSize:
        rows = 1 if self.table is None else len(self.table.rows) + 1
        return QSize(theme().px(360), rows * theme().px(ROW_HEIGHT) + 1)

    def minimumSizeHint(self) -> QSize:
        rows = 1 if self.table is None else len(self.table.rows) + 1
        least = max(theme().px(LEAST_ROW_HEIGHT), QFontMetrics(theme().font("tiny")).height())
        return QSize(theme().px(160), rows * least + 1)
