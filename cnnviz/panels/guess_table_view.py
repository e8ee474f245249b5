"""The editable table of a guess: a row for each layer, and a line of words below the first that is impossible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from PyQt6.QtCore import QAbstractItemModel, QAbstractTableModel, QModelIndex, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QSpinBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from cnnviz.checkpoints.chain_sizes import RowSize
from cnnviz.nets.chain_layer import Activation, ChainLayer, Pooling
from cnnviz.ui.controls import ComboBox
from cnnviz.ui.theme import theme

Row = tuple[ChainLayer, RowSize]

_KINDS = {"conv": "conv", "linear": "linear", "batch_norm": "batch norm", "prelu": "PReLU"}


@dataclass(frozen=True)
class _Column:
    """``field`` is what of a layer is edited, None where nothing is; ``editable`` says for which layers."""

    title: str
    tip: str
    text: Callable[[Row], str]
    field: str | None = None
    options: tuple[str, ...] = ()
    editable: Callable[[ChainLayer], bool] = lambda _: True


def _is_conv(layer: ChainLayer) -> bool:
    return layer.kind == "conv"


def _pools(layer: ChainLayer) -> bool:
    return layer.pooling in ("max", "average")


def _by(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _padding(layer: ChainLayer) -> str:
    rows, columns = layer.padding
    return str(rows) if rows == columns else _by(layer.padding)


def _what(layer: ChainLayer) -> str:
    if layer.kind == "conv":
        return f"{layer.name} · conv {_by(layer.kernel_size)}, {layer.inputs} → {layer.outputs}"
    if layer.kind == "linear":
        return f"{layer.name} · linear, {layer.inputs} → {layer.outputs}"
    return f"{layer.name} · {_KINDS[layer.kind]}, {layer.outputs}"


_COLUMNS = (
    _Column("layer", "Its name in the file, and what its weights tell", lambda row: _what(row[0])),
    _Column("gives", "Channels, rows and columns behind it", lambda row: _by(row[1].output) if row[1].output else "—"),
    _Column("activation", "The function behind it", lambda r: r[0].activation, "activation", get_args(Activation)),
    _Column("pooling", "The pooling behind that", lambda row: row[0].pooling, "pooling", get_args(Pooling)),
    _Column(
        "window",
        "Side of the pooling window",
        lambda row: str(row[0].pooling_size) if _pools(row[0]) else "",
        "pooling_size",
        editable=_pools,
    ),
    _Column(
        "step",
        "Stride of the pooling window",
        lambda row: str(row[0].pooling_stride) if _pools(row[0]) else "",
        "pooling_stride",
        editable=_pools,
    ),
    _Column(
        "padding",
        "Zeros around the maps before the convolution: one number, or rows×columns",
        lambda row: _padding(row[0]) if _is_conv(row[0]) else "",
        "padding",
        editable=_is_conv,
    ),
    _Column(
        "stride",
        "How far the kernel moves",
        lambda row: str(row[0].stride) if _is_conv(row[0]) else "",
        "stride",
        editable=_is_conv,
    ),
)


class GuessModel(QAbstractTableModel):
    """The layers; below the first impossible one, a row that says why."""

    edited = pyqtSignal(str, dict)
    """The person gave the layer of this name other values."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: tuple[Row, ...] = ()
        self.explained: int | None = None
        """The row of words; None where all sizes are possible."""

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        impossible = next((index for index, (_, size) in enumerate(rows) if size.problem), None)
        explained = None if impossible is None else impossible + 1
        names = [layer.name for layer, _ in rows]
        same = names == [layer.name for layer, _ in self._rows] and explained == self.explained
        if not same:
            self.beginResetModel()
        self._rows, self.explained = rows, explained
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, len(_COLUMNS) - 1))

    def layer_at(self, row: int) -> Row:
        return self._rows[row - (self.explained is not None and row > self.explained)]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows) + (self.explained is not None)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(_COLUMNS)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if self._is_editable(index) else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.row() == self.explained:
            return self._words(index, role)
        row, column = self.layer_at(index.row()), _COLUMNS[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return column.text(row)
        if role == Qt.ItemDataRole.ForegroundRole:
            if row[1].problem:
                return theme().colour("error")
            return theme().colour("text" if self._is_editable(index) or index.column() == 0 else "muted")
        if role == Qt.ItemDataRole.ToolTipRole:
            return row[1].problem or (f"{column.tip}: click to change" if self._is_editable(index) else column.tip)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not self._is_editable(index):
            return False
        (layer, _), field = self.layer_at(index.row()), _COLUMNS[index.column()].field
        changes = _changes(str(field), str(value))
        if changes and any(getattr(layer, name) != new for name, new in changes.items()):
            self.edited.emit(layer.name, changes)
        return bool(changes)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section].title
        return _COLUMNS[section].tip if role == Qt.ItemDataRole.ToolTipRole else None

    def _is_editable(self, index: QModelIndex) -> bool:
        column = _COLUMNS[index.column()]
        if column.field is None or index.row() == self.explained:
            return False
        return column.editable(self.layer_at(index.row())[0])

    def _words(self, index: QModelIndex, role: int) -> Any:
        problem = self._rows[index.row() - 1][1].problem
        if role == Qt.ItemDataRole.DisplayRole and index.column() == 0:
            return f"↑ {problem}"
        if role == Qt.ItemDataRole.ForegroundRole:
            return theme().colour("error")
        return problem if role == Qt.ItemDataRole.ToolTipRole else None


def _changes(field: str, text: str) -> dict[str, Any]:
    """What typing ``text`` into a column sets; empty where it is no number."""
    if field in ("activation", "pooling"):
        return {field: text}
    parts = text.lower().replace("x", "×").split("×")
    if not all(part.strip().isdecimal() for part in parts) or len(parts) > 2:
        return {}
    numbers = [int(part) for part in parts]
    return {field: (numbers[0], numbers[-1])} if field == "padding" else {field: numbers[0]}


class _Editors(QStyledItemDelegate):
    """A list for functions, a number for sizes; what is chosen from a list counts at once."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        column = _COLUMNS[index.column()]
        if column.options:
            combo = ComboBox(column.options, parent)
            combo.activated.connect(lambda _: self._done(combo))
            return combo
        if column.field == "padding":
            return QLineEdit(parent)
        spin = QSpinBox(parent)
        spin.setRange(1, 512)
        spin.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        return spin

    def setEditorData(self, editor: QWidget, index: QModelIndex) -> None:
        text = str(index.data(Qt.ItemDataRole.EditRole))
        if isinstance(editor, ComboBox):
            editor.set_value(text)
            editor.showPopup()
        elif isinstance(editor, QSpinBox):
            editor.setValue(int(text))
            editor.selectAll()
        elif isinstance(editor, QLineEdit):
            editor.setText(text)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex) -> None:
        if isinstance(editor, ComboBox):
            model.setData(index, editor.value())
        elif isinstance(editor, QSpinBox | QLineEdit):
            model.setData(index, editor.text())

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        size = super().sizeHint(option, index)
        model = index.model()
        if isinstance(model, GuessModel) and index.row() == model.explained:
            return QSize(0, size.height())  # the words go over several columns, and widen none
        wide = theme().px(14) if _COLUMNS[index.column()].options else 0
        return QSize(size.width() + wide, max(size.height(), theme().px(24)))

    def _done(self, editor: QWidget) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)


class GuessTable(QTableView):
    """A click on a value changes it."""

    edited = pyqtSignal(str, dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = GuessModel(self)
        self._model.edited.connect(self.edited)
        self.setModel(self._model)
        self.setItemDelegate(_Editors(self))
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.CurrentChanged
            | QAbstractItemView.EditTrigger.SelectedClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setAccessibleName("Layers of the guess")
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        if rows is not None and columns is not None:
            rows.hide()
            columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        theme().changed.connect(self._fit_rows)

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        self._model.set_rows(rows)
        self._fit_rows()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit_rows()

    def _fit_rows(self) -> None:
        """Rows of one height; the words below an impossible one take the columns that are seen, and lines as needed."""
        rows, columns, viewport = self.verticalHeader(), self.horizontalHeader(), self.viewport()
        if rows is None or columns is None or viewport is None:
            return
        height = theme().px(26)
        rows.setDefaultSectionSize(height)
        for row in range(self._model.rowCount()):
            self.setRowHeight(row, height)
        self.clearSpans()
        explained = self._model.explained
        if explained is None:
            return
        ends = [columns.sectionPosition(index) + columns.sectionSize(index) for index in range(len(_COLUMNS))]
        seen = max(sum(end <= viewport.width() for end in ends), 1)
        if seen > 1:
            self.setSpan(explained, 0, 1, seen)
        room = max(ends[seen - 1] - theme().px(12), theme().px(80))
        words = str(self._model.index(explained, 0).data())
        box = self.fontMetrics().boundingRect(0, 0, room, 10_000, int(Qt.TextFlag.TextWordWrap), words)
        self.setRowHeight(explained, box.height() + theme().px(10))
