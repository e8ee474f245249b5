"""The layers of the strip: at each the gradient's strongest maps, its norms, and arrows back to what it reads."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PyQt6.QtWidgets import QToolTip, QWidget

from cnnviz.panels.backpropagation import BackpropagationResult
from cnnviz.panels.backpropagation_signal import MAPS, LayerSignal
from cnnviz.ui.curve_painter import curve_colours
from cnnviz.ui.focus_frame import FocusFrame
from cnnviz.ui.numbers import MINUS, format_number, format_percent
from cnnviz.ui.pixels import words_image
from cnnviz.ui.theme import theme

COLUMN, TILE, GAP, ROW, LANE = 54, 23, 3, 15, 13
"""Sizes in pixels at scale 1: a column, a thumbnail, between thumbnails, a line of numbers, the edges below."""
HEAD = 33
WIDEST = 104


def strip_height() -> int:
    return theme().px(HEAD + MAPS * (TILE + GAP) + 3 * ROW + LANE + 4)


class SignalColumns(FocusFrame, QWidget):
    layer_clicked = pyqtSignal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: BackpropagationResult | None = None
        self._reached: int | None = None
        self._heads: tuple[tuple[str, str], ...] = ()
        self._edges = [0.0]
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Gradients layer by layer")
        theme().changed.connect(self._resize)

    def take(self, result: BackpropagationResult, reached: int | None) -> None:
        heads = tuple((each.layer, each.summary) for each in result.signals)
        changed = heads != self._heads
        self._result, self._reached, self._heads = result, reached, heads
        if changed:
            self._resize()
        self.update()

    def column_rect(self, index: int) -> QRectF:
        """Where a layer's column lies; columns are as wide as their words and share what is left."""
        count = len(self._edges) - 1
        spare = max(self.width() - self._edges[-1], 0) / max(count, 1)
        spare = min(spare, theme().px(COLUMN) * 0.6)
        index = min(max(index, 0), max(count - 1, 0))
        left, right = self._edges[index : index + 2] if count else (0.0, 0.0)
        return QRectF(left + index * spare, 0, right - left + spare, self.height())

    def _resize(self) -> None:
        hub = theme()
        title, tiny = QFontMetricsF(hub.font("title")), QFontMetricsF(hub.font("tiny"))
        self._edges = [0.0]
        for name, summary in self._heads:
            words = max(title.horizontalAdvance(name), tiny.horizontalAdvance(summary)) + hub.px(8)
            self._edges.append(self._edges[-1] + min(max(words, hub.px(COLUMN)), hub.px(WIDEST)))
        self.setMinimumSize(math.ceil(self._edges[-1]), strip_height())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def _is_lit(self, index: int) -> bool:
        return self._reached is None or index >= len(self._heads) - self._reached

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("panel"))
        result = self._result
        if result is None or event is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale = _LogScale(result.signals)
        for index, signal in enumerate(result.signals):
            box = self.column_rect(index)
            if box.intersects(QRectF(event.rect())):
                self._paint_layer(painter, box, signal, scale, index == result.selected, self._is_lit(index))
        self._paint_edges(painter, result.signals)
        self.paint_focus_frame(painter)

    def _paint_layer(
        self, painter: QPainter, box: QRectF, signal: LayerSignal, scale: _LogScale, chosen: bool, lit: bool
    ) -> None:
        hub = theme()
        if chosen:
            fill = QColor(hub.colour("accent"))
            fill.setAlpha(22)
            painter.setPen(QPen(hub.colour("accent"), 1.2))
            painter.setBrush(fill)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -hub.px(LANE) + 1), 6, 6)
        for line, (text, role, token) in enumerate(
            ((signal.layer, "title", "text"), (signal.summary, "tiny", "muted"))
        ):
            painter.setFont(hub.font(role))  # type: ignore[arg-type]
            painter.setPen(hub.colour(token if lit else "faint"))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(box.width()) - 6)
            place = QRectF(box.left() + 3, hub.px(3) + line * hub.px(15), box.width() - 6, hub.px(15))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, shown)
        if not lit:
            self._paint_waiting(painter, box, signal)
            return
        self._paint_maps(painter, box, signal)
        self._paint_numbers(painter, box, signal, scale)

    def tile_rects(self, box: QRectF, signal: LayerSignal) -> list[QRectF]:
        """Where the thumbnails of a column lie; one box for all cells of a vector."""
        hub = theme()
        mosaic = signal.mosaic
        if mosaic is None or mosaic.count == 0:
            return []
        top, room = hub.px(HEAD), MAPS * hub.px(TILE + GAP)
        height, width = mosaic.tile_shape
        if (height, width) == (1, 1):
            tall = min(room - hub.px(GAP), mosaic.count * hub.px(6))
            return [QRectF(box.center().x() - hub.px(7), top + (room - tall) / 2, hub.px(14), tall)]
        side, step = hub.px(TILE), hub.px(TILE + GAP)
        first = top + (room - mosaic.count * step) / 2
        longest = max(height, width)
        size = side * width / longest, side * height / longest
        centre = box.center().x()
        return [
            QRectF(centre - size[0] / 2, first + tile * step + (side - size[1]) / 2, size[0], size[1])
            for tile in range(mosaic.count)
        ]

    def _paint_maps(self, painter: QPainter, box: QRectF, signal: LayerSignal) -> None:
        rects, mosaic = self.tile_rects(box, signal), signal.mosaic
        if mosaic is None:
            painter.setPen(theme().colour("faint"))
            painter.setFont(theme().font("tiny"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "no gradient")
            return
        if not rects:
            return
        picture = words_image(theme().table("signed")[mosaic.indices])
        if len(rects) == 1 and mosaic.count > 1:
            painter.drawImage(rects[0].toRect(), picture)
        else:
            for tile, target in enumerate(rects):
                row, column, height, width = mosaic.tile_rect(tile)
                painter.drawImage(target.toRect(), picture, QRectF(column, row, width, height).toRect())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme().colour("line"), 1))
        for target in rects:
            painter.drawRect(QRectF(target.toRect()).adjusted(-0.5, -0.5, 0.5, 0.5))

    def _paint_waiting(self, painter: QPainter, box: QRectF, signal: LayerSignal) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme().colour("line"), 1, Qt.PenStyle.DotLine))
        for target in self.tile_rects(box, signal):
            painter.drawRect(QRectF(target.toRect()))

    def _paint_numbers(self, painter: QPainter, box: QRectF, signal: LayerSignal, scale: _LogScale) -> None:
        hub = theme()
        top = hub.px(HEAD) + MAPS * hub.px(TILE + GAP)
        painter.setFont(hub.font("tiny"))
        output, weights = curve_colours(2)
        for row, (value, colour) in enumerate(((signal.norm, output), (signal.weight_norm, weights))):
            if value is None or math.isnan(value):
                continue
            line = QRectF(box.left() + 4, top + row * hub.px(ROW), box.width() - 8, hub.px(ROW))
            bar = QRectF(line.left(), line.bottom() - hub.px(3), line.width() * scale.share(value), hub.px(2.5))
            painter.fillRect(QRectF(line.left(), bar.top(), line.width(), bar.height()), hub.colour("raised"))
            painter.fillRect(bar, colour)
            painter.setPen(hub.colour("text"))
            painter.drawText(line.adjusted(0, -hub.px(3), 0, -hub.px(3)), Qt.AlignmentFlag.AlignCenter, _number(value))
        painter.setPen(hub.colour("muted"))
        line = QRectF(box.left(), top + 2 * hub.px(ROW), box.width(), hub.px(ROW))
        words = format_percent(signal.zeros, 0) if signal.reached else "not reached"
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_edges(self, painter: QPainter, signals: Sequence[LayerSignal]) -> None:
        """Arrows from each layer back to those that it reads; those that pass by others run below them."""
        hub = theme()
        middle = hub.px(HEAD) + MAPS * hub.px(TILE + GAP) / 2
        low = self.height() - hub.px(5)
        pairs = [(index, source) for index, each in enumerate(signals) for source in each.inputs]
        for index, source in pairs:
            lit = self._is_lit(source)
            painter.setPen(QPen(hub.colour("muted" if lit else "line"), 1.1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            here, there = self.column_rect(index), self.column_rect(source)
            if source == index - 1:
                tip = QPointF(here.left() - hub.px(4), middle)
                painter.drawLine(QPointF(here.left() + hub.px(4), middle), tip)
            else:
                tip = QPointF(there.center().x() + hub.px(12), low - hub.px(7))
                path = QPainterPath(QPointF(here.center().x() - hub.px(12), low - hub.px(7)))
                path.quadTo(QPointF(here.center().x() - hub.px(12), low), QPointF(here.center().x() - hub.px(22), low))
                path.lineTo(QPointF(there.center().x() + hub.px(22), low))
                path.quadTo(QPointF(there.center().x() + hub.px(12), low), tip)
                painter.drawPath(path)
            size = hub.px(3)
            side = (
                (QPointF(size, -size), QPointF(size, size))
                if source == index - 1
                else (QPointF(-size, size), QPointF(size, size))
            )
            for each in side:
                painter.drawLine(tip, tip + each)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        found = None if event is None else self._at(event.position())
        if found is not None and self._result is not None:
            signal = self._result.signals[found[0]]
            self.layer_clicked.emit(signal.layer, found[1])

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Left and right select the layer before and after."""
        step = None if event is None else {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or self._result is None:
            super().keyPressEvent(event)
            return
        signals = self._result.signals
        self.layer_clicked.emit(signals[min(max(self._result.selected + step, 0), len(signals) - 1)].layer, -1)

    def _at(self, point: QPointF) -> tuple[int, int] | None:
        """The column under a point, and the channel of the thumbnail there, or −1."""
        if self._result is None:
            return None
        for index, signal in enumerate(self._result.signals):
            box = self.column_rect(index)
            if not box.contains(point):
                continue
            rects = self.tile_rects(box, signal)
            single = len(rects) == 1 and signal.mosaic is not None and signal.mosaic.count > 1
            for channel, rect in zip(signal.channels, [] if single else rects, strict=False):
                if rect.contains(point):
                    return index, channel
            return index, -1
        return None

    def event(self, event: object) -> bool:
        if isinstance(event, QHelpEvent):
            found = self._at(QPointF(event.pos()))
            words = "" if found is None or self._result is None else _tip(self._result.signals[found[0]], found[1])
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)  # type: ignore[arg-type]


class _LogScale:
    """From norms to shares of a bar, by their logarithms: the smallest has a tenth, the largest all of it."""

    def __init__(self, signals: Sequence[LayerSignal]) -> None:
        values = [each for signal in signals for each in (signal.norm, signal.weight_norm)]
        logs = [math.log10(each) for each in values if each is not None and 0 < each < math.inf]
        self._low, self._high = (min(logs), max(logs)) if logs else (0.0, 0.0)

    def share(self, value: float) -> float:
        if not value > 0:
            return 0.0
        span = max(self._high - self._low, 1.0)
        return min(max(1.0 - 0.9 * (self._high - math.log10(value)) / span, 0.0), 1.0) if value < math.inf else 1.0


def _number(value: float) -> str:
    """Three figures."""
    return "0" if value == 0 else f"{value:.3g}".replace("-", MINUS).replace("e−0", "e−")


def short_number(value: float, *, sign: bool = False) -> str:
    """Four decimals, or two figures and an exponent."""
    if value == 0 or abs(value) >= 1e-3 or not math.isfinite(value):
        return format_number(value, 4, sign=sign)
    return f"{value:{'+' if sign else ''}.1e}".replace("-", MINUS).replace("e−0", "e−")


def _tip(signal: LayerSignal, channel: int) -> str:
    lines = [f"<b>{html.escape(signal.layer)}</b> · {html.escape(signal.summary)}"]
    if channel >= 0:
        lines.append(f"channel {channel}, one of the {len(signal.channels)} with the strongest gradient")
    if not signal.reached:
        lines.append("The loss does not depend on it.")
        return "<br>".join(lines)
    high = 0.0 if signal.mosaic is None else float(signal.mosaic.high)
    lines.append(f"‖∂L/∂output‖ {_number(signal.norm)}, colours ±{_number(high)}")
    if signal.weight_norm is not None:
        lines.append(f"‖∂L/∂weights‖ {_number(signal.weight_norm)}")
    lines.append(f"{format_percent(signal.zeros, 1)} of the gradient is exactly 0")
    if signal.off is not None:
        lines.append(f"{format_percent(signal.off, 1)} of its units are off")
    return "<br>".join(lines)
