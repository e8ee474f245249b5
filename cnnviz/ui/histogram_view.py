"""How a layer's values are spread."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from cnnviz.ui.numbers import format_count, format_number
from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import theme


class HistogramView(QWidget):
    """Counts per bin as bars over an axis with numbers.

    The axis of signed data is symmetric, with zero in its middle. It widens when values leave it, and narrows only
    when they fill less than half of it, so that it stands still while one draws. (Painted here: a pyqtgraph plot takes
    twice as long for the same picture, and importing it 0.2 s before the first paint.)
    """

    enlarge_asked = pyqtSignal()
    """Double-clicked: show it large."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts = np.zeros(0)
        self._edges = np.zeros(1)
        self._signed = False
        self._limit = 0.0
        self._start = 0.0
        self._texts = ShapedTexts()
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme().changed.connect(self._restyle)

    def set_histogram(self, counts: np.ndarray, edges: np.ndarray, *, signed: bool) -> None:
        """Show ``counts`` (n) between ``edges`` (n + 1), both as numpy's ``histogram`` gives them."""
        if len(edges) != len(counts) + 1:
            raise ValueError(f"{len(counts)} counts need {len(counts) + 1} edges, not {len(edges)}")
        self._counts, self._edges = np.asarray(counts, float), np.asarray(edges, float)
        if signed != self._signed:
            self._limit = 0.0
        self._signed = signed
        low, high = float(self._edges[0]), float(self._edges[-1])
        reach = max(abs(low), abs(high)) if signed else high
        self._start = 0.0 if low >= 0 else low
        if not self._limit / 2 <= reach <= self._limit:
            self._limit = _round_up(reach)
        self.update()

    def axis_range(self) -> tuple[float, float]:
        """The values at the ends of the axis."""
        return (-self._limit, self._limit) if self._signed else (self._start, self._limit)

    def x_of(self, value: float) -> float:
        """Where a value lies across the widget."""
        low, high = self.axis_range()
        return 1 + (value - low) / ((high - low) or 1) * (self.width() - 2)

    def _axis_top(self) -> float:
        return self.height() - theme().px(16)

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        base = self._axis_top()
        self._texts.use(painter, hub.font("tiny"))
        if self._counts.size and self._counts.max() > 0:
            self._paint_bars(painter, base)
        painter.fillRect(QRectF(0, base, self.width(), 1), hub.colour("line"))
        if self._limit == 0:
            return
        low, high = self.axis_range()
        digits = 0 if high >= 10 else 1 if high >= 1 else 3 if high < 0.1 else 2
        painter.setPen(hub.colour("muted"))
        row = QRectF(0, base + hub.px(2), self.width(), self.height() - base - hub.px(2))
        self._texts.draw(painter, row, format_number(low, 0 if low == 0 else digits), Qt.AlignmentFlag.AlignLeft)
        self._texts.draw(painter, row, format_number(high, digits), Qt.AlignmentFlag.AlignRight)
        if low < 0 < high:
            zero = self.x_of(0)
            painter.fillRect(QRectF(zero, base, 1, hub.px(3)), hub.colour("muted"))
            box = QRectF(zero - hub.px(20), row.top(), 2 * hub.px(20), row.height())
            self._texts.draw(painter, box, "0", Qt.AlignmentFlag.AlignHCenter)

    def _paint_bars(self, painter: QPainter, base: float) -> None:
        low, high = self.axis_range()
        across = 1 + (self._edges - low) / ((high - low) or 1) * (self.width() - 2)
        ceiling = self._ceiling()
        heights = base - np.minimum(self._counts / ceiling, 1.0) * (base - theme().px(2))
        # A count that is there is seen, however small beside the others.
        heights = np.where(self._counts > 0, np.minimum(heights, base - 1), base)
        gap = 1.0 if across.size > 1 and across[1] - across[0] >= 4 else 0.0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("accent"))
        if gap:
            for x, right, y in zip(across[:-1].tolist(), across[1:].tolist(), heights.tolist(), strict=True):
                painter.drawRect(QRectF(x, y, right - x - gap, base - y))
            self._paint_breaks(painter, across, ceiling)
            return
        xs = np.repeat(across, 2).tolist()
        ys = [base, *np.repeat(heights, 2).tolist(), base]
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in zip(xs, ys, strict=True)]))
        self._paint_breaks(painter, across, ceiling)

    def _ceiling(self) -> float:
        """The count that fills the height: one bin far above all others, such as the zeros after a ReLU, is cut."""
        tallest = np.sort(self._counts)[-2:]
        second, first = (float(tallest[0]), float(tallest[-1])) if tallest.size > 1 else (0.0, float(tallest[-1]))
        return 1.3 * second if 0 < 4 * second < first else first

    def _paint_breaks(self, painter: QPainter, across: np.ndarray, ceiling: float) -> None:
        """A slanted gap in each bar that is cut."""
        painter.setBrush(theme().colour("panel"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        thick, top = theme().px(2), theme().px(8)
        for index in np.flatnonzero(self._counts > ceiling):
            left, right = float(across[index]) - thick, float(across[index + 1]) + thick
            slant = [QPointF(left, top + thick), QPointF(right, top - thick)]
            slant += [QPointF(right, top), QPointF(left, top + 2 * thick)]
            painter.drawPolygon(QPolygonF(slant))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        low, high = self.axis_range()
        value = low + (event.position().x() - 1) / max(1, self.width() - 2) * (high - low)
        index = int(np.searchsorted(self._edges, value, side="right")) - 1
        if 0 <= index < self._counts.size:
            ends = format_number(self._edges[index], 2), format_number(self._edges[index + 1], 2)
            text = f"{format_count(int(self._counts[index]))} values from {ends[0]} to {ends[1]}"
            QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.enlarge_asked.emit()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(170), theme().px(64))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(80), theme().px(44))


def _round_up(value: float) -> float:
    """The next 1, 1.5, 2, 3, 5 or 7 times a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value * (1 - 1e-9))
