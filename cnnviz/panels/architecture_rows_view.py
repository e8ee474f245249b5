"""The list of layers: a line for each, its settings below the one that is open, words below an impossible one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QApplication, QSizePolicy, QToolTip, QWidget

from cnnviz.panels.architecture_columns_view import Column, columns_of
from cnnviz.panels.architecture_editor_view import RowEditor
from cnnviz.panels.architecture_words import KIND_WORDS, field_tip, row_words, times
from cnnviz.ui.controls import text_button
from cnnviz.ui.icons import paint_icon
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.panels.architecture import ArchitectureParams, ArchitectureResult

INPUT = "input"


@dataclass(frozen=True)
class _Line:
    """One line: ``what`` is input, row, part, words or editor; ``row`` counts from 0, −1 is the input."""

    what: str
    row: int
    top: int
    height: int
    part: Any = None


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
        self._params: ArchitectureParams | None = None
        self._result: ArchitectureResult | None = None
        self._lines: list[_Line] = []
        self._name_room = 0
        self._hovered = -2
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
        self._params = params
        self._show_editor()
        self._place()

    def set_result(self, result: ArchitectureResult) -> None:
        self._result = result
        self._place()

    def line_rect(self, row: int) -> QRect:
        """Where the line of a row is; that of the input is −1."""
        line = next(line for line in self._lines if line.what in ("row", "input") and line.row == row)
        return QRect(0, line.top, self.width(), line.height)

    def columns(self) -> list[Column]:
        return columns_of(self.width())

    def sizeHint(self) -> QSize:
        return QSize(theme().px(360), self._total())

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(200), self._total())

    def _total(self) -> int:
        return self._lines[-1].top + self._lines[-1].height if self._lines else theme().px(60)

    def _show_editor(self) -> None:
        params = self._params
        assert params is not None
        row = next((row for row in params.table.layers if row.name == params.current), None)
        if row is not None:
            self.editor.set_row(row, frozenset(each.name for each in params.table.layers))
        elif params.current == INPUT:
            self.editor.set_input(params.table.height_width)
        self.editor.setVisible(row is not None or params.current == INPUT)

    def _planned(self, index: int) -> Any:
        """What is worked out of a row; None while that of another table is shown."""
        params, result = self._params, self._result
        if params is None or result is None or index >= len(result.plan.rows):
            return None
        planned = result.plan.rows[index]
        return (
            planned if planned.row is params.table.layers[index] or planned.row == params.table.layers[index] else None
        )

    def _place(self) -> None:
        """Work the lines out anew."""
        params = self._params
        if params is None:
            return
        hub = theme()
        lines: list[_Line] = []
        top = 0

        def add(what: str, row: int, height: int, part: Any = None) -> None:
            nonlocal top
            lines.append(_Line(what, row, top, height, part))
            top += height

        self._name_room = self._widest_name()
        tall, remedy = hub.px(30), None
        add("input", -1, tall)
        if params.current == INPUT:
            add("editor", -1, self.editor.heightForWidth(self.width()))
        for index, row in enumerate(params.table.layers):
            add("row", index, tall)
            planned = self._planned(index)
            if planned is not None and planned.problem:
                remedy = planned.remedy
                add("words", index, self._words_height(planned.problem, remedy is not None))
            if params.current == row.name:
                add("editor", index, self.editor.heightForWidth(self.width()))
            if row.name in params.unfolded and planned is not None and len(planned.layers) > 1:
                for layer in planned.layers:
                    add("part", index, hub.px(22), layer)
        before = self._total()
        self._lines = lines
        self._set_children(remedy)
        if self._total() != before:
            self.updateGeometry()
        self.update()

    def _widest_name(self) -> int:
        """Room for all names, but never more than a third of what the figures leave."""
        assert self._params is not None
        hub, params, columns = theme(), self._params, self.columns()
        metrics = QFontMetrics(hub.font("title"))
        names = [INPUT, *(row.name for row in params.table.layers)]
        widest = max(metrics.horizontalAdvance(name) for name in names)
        left = (columns[0].right - columns[0].width) - hub.px(22)
        return min(widest + 2, max(left // 2, hub.px(40)))

    def _set_children(self, remedy: Any) -> None:
        hub = theme()
        for line in self._lines:
            if line.what == "editor":
                self.editor.setGeometry(0, line.top, self.width(), line.height)
            elif line.what == "words" and remedy is not None:
                self.remedy.setText(remedy.words)
                width = self.remedy.sizeHint().width()
                self.remedy.setGeometry(hub.px(26), line.top + line.height - hub.px(32), width, hub.px(26))
        self.remedy.setVisible(remedy is not None)

    def _words_height(self, words: str, has_button: bool) -> int:
        hub = theme()
        room = max(self.width() - hub.px(36), hub.px(60))
        flags = int(Qt.TextFlag.TextWordWrap)
        text = QFontMetrics(hub.font("small")).boundingRect(0, 0, room, 10_000, flags, words).height()
        return text + hub.px(8) + (hub.px(34) if has_button else 0)

    # painting

    def paintEvent(self, event: QPaintEvent | None) -> None:
        assert event is not None
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme().colour("panel"))
        for line in self._lines:
            box = QRect(0, line.top, self.width(), line.height)
            if not box.intersects(event.rect()):
                continue
            _PAINTERS[line.what](self, painter, line, box)
        if self._drop is not None and self._params is not None:
            last = self._drop == len(self._params.table.layers)
            y = self._total() - 1 if last else self.line_rect(self._drop).top()
            painter.fillRect(0, y - 1, self.width(), 2, theme().colour("accent"))

    def _is_current(self, line: _Line) -> bool:
        params = self._params
        assert params is not None
        name = INPUT if line.row < 0 else params.table.layers[line.row].name
        return params.current == name

    def _paint_ground(self, painter: QPainter, line: _Line, box: QRect) -> None:
        hub = theme()
        if self._is_current(line):
            painter.fillRect(box, hub.colour("raised"))
            painter.fillRect(0, box.top(), hub.px(3), box.height(), hub.colour("accent"))
        elif line.row == self._hovered:
            painter.fillRect(box, hub.colour("hover"))
        painter.fillRect(0, box.bottom(), box.width(), 1, hub.colour("line"))
        if self.hasFocus() and self._is_current(line) and line.what in ("row", "input"):
            painter.setPen(hub.colour("accent"))
            painter.drawRect(box.adjusted(0, 0, -1, -1))

    def _paint_input(self, painter: QPainter, line: _Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)
        params, result = self._params, self._result
        assert params is not None
        of = "" if result is None else result.data
        own = ", size of its own" if params.table.height_width is not None else ""
        self._texts(painter, box, "input", of + own, (result and {"output": times(result.plan.input)}) or {})

    def _paint_row(self, painter: QPainter, line: _Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)
        params = self._params
        assert params is not None
        row, planned = params.table.layers[line.row], self._planned(line.row)
        if row.kind == "residual":
            side = theme().px(12)
            sign = "down" if row.name in params.unfolded else "next"
            place = QRectF(theme().px(6), box.center().y() - side / 2, side, side)
            paint_icon(painter, place, sign, theme().colour("muted"))
        texts: dict[str, str] = {}
        token = "text"
        if planned is None:
            token = "text"
        elif planned.problem:
            texts, token = {"output": "impossible"}, "error"
        elif planned.waits:
            texts, token = {"output": "waits"}, "faint"
        else:
            texts = self._figures(planned)
            self._paint_share(painter, box, planned.weights)
        self._texts(painter, box, row.name, row_words(row), texts, token)

    def _paint_part(self, painter: QPainter, line: _Line, box: QRect) -> None:
        result, layer = self._result, line.part
        assert result is not None
        texts = {c.key: c.of_layer(layer, result.fields.get(layer.name)) for c in self.columns()}
        hub = theme()
        painter.fillRect(hub.px(18), box.top(), 1, box.height(), hub.colour("line"))
        inner = layer.name.partition(".")[2]
        self._texts(painter, box, inner, layer.summary, texts, "muted", indent=hub.px(12))

    def _paint_words(self, painter: QPainter, line: _Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)
        hub = theme()
        planned = self._planned(line.row)
        if planned is None:
            return
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("error"))
        room = QRect(hub.px(26), box.top() + hub.px(2), box.width() - hub.px(36), box.height())
        painter.drawText(room, int(Qt.TextFlag.TextWordWrap), planned.problem)

    def _paint_editor(self, painter: QPainter, line: _Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)

    def _figures(self, planned: Any) -> dict[str, str]:
        result = self._result
        assert result is not None
        field = result.fields.get(planned.layers[-1].name)
        return {column.key: column.of_row(planned, field) for column in self.columns()}

    def _paint_share(self, painter: QPainter, box: QRect, weights: int) -> None:
        """How much of all weights these are, as a line below their number."""
        assert self._result is not None
        total = sum(row.weights for row in self._result.plan.rows)
        column = next((c for c in self.columns() if c.key == "weights"), None)
        if column is None or not total:
            return
        hub = theme()
        width = (column.width - hub.px(8)) * weights / total
        if width < 2:
            return
        painter.fillRect(QRectF(column.right - width, box.bottom() - hub.px(5), width, hub.px(2)), hub.colour("faint"))

    def _texts(
        self,
        painter: QPainter,
        box: QRect,
        name: str,
        words: str,
        texts: dict[str, str],
        token: str = "text",
        indent: int = 0,
    ) -> None:
        hub = theme()
        columns = self.columns()
        left = hub.px(22) + indent
        right = (columns[0].right - columns[0].width if columns else self.width()) - hub.px(6)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(hub.font("small" if token == "muted" else "title"))
        painter.setPen(hub.colour(token))
        part = painter.fontMetrics().horizontalAdvance("shortcut.norm") if indent else 0
        room = min(max(self._name_room - indent, part), max(right - left, 1))
        shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRect(left, box.top(), room + 2, box.height()), middle, shown)
        start = left + room + hub.px(10)
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("faint" if token == "faint" else "muted"))
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, max(right - start, 0))
        painter.drawText(QRect(start, box.top(), max(right - start, 0), box.height()), middle, shown)
        for column in columns:
            if texts.get(column.key):
                painter.setPen(hub.colour("faint" if texts[column.key] == "0" else token))
                place = QRect(column.right - column.width, box.top(), column.width, box.height())
                painter.drawText(place, Qt.AlignmentFlag.AlignRight | middle, texts[column.key])

    # mouse and keys

    def _line_at(self, y: int) -> _Line | None:
        return next((line for line in self._lines if line.top <= y < line.top + line.height), None)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        line = self._line_at(event.pos().y())
        if event.button() != Qt.MouseButton.LeftButton or line is None or line.what not in ("row", "input"):
            return
        self._pressed_at = event.pos()
        self.setFocus()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        line = self._line_at(event.pos().y())
        hovered = line.row if line is not None and line.what in ("row", "input") else -2
        if self._pressed_at is not None:
            self._drag(event.pos())
        elif hovered != self._hovered:
            self._hovered = hovered
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
        line, params = self._line_at(pressed.y()), self._params
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
            line = self._line_at(self._pressed_at.y())
            if not far or line is None or line.row < 0:
                return
            self._dragged = line.row
        tops = [(self.line_rect(index), index) for index in range(len(self._params.table.layers))]
        self._drop = next((i for rect, i in tops if at.y() < rect.center().y()), len(tops))
        self.update()

    def leaveEvent(self, event: QEvent | None) -> None:
        self._hovered = -2
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
            QToolTip.showText(event.globalPos(), self._tip(event.pos()), self)
            return True
        return super().event(event)

    def _tip(self, at: QPoint) -> str:
        line, params, result = self._line_at(at.y()), self._params, self._result
        if line is not None and result is not None and line.what == "input":
            return f"Images of {result.data}: {times(result.plan.input)}, {result.plan.classes} classes"
        if line is None or params is None or line.what not in ("row", "part"):
            return ""
        column = next((c for c in self.columns() if c.right - c.width <= at.x() < c.right), None)
        row, planned = params.table.layers[line.row], self._planned(line.row)
        if column is None or planned is None or result is None:
            title, about = KIND_WORDS[row.kind]
            return f"{title}: {row_words(row)}\n{about}"
        if planned.problem or planned.waits:
            return planned.problem or "Its sizes are known once the row above is possible"
        layer = line.part if line.what == "part" else planned.layers[-1]
        if column.key in ("field", "step"):
            return field_tip(result.fields.get(layer.name))
        return column.exactly(line.part if line.what == "part" else planned)

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

    def _mend(self) -> None:
        params = self._params
        for index in range(len(params.table.layers) if params is not None else 0):
            planned = self._planned(index)
            if planned is not None and planned.remedy is not None:
                self.remedied.emit(planned.remedy)
                return


_PAINTERS: dict[str, Callable[[LayerList, QPainter, _Line, QRect], None]] = {
    "input": LayerList._paint_input,
    "row": LayerList._paint_row,
    "part": LayerList._paint_part,
    "words": LayerList._paint_words,
    "editor": LayerList._paint_editor,
}
