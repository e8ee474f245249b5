"""The tensors of a checkpoint, or its layers, as a table that can be sorted, filtered and copied."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from PyQt6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from cnnviz.panels.checkpoint import LayerRow, TensorRow
from cnnviz.ui.numbers import format_count, format_number, format_percent
from cnnviz.ui.plain_text import plain_tip
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.core.tensor_statistics import TensorStatistics


Row = TensorRow | LayerRow


@dataclass(frozen=True)
class Column:
    """A column: how a row is shown, and what it is sorted by.

    Numbers are sorted as floats: of a whole number and another that Qt holds in a type of its own, it cuts one off.
    """

    title: str
    tip: str
    text: Callable[[Any], str]
    key: Callable[[Any], Any]
    is_number: bool = False


def _statistic(title: str, tip: str, of: Callable[[TensorStatistics], float], *, count: bool = False) -> Column:
    def text(row: TensorRow) -> str:
        if row.statistics is None:
            return ""
        value = of(row.statistics)
        return format_count(int(value)) if count else format_number(value)

    def key(row: TensorRow) -> float:
        return float(of(row.statistics)) if row.statistics is not None else float("-inf")

    return Column(title, tip, text, key, is_number=True)


def _number(
    title: str, tip: str, of: Callable[[LayerRow], int | None], words: Callable[[int], str] = format_count
) -> Column:
    """Of a layer; nothing where it is not known."""

    def text(row: LayerRow) -> str:
        value = of(row)
        return "" if value is None else words(value)

    def key(row: LayerRow) -> float:
        value = of(row)
        return float("-inf") if value is None else float(value)

    return Column(title, tip, text, key, is_number=True)


def _counting(name: str) -> str:
    """A name whose order among others is that of people, who put layer 9 before layer 10."""
    return re.sub("[0-9]+", lambda number: number[0].zfill(12), name)


def _size(count: int) -> str:
    return f"{count / 2**20:.2f} MiB" if count >= 2**20 else f"{count / 2**10:.2f} KiB"


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes)) or "one value"


TENSOR_COLUMNS = (
    Column("tensor", "Its name: the path through the file", lambda row: row.name, lambda row: _counting(row.name)),
    Column("shape", "Sizes of its axes", lambda row: _times(row.shape), lambda row: float(row.values)),
    Column("type", "Type of its values", lambda r: f"{r.dtype} {r.note}".strip(), lambda r: f"{r.dtype} {r.note}"),
    Column(
        "share",
        "Part of all values in the file",
        lambda row: format_percent(row.share, 1),
        lambda row: row.share,
        is_number=True,
    ),
    _statistic("norm", "Euclidean norm of the finite values", lambda s: s.norm),
    _statistic("mean", "Mean of the finite values", lambda s: s.mean),
    _statistic("std", "Standard deviation of the finite values", lambda s: s.std),
    _statistic("zeros", "Values that are exactly zero", lambda s: s.zeros, count=True),
    _statistic("not finite", "Values that are NaN or infinite", lambda s: s.not_finite, count=True),
)
LAYER_COLUMNS = (
    Column("layer", "Its name: the path through the network", lambda row: row.name, lambda row: _counting(row.name)),
    Column("type", "What it computes", lambda row: row.type, lambda row: row.type),
    Column(
        "output",
        "Channels, height and width of its maps for one image; nothing where no network is run",
        lambda row: _times(row.output_shape) if row.output_shape is not None else "",
        lambda row: float(math.prod(row.output_shape)) if row.output_shape is not None else -1.0,
    ),
    _number("weights", "Weights and biases; those shared with an earlier layer are counted there", lambda r: r.weights),
    _number("multiply-adds", "Multiplications with an addition that it takes for one image", lambda row: row.macs),
    _number("memory of weights", "What its weights take while the network runs", lambda r: r.weight_bytes, _size),
    _number("memory of maps", "What its output takes for one image", lambda row: row.map_bytes, _size),
)
_SORT_ROLE = Qt.ItemDataRole.UserRole


class TableModel(QAbstractTableModel):
    """Rows come whole at first, and get their statistics later without the selection being lost."""

    def __init__(self, columns: tuple[Column, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self._columns = columns
        self._rows: tuple[Row, ...] = ()

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        same = [row.name for row in rows] == [row.name for row in self._rows]
        if not same:
            self.beginResetModel()
        self._rows = rows
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._columns) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self._rows[index.row()], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == _SORT_ROLE:
            return column.key(row)
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 0:
            return plain_tip(row.name)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole and self._columns[section].is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return self._columns[section].tip if role == Qt.ItemDataRole.ToolTipRole else None


class SortableTable(QTableView):
    """A click on a heading sorts; Ctrl+C copies the selected rows, or all, with tabs between the cells."""

    def __init__(self, columns: tuple[Column, ...], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._model = TableModel(columns, self)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.setSortRole(_SORT_ROLE)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setModel(self._proxy)
        self.setSortingEnabled(True)
        # as the file names them, in natural order, until a heading is clicked
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)  # whole rows are chosen: Tab goes on to what follows the table
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setAccessibleName(name)
        rows, headings = self.verticalHeader(), self.horizontalHeader()
        if rows is not None and headings is not None:
            rows.hide()
            rows.setDefaultSectionSize(theme().px(22))
            headings.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            headings.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        self._model.set_rows(rows)

    def set_filter(self, text: str) -> None:
        """Show the rows of which a cell holds ``text``."""
        self._proxy.setFilterKeyColumn(-1)
        self._proxy.setFilterFixedString(text)

    def shown(self) -> int:
        return self._proxy.rowCount()

    def copied_text(self) -> str:
        """The selected rows, or all that are shown, as lines of cells."""
        selection = self.selectionModel()
        chosen = [index.row() for index in selection.selectedRows()] if selection is not None else []
        rows = sorted(chosen) or range(self._proxy.rowCount())
        columns = range(len(self._columns))
        cells = [[str(self._proxy.index(row, column).data()) for column in columns] for row in rows]
        return "\n".join("\t".join(line) for line in [[column.title for column in self._columns], *cells])

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        clipboard = QGuiApplication.clipboard()
        if event is not None and event.matches(QKeySequence.StandardKey.Copy) and clipboard is not None:
            clipboard.setText(self.copied_text())
            return
        super().keyPressEvent(event)
