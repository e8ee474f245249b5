"""The strip of all layers, with the names of its rows at the left, and the loss at the right."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget

from cnnviz.panels.backpropagation import BackpropagationResult
from cnnviz.panels.backpropagation_columns_view import GAP, HEAD, ROW, TILE, SignalColumns, short_number, strip_height
from cnnviz.panels.backpropagation_signal import MAPS, ClassRow
from cnnviz.ui.curve_painter import curve_colours
from cnnviz.ui.numbers import format_number
from cnnviz.ui.theme import theme

LOSS_WIDTH = 184
NARROW = 560
"""A panel that is narrower has no room for the classes beside the layers."""
CLASS_ROW = 13
ROW_NAMES = ("‖∂L/∂out‖", "‖∂L/∂w‖", "exactly 0")
MAPS_NAME = "∂L/∂out,\neach ±max"


class SignalStrip(QWidget):
    """Columns in order of execution, the loss at the right; what the rows mean stands at the left."""

    layer_clicked = pyqtSignal(str, int)
    """Name of the layer, and the channel of the thumbnail, or −1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = SignalColumns(self)
        self._columns.layer_clicked.connect(self.layer_clicked)
        self._scroll = QScrollArea()
        self._scroll.setWidget(self._columns)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._gutter = _Gutter(self)
        self._loss = _Loss(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._gutter)
        row.addWidget(self._scroll, 1)
        row.addWidget(self._loss)
        self._front: tuple[int, int] | None = None
        theme().changed.connect(self._restyle)
        self._restyle()

    def show_signals(self, result: BackpropagationResult, reached: int | None) -> None:
        """Show the signal where it has come to: ``reached`` layers back from the loss; None: everywhere."""
        self._columns.take(result, reached)
        self._loss.take(result)
        count = len(result.signals)
        front = result.selected if reached is None else max(count - reached, 0)
        if (front, count) != self._front:
            self._front = (front, count)
            self._bring_into_view(min(front, count - 1))

    def column_rect(self, index: int) -> QRectF:
        """Where a layer's column lies, in the coordinates of `canvas`."""
        return self._columns.column_rect(index)

    def canvas(self) -> QWidget:
        """The part with the columns."""
        return self._columns

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._loss.setVisible(self.width() >= theme().px(NARROW))
        super().resizeEvent(event)
        if self._front is not None:
            self._bring_into_view(min(self._front[0], self._front[1] - 1))

    def _bring_into_view(self, index: int) -> None:
        """Scroll so that a column is seen with one more on either side, and the first one in sight is whole."""
        bar, columns = self._scroll.horizontalScrollBar(), self._columns
        if bar is None:
            return
        first, last = columns.column_rect(max(index - 1, 0)), columns.column_rect(index + 1)
        seen = self.width() - self._gutter.width() - (0 if self._loss.isHidden() else self._loss.width())
        left = float(bar.value())
        if first.left() < left:
            left = first.left()
        elif last.right() > left + seen:
            left = last.right() - seen
        edges = [columns.column_rect(each).left() for each in range(index + 1)]
        bar.setMaximum(max(bar.maximum(), columns.minimumWidth() - seen))
        bar.setValue(round(min((edge for edge in edges if edge >= left), default=left)))

    def _restyle(self) -> None:
        bar = self._scroll.horizontalScrollBar()
        self.setFixedHeight(strip_height() + (bar.sizeHint().height() if bar is not None else 0))
        self._gutter.setFixedWidth(self._gutter.wanted_width())
        self._loss.setFixedWidth(theme().px(LOSS_WIDTH))


class _Gutter(QWidget):
    """The names of the rows."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("panel"))
        painter.setFont(hub.font("tiny"))
        top, right = hub.px(HEAD), self.width() - hub.px(6)
        below = top + MAPS * hub.px(TILE + GAP)
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.setPen(hub.colour("muted"))
        painter.drawText(QRectF(0, top, right, below - top), align, MAPS_NAME)
        colours = (*curve_colours(2), hub.colour("muted"))
        for row, (text, colour) in enumerate(zip(ROW_NAMES, colours, strict=True)):
            painter.setPen(colour)
            painter.drawText(QRectF(0, below + row * hub.px(ROW), right, hub.px(ROW)), align, text)

    def wanted_width(self) -> int:
        metrics = QFontMetricsF(theme().font("tiny"))
        texts = (*ROW_NAMES, *MAPS_NAME.splitlines())
        return round(max(metrics.horizontalAdvance(text) for text in texts)) + theme().px(8)


class _Loss(QWidget):
    """The loss with its number, and for each class p, y and what goes back: ∂L/∂z."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: BackpropagationResult | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setToolTip(
            "z: the network's scores; p: their softmax; y: 1 for the class that is taken for right.\n"
            "Of the cross-entropy the signal begins with ∂L/∂z = p − y."
        )

    def take(self, result: BackpropagationResult) -> None:
        self._result = result
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("panel"))
        if self._result is None:
            return
        left, width = hub.px(12), self.width() - hub.px(14)
        painter.setPen(hub.colour("muted"))
        middle = hub.px(HEAD) + MAPS * hub.px(TILE + GAP) / 2
        painter.drawText(QRectF(0, middle - 8, left, 16), Qt.AlignmentFlag.AlignCenter, "←")
        painter.setFont(hub.font("title"))
        painter.setPen(hub.colour("text"))
        words = painter.fontMetrics().elidedText(self._result.loss_words, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(left, hub.px(3), width, hub.px(15)), Qt.AlignmentFlag.AlignVCenter, words)
        painter.setFont(hub.font("tiny"))
        if not self._result.classes:
            return
        painter.setPen(hub.colour("muted"))
        for right, text in ((0.54, "p"), (0.64, "y"), (1.0, "∂L/∂z")):
            painter.drawText(QRectF(left, hub.px(18), width * right, hub.px(14)), Qt.AlignmentFlag.AlignRight, text)
        step = hub.px(CLASS_ROW)
        for index, row in enumerate(self._result.classes):
            _paint_class(painter, QRectF(left, hub.px(HEAD) + index * step, width, step), row)


def _paint_class(painter: QPainter, line: QRectF, row: ClassRow) -> None:
    hub = theme()
    metrics = QFontMetricsF(painter.font())
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    painter.setPen(hub.colour("text" if row.wanted else "muted"))
    label = metrics.elidedText(row.label, Qt.TextElideMode.ElideRight, line.width() * 0.26)
    painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label)
    for share, text in (
        (0.54, short_number(row.probability)),
        (0.64, format_number(row.wanted, 0)),
        (1.0, short_number(row.gradient, sign=True)),
    ):
        painter.drawText(QRectF(line.left(), line.top(), line.width() * share, line.height()), right, text)
