"""Cells of numbers that can be typed into, with a window drawn over them and cells that are marked."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.cell_field import CellField
from cnnviz.ui.number_grid import Cell, NumberGrid
from cnnviz.ui.numbers import format_number, parse_number, shared_digits
from cnnviz.ui.theme import TableKind, theme

Box = tuple[int, int, int, int]
"""First row, first column, rows and columns."""

MOST_DIGITS = 3


def digits_of(values: np.ndarray) -> int | None:
    """The fewest decimals, at most three, that tell ``values`` as they are; None where they need exponents."""
    finite = values[np.isfinite(values)]
    if shared_digits(float(np.abs(finite).max(initial=0.0))) is None:
        return None
    for digits in range(MOST_DIGITS):
        if np.allclose(np.round(finite, digits), finite, atol=1e-9, rtol=0):
            return digits
    return MOST_DIGITS


class FramedGrid(NumberGrid):
    """All cells of a small matrix, over which a window can be framed and cells can be crossed with a mark."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame: Box | None = None
        self._changed = np.zeros((0, 0), bool)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(88), theme().px(60))

    def show_values(self, indices: np.ndarray, values: np.ndarray, kind: TableKind) -> None:
        """Show all of a matrix with as many decimals as its numbers have."""
        self.set_values(indices, values, kind, window=None, digits=digits_of(values))

    def clear_values(self) -> None:
        """Show nothing."""
        self.set_frame(None)
        self.set_values(np.zeros((0, 0), np.uint8), np.zeros((0, 0)), "unsigned", window=None)

    def set_frame(self, box: Box | None) -> None:
        """Draw a window over the cells; what of it lies beyond the border is dashed."""
        if box != self._frame:
            self._frame = box
            self.update()

    @property
    def frame(self) -> Box | None:
        """The window that is drawn."""
        return self._frame

    def set_changed(self, cells: np.ndarray) -> None:
        """Mark cells: a corner in the mark's colour; bool of the matrix's shape, or empty for none."""
        self._changed = cells
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._indices.size == 0:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._changed.shape == self._indices.shape:
            self._paint_changed(painter)
        if self._frame is not None:
            self._paint_frame(painter, self._frame)

    def _paint_changed(self, painter: QPainter) -> None:
        hub = theme()
        painter.setPen(QPen(hub.colour("panel"), 1))
        painter.setBrush(hub.colour("mark"))
        for row, column in np.argwhere(self._changed).tolist():
            rect = self.cell_rect(row, column)
            side = min(hub.px(9), rect.height() // 2, rect.width() // 2)
            corner = QPointF(rect.right(), rect.top())
            painter.drawPolygon(corner, corner - QPointF(side, 0), corner + QPointF(0, side))

    def _paint_frame(self, painter: QPainter, box: Box) -> None:
        first, last = self.cell_rect(0, 0), self.cell_rect(self._indices.shape[0] - 1, self._indices.shape[1] - 1)
        row, column, rows, columns = box
        wide, high = self._cells().width, self._cells().height
        whole = QRectF(first.left() + column * wide, first.top() + row * high, columns * wide, rows * high)
        inside = whole.intersected(QRectF(first.united(last)))
        colour = theme().colour("mark")
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if inside != whole:
            painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
            painter.drawRect(whole.adjusted(0, 0, -1, -1))
        # two lines, so that the frame is seen on every colour
        for token, width in (("panel", 5), ("mark", 2.5)):
            painter.setPen(QPen(theme().colour(token), width))
            painter.drawRoundedRect(inside.adjusted(0.5, 0.5, -1.5, -1.5), 3, 3)


class NumberEditor(FramedGrid):
    """A click or a digit opens a cell to be typed into; dragging from a cell draws a window along.

    Enter takes the number, Tab goes on to the next cell, Escape leaves the cell as it was.
    """

    edited = pyqtSignal(int, int, float)
    """Row, column and the number that the person typed."""
    dragged = pyqtSignal(int, int)
    """The pointer is dragged over this cell."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = CellField(self)
        self._field.taken.connect(self._take)
        self._field.left.connect(self._leave)
        self._open: Cell | None = None
        self._pressed: Cell | None = None
        self._has_moved = False

    @property
    def open_cell(self) -> Cell | None:
        """The cell that is being typed into."""
        return self._open

    def open(self, row: int, column: int, text: str | None = None) -> None:
        """Let the person type into a cell; ``text`` takes the place of its number."""
        if self.cell_rect(row, column).isEmpty():
            return
        self._open = (row, column)
        self.set_marked(self._open)
        value = float(self._values[row, column])
        self._field.setText(format_number(value, digits_of(np.array([value])) or 0) if text is None else text)
        self._field.setAccessibleName(f"row {row}, column {column}")
        self._place_field()
        self._field.show()
        self._field.setFocus()
        if text is None:
            self._field.selectAll()

    def _place_field(self) -> None:
        if self._open is not None:
            rect = self.cell_rect(*self._open)
            least = theme().px(44)
            grown = max(0, least - rect.width())
            room = QRect(rect).adjusted(-grown // 2, 0, (grown + 1) // 2, 0)
            room.moveLeft(min(max(room.left(), 0), max(self.width() - room.width(), 0)))
            self._field.setGeometry(room)

    def _take(self, text: str, step: int) -> None:
        cell, value = self._open, parse_number(text)
        if cell is None:
            return
        if value is None:
            self._field.refuse()
            return
        self._close()
        if value != float(self._values[cell]):
            self.edited.emit(*cell, value)
        rows, columns = self._indices.shape
        if step:
            self.open(*divmod((cell[0] * columns + cell[1] + step) % (rows * columns), columns))
        else:
            self.setFocus()
            self.set_marked(cell)

    def _leave(self, text: str) -> None:
        """The focus went elsewhere: what can be read as a number is taken."""
        cell, value = self._open, parse_number(text)
        self._close()
        if cell is not None and value is not None and value != float(self._values[cell]):
            self.edited.emit(*cell, value)

    def _close(self) -> None:
        self._open = None
        self.set_marked(None)
        self._field.hide()

    # the mouse and the keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self.cell_at(event.position()) if event.button() == Qt.MouseButton.LeftButton else None
        self._has_moved = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        cell = self.cell_at(event.position())
        if self._pressed is not None and cell is not None and (cell != self._pressed or self._has_moved):
            self._has_moved = True
            self.dragged.emit(*cell)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        cell, self._pressed = self._pressed, None
        if cell is not None and not self._has_moved:
            self.setFocus()
            self.open(*cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, column = self._marked or (0, 0)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.open(row, column)
        elif event.text() and event.text() in "0123456789-.,":
            self.open(row, column, event.text())
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0)}.get(
                Qt.Key(event.key()), (1, 0)
            )
            rows, columns = self._indices.shape
            self.set_marked((min(max(row + step[0], 0), rows - 1), min(max(column + step[1], 0), columns - 1)))
        else:
            event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_field()
