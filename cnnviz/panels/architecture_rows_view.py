"""The list of layers: a line for each, and the settings of the one that is open below it; mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QEvent, QPoint, QRect, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QApplication, QSizePolicy, QToolTip, QWidget

from cnnviz.panels.architecture_editor_view import RowEditor
from cnnviz.panels.architecture_lines_view import INPUT, TableLines
from cnnviz.ui.controls import text_button
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.panels.architecture import ArchitectureParams, ArchitectureResult


class LayerList(QWidget):
    """A click opens the settings of a layer, dragging moves it; the keys are in `KEYS`."""

    opened = pyqtSignal(str)
    """The name of the row whose settings are to be shown; empty for none."""
    folded = pyqtSignal(str)
    """Show or hide the layers of this block."""
    moved = pyqtSignal(int, int)
    """From a place to another, which counts without the row itself."""
    asked = pyqtSignal(str)
    """By key: add, duplicate, remove, up, down."""
    remedied = pyqtSignal(object)
    laid_out = pyqtSignal()
    """It has its size."""

    KEYS = (
        (Qt.Key.Key_Insert, Qt.KeyboardModifier.NoModifier, "add"),
        (Qt.Key.Key_Plus, Qt.KeyboardModifier.NoModifier, "add"),
        (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier, "remove"),
        (Qt.Key.Key_Backspace, Qt.KeyboardModifier.NoModifier, "remove"),
        (Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier, "duplicate"),
        (Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier, "up"),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier, "down"),
    )

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = RowEditor(self)
        self.editor.hide()
        self.remedy = text_button("", "")
        self.remedy.setParent(self)
        self.remedy.hide()
        self.remedy.clicked.connect(self._mend)
        self._lines = TableLines()
        self._pressed_at: QPoint | None = None
        self._dragged: int | None = None
        self._drop: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Layers")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        theme().changed.connect(self._place)

    # what is shown

    def set_params(self, params: ArchitectureParams) -> None:
        """The table and what is open of it, at once; sizes follow with the result."""
        self._lines.params = params
        self._show_editor()
        self._place()

    def set_result(self, result: ArchitectureResult) -> None:
        self._lines.result = result
        self._place()

    def line_rect(self, row: int) -> QRect:
        """Where the line of a row is; that of the input is −1."""
        line = self._lines.of_row(row)
        return QRect(0, line.top, self.width(), line.height)

    def open_rect(self, row: int) -> QRect:
        """Where a row is with its settings and what is said of it."""
        lines = [line for line in self._lines.lines if line.row == row and line.what != "part"]
        return QRect(0, lines[0].top, self.width(), sum(line.height for line in lines))

    def sizeHint(self) -> QSize:
        return QSize(theme().px(360), self._lines.height)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(200), self._lines.height)

    def _show_editor(self) -> None:
        params = self._params
        assert params is not None
        row = next((row for row in params.table.layers if row.name == params.current), None)
        if row is not None:
            self.editor.set_row(row, frozenset(each.name for each in params.table.layers))
        elif params.current == INPUT:
            self.editor.set_input(params.table.height_width)
        self.editor.setVisible(row is not None or params.current == INPUT)

    def _place(self) -> None:
        """Lay the lines out anew, and the widgets among them."""
        lines, before, width = self._lines, self._lines.height, self.width()
        lines.place(width, self.editor.heightForWidth(width))
        hub = theme()
        for line in lines.lines:
            if line.what == "editor":
                self.editor.setGeometry(0, line.top, width, line.height)
            elif line.what == "words" and lines.remedy is not None:
                self.remedy.setText(lines.remedy.words)
                wide = self.remedy.sizeHint().width()
                self.remedy.setGeometry(hub.px(26), line.top + line.height - hub.px(32), wide, hub.px(26))
        self.remedy.setVisible(lines.remedy is not None)
        if lines.height != before:
            self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        assert event is not None
        painter = QPainter(self)
        self._lines.is_focused = self.hasFocus()
        self._lines.paint(painter, event.rect())
        if self._drop is not None and self._params is not None:
            last = self._drop == len(self._params.table.layers)
            y = self._lines.height - 1 if last else self.line_rect(self._drop).top()
            painter.fillRect(0, y - 1, self.width(), 2, theme().colour("accent"))

    # mouse and keys

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        line = self._lines.at(event.pos().y())
        if event.button() != Qt.MouseButton.LeftButton or line is None or line.what not in ("row", "input"):
            return
        self._pressed_at = event.pos()
        self.setFocus()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        line = self._lines.at(event.pos().y())
        hovered = line.row if line is not None and line.what in ("row", "input") else -2
        if self._pressed_at is not None:
            self._drag(event.pos())
        elif hovered != self._lines.hovered:
            self._lines.hovered = hovered
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        pressed, dragged, drop = self._pressed_at, self._dragged, self._drop
        self._pressed_at = self._dragged = self._drop = None
        self.update()
        if pressed is None:
            return
        if dragged is not None:
            if drop is not None and drop not in (dragged, dragged + 1):
                self.moved.emit(dragged, drop - (drop > dragged))
            return
        line, params = self._lines.at(pressed.y()), self._params
        if line is None or params is None:
            return
        row = None if line.row < 0 else params.table.layers[line.row]
        if row is not None and row.kind == "residual" and pressed.x() < theme().px(22):
            self.folded.emit(row.name)
            return
        name = INPUT if row is None else row.name
        self.opened.emit("" if params.current == name else name)

    def _drag(self, at: QPoint) -> None:
        assert self._pressed_at is not None
        assert self._params is not None
        if self._dragged is None:
            far = (at - self._pressed_at).manhattanLength() >= QApplication.startDragDistance()
            line = self._lines.at(self._pressed_at.y())
            if not far or line is None or line.row < 0:
                return
            self._dragged = line.row
        tops = [(self.line_rect(index), index) for index in range(len(self._params.table.layers))]
        self._drop = next((i for rect, i in tops if at.y() < rect.center().y()), len(tops))
        self.update()

    def leaveEvent(self, event: QEvent | None) -> None:
        self._lines.hovered = -2
        self.update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        params = self._params
        if params is None:
            return
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier & ~Qt.KeyboardModifier.ShiftModifier
        asked = next((what for key, with_, what in self.KEYS if (key, with_) == (event.key(), modifiers)), None)
        names = [INPUT, *(row.name for row in params.table.layers)]
        at = names.index(params.current) if params.current in names else -1
        if asked is not None:
            self.asked.emit(asked)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            by = 1 if event.key() == Qt.Key.Key_Down else -1
            self.opened.emit(names[min(max(at + by, 0), len(names) - 1)] if at >= 0 else names[0 if by > 0 else -1])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at >= 0:
            self.editor.focus_first()
        elif event.key() == Qt.Key.Key_Escape and params.current:
            self.opened.emit("")
        elif event.key() == Qt.Key.Key_Space and at > 0 and params.table.layers[at - 1].kind == "residual":
            self.folded.emit(params.current)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._lines.tip(event.pos()), self)
            return True
        return super().event(event)

    def focusInEvent(self, event: Any) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: Any) -> None:
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._place()
        self.laid_out.emit()

    @property
    def _params(self) -> ArchitectureParams | None:
        return self._lines.params

    def _mend(self) -> None:
        if self._lines.remedy is not None:
            self.remedied.emit(self._lines.remedy)
