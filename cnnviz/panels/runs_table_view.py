"""The table of runs: a row for each, with a box that draws its curve, and as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPoint,
    QPointF,
    QRectF,
    QSize,
    Qt,
    pyqtSignal,
)
from PyQt6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from cnnviz.panels import runs_words as words
from cnnviz.panels.runs import RunLine
from cnnviz.training.run_label import LONGEST_NAME
from cnnviz.ui.icons import paint_icon
from cnnviz.ui.theme import theme


@dataclass(frozen=True)
class _Column:
    title: str
    tip: str
    text: Callable[[RunLine], str]


_TIP_NAME = (
    "What it is called, and in what a duplicate differs from the run that it was made of, another from the one above"
)
_COLUMNS = (
    _Column("run", _TIP_NAME, lambda line: line.name),
    _Column("state", "Whether it waits, is trained, or how it ended", words.standing_words),
    _Column("test", "Test images that it names rightly", lambda line: words.share_words(line.test_accuracy)),
    _Column("test loss", "Mean loss of the test images", lambda line: words.loss_words(line.test_loss)),
    _Column("train loss", "Mean loss of the last epoch's batches", lambda line: words.loss_words(line.train_loss)),
    _Column("epochs", "Done, of how many", words.epochs_words),
    _Column("time", "Of training, without tests and pauses", lambda line: words.seconds_words(line.seconds)),
    _Column("weights", "Numbers that are learned", lambda line: words.count_words(line.weights)),
)
_NAME, _STATE = 0, 1
_FIRST: Mapping[str, tuple[int, ...]] = {"train": (1, 4), "both": (1, 2, 3, 4)}
"""Columns for which there is room first, by the images whose curves are drawn."""


class RunsModel(QAbstractTableModel):
    """The lines as they are; those that only changed keep the selection."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: tuple[RunLine, ...] = ()

    def set_lines(self, lines: tuple[RunLine, ...]) -> None:
        same = [line.id for line in lines] == [line.id for line in self.lines]
        if not same:
            self.beginResetModel()
        before, self.lines = self.lines, lines
        if not same:
            self.endResetModel()
        elif lines != before:
            self.dataChanged.emit(self.index(0, 0), self.index(len(lines) - 1, len(_COLUMNS) - 1))

    def row_of(self, run_id: str) -> int:
        return next((row for row, line in enumerate(self.lines) if line.id == run_id), -1)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(_COLUMNS)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == _NAME:
            flags |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self.lines[index.row()], _COLUMNS[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return column.text(line)
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == _NAME:
            return Qt.CheckState.Checked if line.is_shown else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ToolTipRole:
            return words.all_words(line)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() > _STATE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole and section > _STATE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return _COLUMNS[section].tip if role == Qt.ItemDataRole.ToolTipRole else None


class RunsTable(QTableView):
    """A click on a row chooses the run, one on its box draws its curve; Space and F2 do the same and rename."""

    chosen = pyqtSignal(str)
    """The person clicked a run, or pressed Return on it: its network is to be shown."""
    selected = pyqtSignal(str)
    """Another row is the current one."""
    toggled = pyqtSignal(str)
    """The curve of this run is to be drawn, or not any more."""
    renamed = pyqtSignal(str, str)
    delete_asked = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = RunsModel(self)
        self.colours: Mapping[str, QColor] = {}
        self.shown_network = ""
        """Id of the run whose network the panels show."""
        self._is_filling = False
        self._part = "both"
        self._delegate = _RunPainter(self)
        self._delegate.renamed.connect(self.renamed)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)  # whole rows are chosen: Tab goes on to what follows the table
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setProperty("dense", True)
        self.setAccessibleName("Runs")
        rows, heads, selection = self.verticalHeader(), self.horizontalHeader(), self.selectionModel()
        assert rows is not None
        assert heads is not None
        assert selection is not None
        rows.hide()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setHighlightSections(False)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        selection.currentRowChanged.connect(self._on_current)
        self.clicked.connect(self._on_click)
        theme().changed.connect(self._fit)
        self._fit()

    def set_lines(
        self, lines: tuple[RunLine, ...], selected: str, colours: Mapping[str, QColor], part: str = "both"
    ) -> None:
        """Show these runs; where there are more than before, the last is brought into view.

        Parameters
        ----------
        colours
            Of the curves, by their names.
        part
            Of which images curves are drawn: where there is little room, their figures are shown.
        """
        grown = len(lines) > len(self.rows.lines)
        self.colours = colours
        self._part = part
        self._is_filling = True
        self.rows.set_lines(lines)
        row = self.rows.row_of(selected)
        if row >= 0 and row != self.currentIndex().row():
            self.setCurrentIndex(self.rows.index(row, _NAME))
        self._is_filling = False
        self._fit()
        if grown:
            self.scrollToBottom()
        self.viewport().update()

    def line_at(self, at: QPoint) -> RunLine | None:
        """The run under a place of the viewport."""
        index = self.indexAt(at)
        return self.rows.lines[index.row()] if index.isValid() else None

    def rename(self, run_id: str) -> None:
        """Let the person write another name."""
        row = self.rows.row_of(run_id)
        if row >= 0:
            self.edit(self.rows.index(row, _NAME))

    def box(self, row: int) -> QRectF:
        """Where the box that draws the curve of a row stands, in the viewport."""
        return box_in(QRectF(self.visualRect(self.rows.index(row, _NAME))))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentIndex().row()
        line = self.rows.lines[row] if 0 <= row < len(self.rows.lines) else None
        if line is not None and event.key() == Qt.Key.Key_Space:
            self.toggled.emit(line.id)
        elif line is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(line.id)
        elif line is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_asked.emit(line.id)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def sizeHint(self) -> QSize:
        hub, count = theme(), len(self.rows.lines)
        return QSize(hub.px(380), hub.px(34) + hub.px(38) * max(count, 2))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(200), theme().px(36 + 38 * min(max(len(self.rows.lines), 1), 3)))

    def _on_current(self, now: QModelIndex, before: QModelIndex) -> None:
        if not self._is_filling and now.isValid():
            self.selected.emit(self.rows.lines[now.row()].id)

    def _on_click(self, index: QModelIndex) -> None:
        if not self._delegate.toggled_last:
            self.chosen.emit(self.rows.lines[index.row()].id)

    def _fit(self) -> None:
        rows = self.verticalHeader()
        rows.setDefaultSectionSize(theme().px(38))
        rows.setMinimumSectionSize(theme().px(38))
        self.setMaximumHeight(self.sizeHint().height() + theme().px(12))
        self._fit_columns()

    def _fit_columns(self) -> None:
        """The name takes what the figures leave; those for which there is no room are in the tool tip."""
        hub, room = theme(), self.viewport().width()
        body, head = QFontMetrics(hub.font("small")), QFontMetrics(hub.font("tiny"))
        left = room - hub.px(170)
        for index in dict.fromkeys([*_FIRST.get(self._part, ()), *range(1, len(_COLUMNS))]):
            column = _COLUMNS[index]
            texts = [column.text(line) for line in self.rows.lines]
            width = max([head.horizontalAdvance(column.title), *map(body.horizontalAdvance, texts)]) + hub.px(14)
            fits = width <= left
            left = left - width if fits else -1
            self.setColumnHidden(index, not fits)
            self.setColumnWidth(index, width)
        used = sum(self.columnWidth(index) for index in range(1, len(_COLUMNS)) if not self.isColumnHidden(index))
        self.setColumnWidth(_NAME, max(room - used, hub.px(120)))


def box_in(cell: QRectF) -> QRectF:
    """Where in a cell its box stands."""
    side = theme().px(14)
    return QRectF(cell.left() + theme().px(8), cell.center().y() - side / 2, side, side)


class _RunPainter(QStyledItemDelegate):
    """Paints a row: the box in the colour of the curve, the name over what differs, and figures."""

    renamed = pyqtSignal(str, str)

    def __init__(self, table: RunsTable) -> None:
        super().__init__(table)
        self._table = table
        self.toggled_last = False

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        hub, line = theme(), self._table.rows.lines[index.row()]
        cell = QRectF(option.rect)
        is_current = bool(option.state & QStyle.StateFlag.State_Selected)
        if is_current:
            painter.fillRect(option.rect, hub.colour("hover"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, hub.colour("raised"))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.column() == _NAME:
            self._paint_name(painter, cell, line, is_current)
        else:
            self._paint_figure(painter, cell, line, index)
        painter.setPen(QPen(hub.colour("line"), 1))
        painter.drawLine(cell.bottomLeft(), cell.bottomRight())
        painter.restore()

    def _paint_name(self, painter: QPainter, cell: QRectF, line: RunLine, is_current: bool) -> None:
        hub = theme()
        if is_current:
            painter.fillRect(QRectF(cell.left(), cell.top(), hub.px(3), cell.height()), hub.colour("accent"))
        box = box_in(cell)
        colour = self._table.colours.get(line.curve, hub.colour("muted"))
        painter.setPen(QPen(colour if line.is_shown else hub.colour("faint"), hub.px(1.5)))
        painter.setBrush(colour if line.is_shown and line.curve else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, hub.px(3), hub.px(3))
        if line.is_shown:
            tick = hub.colour("panel") if line.curve else colour
            paint_icon(painter, box.adjusted(1, 1, -1, -1), "check", tick)
        left = box.right() + hub.px(8)
        right = cell.right() - hub.px(4)
        if line.id == self._table.shown_network:
            side = hub.px(14)
            eye = QRectF(right - side, cell.center().y() - side / 2, side, side)
            paint_icon(painter, eye, "eye", hub.colour("accent"))
            right = eye.left() - hub.px(4)
        room = QRectF(left, cell.top() + hub.px(3), max(right - left, 1), cell.height() - hub.px(6))
        painter.setFont(hub.font("small"))
        metrics = painter.fontMetrics()
        painter.setPen(hub.colour("text"))
        name = metrics.elidedText(line.name, Qt.TextElideMode.ElideMiddle, round(room.width()))
        change = words.change_words(line)
        where = Qt.AlignmentFlag.AlignTop if change else Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | where), name)
        if change:
            painter.setFont(hub.font("tiny"))
            painter.setPen(hub.colour("warning" if line.trouble else "muted"))
            change = painter.fontMetrics().elidedText(change, Qt.TextElideMode.ElideRight, round(room.width()))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), change)

    def _paint_figure(self, painter: QPainter, cell: QRectF, line: RunLine, index: QModelIndex) -> None:
        hub = theme()
        is_state = index.column() == _STATE
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour(words.standing_token(line) if is_state else "text"))
        side = Qt.AlignmentFlag.AlignLeft if is_state else Qt.AlignmentFlag.AlignRight
        room = cell.adjusted(hub.px(4), 0, -hub.px(8), 0)
        painter.drawText(room, int(side | Qt.AlignmentFlag.AlignVCenter), str(index.data()))
        if is_state and line.standing == "training":
            track = QRectF(room.left(), cell.bottom() - hub.px(7), room.width(), hub.px(3))
            painter.setPen(Qt.PenStyle.NoPen)
            for share, token in ((1.0, "line"), (line.progress, "accent")):
                painter.setBrush(hub.colour(token))
                bar = QRectF(track.topLeft(), QPointF(track.left() + track.width() * share, track.bottom()))
                painter.drawRoundedRect(bar, hub.px(1.5), hub.px(1.5))

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: QModelIndex
    ) -> bool:
        """A press on the box draws the curve or takes it away."""
        if event.type() not in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
            return False
        assert isinstance(event, QMouseEvent)
        reach = box_in(QRectF(option.rect)).adjusted(-8, -10, 6, 10)
        on_box = index.column() == _NAME and reach.contains(event.position())
        if event.type() == QEvent.Type.MouseButtonPress:
            self.toggled_last = on_box and event.button() == Qt.MouseButton.LeftButton
            if self.toggled_last:
                self._table.toggled.emit(self._table.rows.lines[index.row()].id)
        return on_box

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        editor = QLineEdit(parent)
        editor.setMaxLength(LONGEST_NAME)
        editor.setAccessibleName("Name of the run")
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        box = box_in(QRectF(option.rect))
        left, height = round(box.right() + theme().px(4)), theme().px(26)
        top = round(QRectF(option.rect).center().y() - height / 2)
        editor.setGeometry(left, top, option.rect.right() - left, height)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex) -> None:
        line = self._table.rows.lines[index.row()]
        assert isinstance(editor, QLineEdit)
        if editor.text().strip() != line.name:
            self.renamed.emit(line.id, editor.text().strip())
