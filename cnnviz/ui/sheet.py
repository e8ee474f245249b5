"""A small table whose cells are changed by clicking them: layers of a chain, of a network that is being built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import QAbstractItemModel, QAbstractTableModel, QModelIndex, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QSpinBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from cnnviz.ui.controls import ComboBox
from cnnviz.ui.theme import theme


@dataclass(frozen=True)
class SheetColumn:
    """One column.

    Attributes
    ----------
    text : callable
        What stands in the cell of a row.
    field : str or None
        What of a row is changed here; None where nothing is.
    options : tuple of str
        The values to choose from; without them the cell holds a whole number from ``low`` to ``high``.
    editable : callable
        For which rows.
    """

    title: str
    tip: str
    text: Callable[[Any], str]
    field: str | None = None
    options: tuple[str, ...] = ()
    low: int = 1
    high: int = 4096
    editable: Callable[[Any], bool] = lambda _: True

    @property
    def way(self) -> str:
        """How it is changed, and to what."""
        return "click to choose" if self.options else f"click to change, {self.low:,} to {self.high:,}"


class Sheet(QTableView):
    """A row for each thing, a column for each :class:`SheetColumn`.

    A click opens a cell; the wheel over a number changes it by one, as the arrow keys do while it is open.
    """

    edited = pyqtSignal(int, str, object)
    """Row, field and the value that the person gave: a str from a list, else an int."""
    chosen = pyqtSignal(int)
    """Another row is the current one."""

    def __init__(self, columns: Sequence[SheetColumn], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Rows(tuple(columns), self)
        self._model.edited.connect(self.edited)
        self.setModel(self._model)
        self.setItemDelegate(_Editors(self._model))
        trigger = QAbstractItemView.EditTrigger
        self.setEditTriggers(
            trigger.CurrentChanged | trigger.SelectedClicked | trigger.EditKeyPressed | trigger.AnyKeyPressed
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setAccessibleName(name)
        self.setProperty("dense", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        rows, heads, selection = self.verticalHeader(), self.horizontalHeader(), self.selectionModel()
        assert rows is not None
        assert heads is not None
        assert selection is not None
        rows.hide()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        heads.setMinimumSectionSize(theme().px(24))
        selection.currentRowChanged.connect(lambda now, _before: self.chosen.emit(now.row()))
        theme().changed.connect(self._fit)
        self._fit()

    def set_rows(self, rows: Sequence[Any], problems: Sequence[str] = ()) -> None:
        """Show ``rows``; ``problems`` has a sentence for each row that is impossible, and is empty for the others."""
        self._model.set_rows(tuple(rows), tuple(problems) or ("",) * len(rows))
        self.setMaximumHeight(self.sizeHint().height())
        self._fit_columns()

    def current_row(self) -> int:
        """The row that was clicked last; −1 where there is none."""
        return self.currentIndex().row()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is None:
            return
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self._model.step(index, 1 if event.angleDelta().y() > 0 else -1):
            event.accept()
            return
        super().wheelEvent(event)

    def sizeHint(self) -> QSize:
        heads = self.horizontalHeader()
        high = heads.sizeHint().height() if heads is not None else 0
        return QSize(theme().px(380), high + theme().px(26) * max(self._model.rowCount(), 1) + theme().px(14))

    def minimumSizeHint(self) -> QSize:
        few = min(max(self._model.rowCount(), 1), 3)
        heads = self.horizontalHeader()
        high = heads.sizeHint().height() if heads is not None else 0
        return QSize(theme().px(160), high + theme().px(26) * few + theme().px(6))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def _fit(self) -> None:
        rows = self.verticalHeader()
        if rows is not None:
            rows.setDefaultSectionSize(theme().px(26))
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Each column as wide as its texts ask for; what is left over, or lacking, is shared out among them."""
        viewport = self.viewport()
        if viewport is None:
            return
        needs = [self._need(index) for index in range(len(self._model.columns))]
        share = viewport.width() / max(sum(needs), 1)
        for index, need in enumerate(needs):
            self.setColumnWidth(index, int(need * max(share, 0.8)))

    def _need(self, index: int) -> int:
        column, hub = self._model.columns[index], theme()
        head = QFontMetrics(hub.font("tiny")).horizontalAdvance(column.title) + hub.px(8)
        body = self.fontMetrics()
        texts = (*self._model.texts(index), *column.options)
        room = hub.px(20 if column.options else 10)
        return max([head, *(body.horizontalAdvance(text) + room for text in texts)])


class _Rows(QAbstractTableModel):
    edited = pyqtSignal(int, str, object)

    def __init__(self, columns: tuple[SheetColumn, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self.columns = columns
        self._rows: tuple[Any, ...] = ()
        self._problems: tuple[str, ...] = ()

    def set_rows(self, rows: tuple[Any, ...], problems: tuple[str, ...]) -> None:
        same = len(rows) == len(self._rows)
        if not same:
            self.beginResetModel()
        self._rows, self._problems = rows, problems
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.columns) - 1))

    def texts(self, column: int) -> list[str]:
        """All that stands in a column."""
        return [self.columns[column].text(row) for row in self._rows]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.columns)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if self._editable(index) else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column, problem = self.columns[index.column()], self._problems[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return column.text(self._rows[index.row()])
        if role == Qt.ItemDataRole.ForegroundRole:
            if problem:
                return theme().colour("error")
            return theme().colour("text" if self._editable(index) else "muted")
        if role == Qt.ItemDataRole.ToolTipRole:
            return problem or (f"{column.tip}: {column.way}" if self._editable(index) else column.tip)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        column = self.columns[index.column()]
        if role != Qt.ItemDataRole.EditRole or column.field is None or not self._editable(index):
            return False
        if str(value) != column.text(self._rows[index.row()]):
            self.edited.emit(index.row(), column.field, value if column.options else int(value))
        return True

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return self.columns[section].tip if role == Qt.ItemDataRole.ToolTipRole else None

    def step(self, index: QModelIndex, by: int) -> bool:
        """Change a number by one; False where the cell holds none."""
        column = self.columns[index.column()]
        if column.options or not self._editable(index):
            return False
        value = int(column.text(self._rows[index.row()])) + by
        return column.low <= value <= column.high and self.setData(index, value)

    def _editable(self, index: QModelIndex) -> bool:
        column = self.columns[index.column()]
        return column.field is not None and column.editable(self._rows[index.row()])


class _Editors(QStyledItemDelegate):
    """A list, or a number; what is chosen from a list counts at once, and so does each step of a number."""

    def __init__(self, model: _Rows) -> None:
        super().__init__(model)
        self._model = model

    def createEditor(self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        column = self._model.columns[index.column()]
        if column.options:
            combo = ComboBox(column.options, parent)
            combo.activated.connect(lambda _: self._done(combo))
            return combo
        spin = QSpinBox(parent)
        spin.setRange(column.low, column.high)
        spin.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        return spin

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        text = str(index.data(Qt.ItemDataRole.EditRole))
        if isinstance(editor, ComboBox):
            editor.set_value(text)
        elif isinstance(editor, QSpinBox):
            editor.setValue(int(text))
            editor.selectAll()

    def setModelData(self, editor: QWidget | None, model: QAbstractItemModel | None, index: QModelIndex) -> None:
        if model is not None and isinstance(editor, ComboBox | QSpinBox):
            model.setData(index, editor.value())

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        size = super().sizeHint(option, index)
        column = self._model.columns[index.column()]
        room = 18 if column.options else 4
        return QSize(size.width() + theme().px(room), max(size.height(), theme().px(24)))

    def _done(self, editor: QWidget) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)
