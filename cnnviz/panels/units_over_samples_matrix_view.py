"""Units by samples as one picture of squares: classes at its left, marks of striking units above, spread below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.panels.units_over_samples_pictures import Band
from cnnviz.ui.focus_frame import FocusFrame
from cnnviz.ui.numbers import format_number
from cnnviz.ui.pixels import words_image
from cnnviz.ui.theme import TableKind, theme

Cell = tuple[int, int]
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, eq=False)
class MatrixContent:
    """What a matrix shows.

    Attributes
    ----------
    indices : array (rows, columns) of uint8
        Entries of the table of ``kind``.
    bands : tuple of Band
        Classes of the rows.
    strips : tuple of (str, array of bool)
        Marks over the columns, with what they mean.
    bars : array (columns,), or None
        Shown below, under ``bars_label``; a bar is full at ``bars_full``.
    """

    indices: np.ndarray
    kind: TableKind
    bands: tuple[Band, ...] = ()
    strips: tuple[tuple[str, np.ndarray], ...] = ()
    bars: np.ndarray | None = None
    bars_label: str = ""
    bars_full: float = 0.0
    x_label: str = ""
    square: bool = False


@dataclass(frozen=True)
class MatrixFrame:
    """Where the parts lie in a box: ``body`` holds the cells, ``step`` is how many rows and columns one drawn is of."""

    body: QRectF
    gutter: float
    strip_height: float
    bars_height: float
    labelled: bool
    rows: int
    columns: int
    step: tuple[int, int] = field(default=(1, 1))

    def cell_at(self, point: QPointF) -> Cell | None:
        """Row and column under a point."""
        if not self.body.contains(point):
            return None
        down = (point.y() - self.body.top()) / self.body.height()
        across = (point.x() - self.body.left()) / self.body.width()
        return self._at(down, self.rows, self.step[0]), self._at(across, self.columns, self.step[1])

    def row_at(self, y: float) -> int | None:
        """The row at a height, also left of the cells."""
        found = self.cell_at(QPointF(self.body.left() + 0.5, y))
        return None if found is None else found[0]

    def column_rect(self, column: int) -> QRectF:
        """Where a column, or the drawn one that stands for it, lies."""
        drawn = -(-self.columns // self.step[1])
        wide = self.body.width() / drawn
        return QRectF(self.body.left() + column // self.step[1] * wide, self.body.top(), wide, self.body.height())

    def row_rect(self, row: int) -> QRectF:
        drawn = -(-self.rows // self.step[0])
        high = self.body.height() / drawn
        return QRectF(self.body.left(), self.body.top() + row // self.step[0] * high, self.body.width(), high)

    @staticmethod
    def _at(share: float, count: int, step: int) -> int:
        drawn = -(-count // step)
        return min(min(int(share * drawn), drawn - 1) * step, count - 1)


def frame_of(content: MatrixContent, box: QRectF, ratio: float = 1.0) -> MatrixFrame:
    """Lay the parts out; where there is not a device pixel for each row and column, every so-manieth is drawn."""
    hub = theme()
    metrics = QFontMetrics(hub.font("tiny"))
    line = float(metrics.height())
    labels = [band.name for band in content.bands] + [label for label, _ in content.strips]
    labels += [content.bars_label, _full_text(content)] if content.bars is not None else []
    widest = max((metrics.horizontalAdvance(label) for label in labels), default=0)
    gutter = min(float(widest), 0.3 * box.width()) + hub.px(10) if labels else 0.0
    strips = (line + hub.px(1)) * len(content.strips)
    # a low picture keeps its height for the cells
    bars = float(hub.px(30)) if content.bars is not None and box.height() >= hub.px(170) else 0.0
    labelled = bool(content.x_label) and box.height() >= hub.px(120)
    below = bars + (line + hub.px(2) if labelled else 0.0)
    body = QRectF(box.left() + gutter, box.top() + strips, box.width() - gutter - 1, box.height() - strips - below - 1)
    body.setWidth(max(body.width(), 1.0))
    body.setHeight(max(body.height(), 1.0))
    if content.square:
        side = min(body.width(), body.height())
        body = QRectF(body.left() + (body.width() - side) / 2, body.top(), side, side)
    rows, columns = content.indices.shape
    step = (
        max(math.ceil(rows / max(int(body.height() * ratio), 1)), 1),
        max(math.ceil(columns / max(int(body.width() * ratio), 1)), 1),
    )
    return MatrixFrame(body, gutter, line + hub.px(1), bars, labelled, rows, columns, step)


def paint_matrix(painter: QPainter, content: MatrixContent, frame: MatrixFrame) -> None:
    """Cells, classes, marks and bars."""
    shown = content.indices[:: frame.step[0], :: frame.step[1]]
    words = np.ascontiguousarray(theme().table(content.kind)[shown])
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.drawImage(frame.body, words_image(words))
    painter.setFont(theme().font("tiny"))
    _paint_bands(painter, content.bands, frame)
    _paint_strips(painter, content.strips, frame)
    painter.setPen(theme().colour("line"))
    painter.drawRect(frame.body.adjusted(-1, -1, 0, 0))
    if content.bars is not None and frame.bars_height:
        _paint_bars(painter, content, content.bars, frame)
    if frame.labelled:
        hub = theme()
        top = frame.body.bottom() + frame.bars_height + hub.px(2)
        row = QRectF(frame.body.left(), top, frame.body.width(), frame.strip_height)
        text = painter.fontMetrics().elidedText(content.x_label, Qt.TextElideMode.ElideRight, int(row.width()))
        painter.setPen(hub.colour("muted"))
        painter.drawText(row, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter), text)


def _paint_bands(painter: QPainter, bands: Sequence[Band], frame: MatrixFrame) -> None:
    hub, body = theme(), frame.body
    metrics = painter.fontMetrics()
    strip = hub.px(4)
    soft = QColor(hub.colour("text"))
    soft.setAlphaF(0.18)
    free = 0.0
    for index, band in enumerate(bands):
        top = body.top() + band.start / frame.rows * body.height()
        bottom = body.top() + band.stop / frame.rows * body.height()
        colour = hub.colour("muted" if index % 2 else "faint")
        painter.fillRect(QRectF(body.left() - strip - hub.px(2), top, strip, bottom - top), colour)
        if index:
            painter.fillRect(QRectF(body.left(), top, body.width(), 1), soft)
        middle = (top + bottom) / 2
        if middle - metrics.height() / 2 < free:
            continue  # its name would lie on the one above
        free = middle + 0.4 * metrics.height()
        wide = frame.gutter - strip - hub.px(6)
        text = metrics.elidedText(band.name, Qt.TextElideMode.ElideRight, int(wide) + 1)
        painter.setPen(hub.colour("muted"))
        left = body.left() - frame.gutter
        painter.drawText(QRectF(left, middle - metrics.height() / 2, wide, metrics.height()), int(_RIGHT), text)


def _paint_strips(painter: QPainter, strips: Sequence[tuple[str, np.ndarray]], frame: MatrixFrame) -> None:
    hub, body = theme(), frame.body
    top = body.top() - len(strips) * frame.strip_height
    for label, flags in strips:
        painter.setPen(hub.colour("muted"))
        room = QRectF(body.left() - frame.gutter, top, frame.gutter - hub.px(4), frame.strip_height)
        text = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, int(_RIGHT), text)
        line = QRectF(body.left(), top + frame.strip_height / 2, body.width(), 1)
        painter.fillRect(line, hub.colour("line"))
        for column in np.flatnonzero(flags).tolist():
            cell = frame.column_rect(column)
            wide = max(min(cell.width() - (1 if cell.width() > 3 else 0), float(hub.px(9))), 1.0)
            mark = QRectF(cell.center().x() - wide / 2, top + 3, wide, frame.strip_height - 6)
            painter.fillRect(mark, hub.colour("warning"))
        top += frame.strip_height


def _paint_bars(painter: QPainter, content: MatrixContent, bars: np.ndarray, frame: MatrixFrame) -> None:
    hub, body = theme(), frame.body
    top = body.bottom() + hub.px(3)
    high = frame.bars_height - hub.px(4)
    painter.setPen(hub.colour("muted"))
    line = painter.fontMetrics().height()
    for number, text in enumerate((_full_text(content), content.bars_label)):
        room = QRectF(body.left() - frame.gutter, top + number * (high - line), frame.gutter - hub.px(4), line)
        painter.drawText(room, int(_RIGHT), text)
    painter.fillRect(QRectF(body.left(), top + high, body.width(), 1), hub.colour("line"))
    if content.bars_full <= 0:
        return
    for column in range(0, len(bars), frame.step[1]):
        share = min(float(bars[column : column + frame.step[1]].max()) / content.bars_full, 1.0)
        cell = frame.column_rect(column)
        gap = 1.0 if cell.width() >= 4 else 0.0
        box = QRectF(cell.left(), top + (1 - share) * high, max(cell.width() - gap, 1.0), share * high)
        painter.fillRect(box, hub.colour("muted"))


def _full_text(content: MatrixContent) -> str:
    """What a full bar stands for."""
    return format_number(content.bars_full, 2 if content.bars_full < 100 else 0)


def _runs(columns: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours."""
    runs: list[tuple[int, int]] = []
    for column in sorted(columns):
        if runs and column == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], column)
        else:
            runs.append((column, column))
    return runs


class UnitMatrix(FocusFrame, QWidget):
    """Shows a :class:`MatrixContent`; says what is pointed at, clicked, and which row is wanted as the input."""

    hovered = pyqtSignal(object)
    """(row, column) under the pointer, or None."""
    clicked = pyqtSignal(int, int)
    """Row and column: clicked, or reached with the arrow keys."""
    row_wanted = pyqtSignal(int)
    """A double click, Enter, or a click left of the row."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content: MatrixContent | None = None
        self._marked: tuple[int, ...] = ()
        self._cell: Cell = (0, 0)
        self._hover: Cell | None = None
        self._ground: tuple[tuple[object, ...], QPixmap] | None = None
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self.update)

    @property
    def content(self) -> MatrixContent | None:
        """What is shown."""
        return self._content

    def set_content(self, content: MatrixContent | None) -> None:
        if content is not self._content:
            self._content = content
            self._ground = None
            self.update()

    def set_marked(self, columns: Sequence[int]) -> None:
        """Frame the columns of the selected unit."""
        if tuple(columns) != self._marked:
            self._marked = tuple(columns)
            self.update()

    def frame(self) -> MatrixFrame | None:
        """Where things lie; None before there is anything."""
        if self._content is None or not self._content.indices.size:
            return None
        return frame_of(self._content, QRectF(self.rect()), self.devicePixelRatioF())

    def point_of(self, row: int, column: int) -> QPointF:
        """The middle of a cell, in the widget's pixels."""
        frame = self.frame()
        assert frame is not None
        return QPointF(frame.column_rect(column).center().x(), frame.row_rect(row).center().y())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        frame = self.frame()
        if frame is None or self._content is None:
            painter.fillRect(self.rect(), hub.colour("panel"))
            return
        painter.drawPixmap(0, 0, self._kept_ground(self._content, frame))
        if self._hover is not None:
            soft = QColor(hub.colour("text"))
            soft.setAlphaF(0.45)
            painter.setPen(QPen(soft, 1))
            painter.drawRect(frame.row_rect(self._hover[0]))
            painter.drawRect(frame.column_rect(self._hover[1]))
        painter.setPen(QPen(hub.colour("mark"), hub.px(2)))
        for first, last in _runs(self._marked):  # a frame for each would hide columns that are thinner than it
            painter.drawRect(frame.column_rect(first).united(frame.column_rect(last)).adjusted(-1, -1, 1, 0))
            if self._content.square:
                painter.drawRect(frame.row_rect(first).united(frame.row_rect(last)).adjusted(-1, -1, 0, 1))
        self.paint_focus_frame(painter)

    def _kept_ground(self, content: MatrixContent, frame: MatrixFrame) -> QPixmap:
        ratio = self.devicePixelRatioF()
        key = (self.width(), self.height(), ratio, theme().current, theme().scale)
        if self._ground is None or self._ground[0] != key:
            picture = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
            picture.setDevicePixelRatio(ratio)
            picture.fill(theme().colour("panel"))
            painter = QPainter(picture)
            paint_matrix(painter, content, frame)
            painter.end()
            self._ground = (key, picture)
        return self._ground[1]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        frame = self.frame()
        if frame is None or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        cell = frame.cell_at(event.position())
        if cell is not None:
            self._cell = cell
            self.clicked.emit(*cell)
            return
        row = frame.row_at(event.position().y()) if event.position().x() < frame.body.left() else None
        if row is not None:
            self.row_wanted.emit(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        frame = self.frame()
        cell = None if frame is None else frame.cell_at(event.position())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.row_wanted.emit(cell[0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        frame = self.frame()
        self._set_hover(None if frame is None else frame.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        frame = self.frame()
        steps = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        step = steps.get(Qt.Key(event.key()))
        if frame is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.row_wanted.emit(min(self._cell[0], frame.rows - 1))
        elif frame is not None and step is not None:
            row = min(max(self._cell[0] + step[0] * frame.step[0], 0), frame.rows - 1)
            column = min(max(self._cell[1] + step[1] * frame.step[1], 0), frame.columns - 1)
            self._cell = (row, column)
            self.clicked.emit(row, column)
        else:
            event.ignore()

    def _set_hover(self, cell: Cell | None) -> None:
        if cell != self._hover:
            self._hover = cell
            self.hovered.emit(cell)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(300), theme().px(240))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(100), theme().px(70))
