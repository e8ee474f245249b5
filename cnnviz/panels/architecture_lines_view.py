"""The lines of the list of layers: where each lies, and how it is painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QPoint, QRect, QRectF, Qt
from PyQt6.QtGui import QFontMetrics, QPainter

from cnnviz.panels.architecture_columns_view import columns_of
from cnnviz.panels.architecture_words import KIND_WORDS, field_tip, row_words, times
from cnnviz.ui.icons import paint_icon
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.panels.architecture import ArchitectureParams, ArchitectureResult

INPUT = "input"


@dataclass(frozen=True)
class Line:
    """One line: ``what`` is input, row, part, words or editor; ``row`` counts from 0, −1 is the input."""

    what: str
    row: int
    top: int
    height: int
    part: Any = None


class TableLines:
    """Of the table in ``params``, with the sizes in ``result`` where they are of the same rows.

    Attributes
    ----------
    remedy : Remedy or None
        What makes the first impossible row possible.
    hovered : int
        The row under the pointer; −2 where there is none.
    """

    def __init__(self) -> None:
        self.params: ArchitectureParams | None = None
        self.result: ArchitectureResult | None = None
        self.lines: list[Line] = []
        self.remedy: Any = None
        self.width = 0
        self.hovered = -2
        self.is_focused = False
        self._name_room = 0

    def place(self, width: int, editor_height: int) -> None:
        """Work the lines out anew for a list of ``width`` pixels, with settings of this height below the open row."""
        params = self.params
        self.width, self.lines, self.remedy = width, [], None
        if params is None:
            return
        hub = theme()
        top = 0

        def add(what: str, row: int, height: int, part: Any = None) -> None:
            nonlocal top
            self.lines.append(Line(what, row, top, height, part))
            top += height

        self._name_room = self._widest_name()
        tall = hub.px(30)
        add("input", -1, tall)
        if params.current == INPUT:
            add("editor", -1, editor_height)
        for index, row in enumerate(params.table.layers):
            add("row", index, tall)
            planned = self.planned(index)
            if params.current == row.name:
                add("editor", index, editor_height)
            if planned is not None and planned.problem:  # below the settings, which stay where one types into them
                self.remedy = planned.remedy
                add("words", index, self._words_height(planned.problem, planned.remedy is not None))
            if row.name in params.unfolded and planned is not None and len(planned.layers) > 1:
                for layer in planned.layers:
                    add("part", index, hub.px(22), layer)

    @property
    def height(self) -> int:
        """Of all lines."""
        return self.lines[-1].top + self.lines[-1].height if self.lines else theme().px(60)

    def of_row(self, row: int) -> Line:
        """The line of a row; that of the input is −1."""
        return next(line for line in self.lines if line.what in ("row", "input") and line.row == row)

    def paint(self, painter: QPainter, region: QRect) -> None:
        """Paint what of the lines lies in ``region``."""
        painter.fillRect(region, theme().colour("panel"))
        for line in self.lines:
            box = QRect(0, line.top, self.width, line.height)
            if box.intersects(region):
                _PAINTERS[line.what](self, painter, line, box)

    def planned(self, index: int) -> Any:
        """What is worked out of a row; None while that of another table is shown."""
        params, result = self.params, self.result
        if params is None or result is None or index >= len(result.plan.rows):
            return None
        planned = result.plan.rows[index]
        return planned if planned.row == params.table.layers[index] else None

    def _words_height(self, words: str, has_button: bool) -> int:
        hub = theme()
        room = max(self.width - hub.px(36), hub.px(60))
        flags = int(Qt.TextFlag.TextWordWrap)
        text = QFontMetrics(hub.font("small")).boundingRect(0, 0, room, 10_000, flags, words).height()
        return text + hub.px(8) + (hub.px(34) if has_button else 0)

    def _widest_name(self) -> int:
        assert self.params is not None
        metrics = QFontMetrics(theme().font("title"))
        return max(metrics.horizontalAdvance(name) for name in (INPUT, *(row.name for row in self.params.table.layers)))

    def _is_current(self, line: Line) -> bool:
        params = self.params
        assert params is not None
        name = INPUT if line.row < 0 else params.table.layers[line.row].name
        return params.current == name

    def _paint_ground(self, painter: QPainter, line: Line, box: QRect) -> None:
        hub = theme()
        if self._is_current(line):
            painter.fillRect(box, hub.colour("raised"))
            painter.fillRect(0, box.top(), hub.px(3), box.height(), hub.colour("accent"))
        elif line.row == self.hovered:
            painter.fillRect(box, hub.colour("hover"))
        painter.fillRect(0, box.bottom(), box.width(), 1, hub.colour("line"))
        if self.is_focused and self._is_current(line) and line.what in ("row", "input"):
            painter.setPen(hub.colour("accent"))
            painter.drawRect(box.adjusted(0, 0, -1, -1))

    def _paint_input(self, painter: QPainter, line: Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)
        params, result = self.params, self.result
        assert params is not None
        of = "" if result is None else result.data
        own = ", size of its own" if params.table.height_width is not None else ""
        self._texts(painter, box, "input", of + own, (result and {"output": times(result.plan.input)}) or {})

    def _paint_row(self, painter: QPainter, line: Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)
        params = self.params
        assert params is not None
        row, planned = params.table.layers[line.row], self.planned(line.row)
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

    def _paint_part(self, painter: QPainter, line: Line, box: QRect) -> None:
        result, layer = self.result, line.part
        assert result is not None
        texts = {c.key: c.of_layer(layer, result.fields.get(layer.name)) for c in columns_of(self.width)}
        hub = theme()
        painter.fillRect(hub.px(18), box.top(), 1, box.height(), hub.colour("line"))
        inner = layer.name.partition(".")[2]
        self._texts(painter, box, inner, layer.summary, texts, "muted", indent=hub.px(12))

    def _paint_words(self, painter: QPainter, line: Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)
        hub = theme()
        planned = self.planned(line.row)
        if planned is None:
            return
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("error"))
        room = QRect(hub.px(26), box.top() + hub.px(2), box.width() - hub.px(36), box.height())
        painter.drawText(room, int(Qt.TextFlag.TextWordWrap), planned.problem)

    def _paint_editor(self, painter: QPainter, line: Line, box: QRect) -> None:
        self._paint_ground(painter, line, box)

    def _figures(self, planned: Any) -> dict[str, str]:
        result = self.result
        assert result is not None
        field = result.fields.get(planned.layers[-1].name)
        return {column.key: column.of_row(planned, field) for column in columns_of(self.width)}

    def _paint_share(self, painter: QPainter, box: QRect, weights: int) -> None:
        """How much of all weights these are, as a line below their number."""
        assert self.result is not None
        total = sum(row.weights for row in self.result.plan.rows)
        column = next((c for c in columns_of(self.width) if c.key == "weights"), None)
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
        columns = columns_of(self.width)
        left = hub.px(22) + indent
        right = (columns[0].right - columns[0].width if columns else self.width) - hub.px(6)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(hub.font("small" if token == "muted" else "title"))
        painter.setPen(hub.colour(token))
        # A long name moves its own words aside, and not those of all rows.
        wide = painter.fontMetrics().horizontalAdvance(name) + 2
        room = max(min(self._name_room + 2, hub.px(60)) - indent, min(wide, (right - left) * 2 // 3), 1)
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

    def tip(self, at: QPoint) -> str:
        line, params, result = self.at(at.y()), self.params, self.result
        if line is not None and result is not None and line.what == "input":
            return f"Images of {result.data}: {times(result.plan.input)}, {result.plan.classes} classes"
        if line is None or params is None or line.what not in ("row", "part"):
            return ""
        column = next((c for c in columns_of(self.width) if c.right - c.width <= at.x() < c.right), None)
        row, planned = params.table.layers[line.row], self.planned(line.row)
        if column is None or planned is None or result is None:
            title, about = KIND_WORDS[row.kind]
            return f"{title}: {row_words(row)}\n{about}"
        if planned.problem or planned.waits:
            return planned.problem or "Its sizes are known once the row above is possible"
        layer = line.part if line.what == "part" else planned.layers[-1]
        if column.key in ("field", "stride"):
            return field_tip(result.fields.get(layer.name))
        return column.exactly(line.part if line.what == "part" else planned)

    def at(self, y: int) -> Line | None:
        return next((line for line in self.lines if line.top <= y < line.top + line.height), None)


_PAINTERS: dict[str, Callable[[TableLines, QPainter, Line, QRect], None]] = {
    "input": TableLines._paint_input,
    "row": TableLines._paint_row,
    "part": TableLines._paint_part,
    "words": TableLines._paint_words,
    "editor": TableLines._paint_editor,
}
