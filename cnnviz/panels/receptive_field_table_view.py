"""The fields of all layers as a table in which a click selects a layer."""

from __future__ import annotations

import re
from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QResizeEvent
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from cnnviz.panels.receptive_field_lines import VARIES, FieldLine
from cnnviz.ui.short_names import initials, short_name
from cnnviz.ui.theme import theme

_COLUMNS = (
    ("layer", "Its name, in order of execution"),
    (
        "size",
        "Rows and columns of the input that can reach one unit, in pixels; in brackets apart from layers that look at "
        "the whole map",
    ),
    ("stride", "Effective stride: pixels of the input from one unit's field to the next one's"),
    ("padding", "Pixels by which the first field begins before the input | and the last ends after it"),
    ("centre", "Middle of the first unit's field: row and column, in pixels from the middle of the first pixel"),
)


_SQUARES = re.compile(r"(\d+)×\1 … (\d+)×\2")


class FieldModel(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: tuple[FieldLine, ...] = ()
        self._selected = -1
        self._name_width, self._is_brief = 0, False

    def set_room(self, name_width: int, *, brief: bool) -> None:
        """How many pixels there are for the names; ``brief`` where ranges have to do without a word before them."""
        if (name_width, brief) != (self._name_width, self._is_brief):
            self._name_width, self._is_brief = name_width, brief
            if self._lines:
                self.dataChanged.emit(self.index(0, 0), self.index(len(self._lines) - 1, len(_COLUMNS) - 1))

    def set_lines(self, lines: tuple[FieldLine, ...], selected: int) -> bool:
        """Whether other lines are shown than before."""
        other = lines is not self._lines
        if other:
            self.beginResetModel()
        self._lines, before, self._selected = lines, self._selected, selected
        if other:
            self.endResetModel()
        elif selected != before:
            for row in {before, selected}:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(_COLUMNS) - 1))
        return other

    def line(self, row: int) -> FieldLine:
        return self._lines[row]

    def texts(self, column: int, *, brief: bool = False) -> list[str]:
        return [_cells(line, brief)[column] for line in self._lines]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._lines)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(_COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, is_selected = self._lines[index.row()], index.row() == self._selected
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0 and self._name_width:
                return short_name(line.layer, QFontMetrics(_font(is_selected)), self._name_width)
            return _cells(line, self._is_brief)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{line.layer}, {line.kind}: {', '.join(_told(line))}. {line.note}".strip()
        if role == Qt.ItemDataRole.ForegroundRole:
            return theme().colour("muted" if line.note and not is_selected and not line.stride else "text")
        if role == Qt.ItemDataRole.BackgroundRole and is_selected:
            fill = QColor(theme().colour("accent"))
            fill.setAlpha(60)
            return fill
        if role == Qt.ItemDataRole.FontRole:
            return _font(is_selected)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section][0]
        return _COLUMNS[section][1] if role == Qt.ItemDataRole.ToolTipRole else None


class FieldTable(QTableView):
    """The selected layer's row is marked and brought into view."""

    layer_clicked = pyqtSignal(str)
    """Clicked, or reached with the arrow keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = FieldModel(self)
        self._selected = -1
        self.setModel(self._model)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.setProperty("dense", True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Receptive fields of all layers")
        rows, heads = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None
        assert heads is not None
        rows.hide()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        heads.setMinimumSectionSize(theme().px(24))
        self.clicked.connect(lambda index: self.layer_clicked.emit(self._model.line(index.row()).layer))
        theme().changed.connect(self._fit)
        self._fit()

    def set_lines(self, lines: tuple[FieldLine, ...], selected: int) -> None:
        """Show ``lines``, with one marked."""
        other = self._model.set_lines(lines, selected)
        if other:
            self._fit_columns()
        if other or selected != self._selected:
            self._selected = selected
            self._reveal()

    def row_rect(self, row: int) -> Any:
        """Where a row's first cell is drawn, in the viewport."""
        return self.visualRect(self._model.index(row, 0))

    def keyPressEvent(self, event: Any) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(event.key())
        if step is None:
            super().keyPressEvent(event)
            return
        row = self._selected + step
        if 0 <= row < self._model.rowCount():
            self.layer_clicked.emit(self._model.line(row).layer)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        if event is not None:
            event.accept()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(380), theme().px(240))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(200), theme().px(96))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit_columns()
        self._reveal()

    def _reveal(self) -> None:
        if self._selected >= 0:
            self.scrollTo(self._model.index(self._selected, 0), QAbstractItemView.ScrollHint.EnsureVisible)

    def _fit(self) -> None:
        rows = self.verticalHeader()
        if rows is not None:
            rows.setDefaultSectionSize(theme().px(22))
        self._fit_columns()

    def _fit_columns(self) -> None:
        """As wide as their texts; what is left over is shared out.

        Where it is too little, names give way to numbers as far as they can still be told apart, and then ranges go
        without a word before them; then the view scrolls.
        """
        viewport = self.viewport()
        if viewport is None:
            return
        brief = False
        needs = self._needs(theme().px(14), brief=brief)
        if sum(needs) > viewport.width():
            brief = True
            needs = self._needs(theme().px(6), brief=brief)
        spare = max(viewport.width() - sum(needs), 0) // len(needs)
        for column, need in enumerate(needs):
            self.setColumnWidth(column, need + spare)
        self._model.set_room(needs[0] + spare - theme().px(10), brief=brief)

    def _needs(self, room: int, *, brief: bool) -> list[int]:
        """How wide the columns are at least, with ``room`` beside each text."""
        viewport, metrics, needs = self.viewport(), QFontMetrics(_font(True)), []
        for column, (title, _) in enumerate(_COLUMNS):
            widest = max(map(metrics.horizontalAdvance, [title, *self._model.texts(column, brief=brief)]))
            needs.append(min(widest, theme().px(150)) + room)
        missing = max(sum(needs) - (0 if viewport is None else viewport.width()), 0)
        least = max((metrics.horizontalAdvance(initials(name)) for name in self._model.texts(0)), default=0) + room
        needs[0] = max(needs[0] - missing, min(needs[0], max(theme().px(64), min(least, theme().px(96)))))
        return needs


def _font(is_selected: bool) -> QFont:
    font = theme().font("small")
    font.setWeight(QFont.Weight.DemiBold if is_selected else QFont.Weight.Normal)
    return font


def _told(line: FieldLine) -> list[str]:
    return [f"{title} {text}" for (title, _), text in zip(_COLUMNS[1:], _cells(line)[1:], strict=True) if text]


def _cells(line: FieldLine, brief: bool = False) -> tuple[str, ...]:
    """``brief``: of a range the ends alone, rows alone where columns are the same."""
    size, stride, centre = line.size, line.stride, line.centre
    if brief:
        row, _, column = centre.partition(", ")
        centre = row if row == column else centre
        size = _SQUARES.sub(r"\1 … \2", size).replace(VARIES, "")
        stride = stride.replace(VARIES, "")
    return line.layer, size, stride, line.padding, centre
