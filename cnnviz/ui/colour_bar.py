"""What the colours of a map mean, in numbers."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPixmap
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.ui.numbers import format_count, format_number
from cnnviz.ui.pixels import words_image
from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import LEVELS, TableKind, theme


class ColourBar(QWidget):
    """A strip of a map's colours with its ends and zero as numbers.

    Where every map has a scale of its own, the ends are ``min`` and ``max``. Not-a-number and infinite values get a
    swatch with their count, only when there are some.
    """

    def __init__(self, orientation: Qt.Orientation = Qt.Orientation.Vertical, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._vertical = orientation == Qt.Orientation.Vertical
        self._kind: TableKind = "unsigned"
        self._ends: tuple[str, str] = ("", "")
        self._middle: tuple[float, str] | None = None
        self._notes: list[tuple[str, str]] = []
        self._caption = ""
        self._hint = QSize()
        self._texts = ShapedTexts()
        self._strip: tuple[tuple[object, ...], QPixmap] | None = None
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Fixed if self._vertical else policy.Expanding, policy.Preferred)
        theme().changed.connect(self._restyle)

    def set_scale(
        self,
        kind: TableKind,
        low: float | np.ndarray,
        high: float | np.ndarray,
        *,
        nan: int = 0,
        infinite: int = 0,
        digits: int | None = None,
    ) -> None:
        """Show the scale of a table; ``low`` and ``high`` are arrays where each map has its own.

        Parameters
        ----------
        nan, infinite
            How many values are no numbers.
        digits
            Decimals; by default as many as give three figures.
        """
        self._kind = kind
        lows, highs = np.atleast_1d(low), np.atleast_1d(high)
        own = lows.size > 1 or highs.size > 1
        bottom, top = float(np.min(lows)), float(np.max(highs))
        self._caption = "each map its own" if own else ""
        if own:
            self._ends = ("−max", "+max") if kind == "signed" else ("0" if not np.any(lows) else "min", "max")
        else:
            places = digits if digits is not None else _decimals(max(abs(bottom), abs(top)))
            signed = kind == "signed"  # what cannot be negative, such as a count, needs no plus
            ends = (format_number(end, places, sign=signed) if end else "0" for end in (bottom, top))
            self._ends = (next(ends), next(ends))
        self._middle = (0.5, "0") if kind == "signed" else None
        self._notes = []
        if nan:
            self._notes.append(("nan", f"{format_count(nan)} NaN"))
        if infinite:
            self._notes.append(("infinite", f"{format_count(infinite)} ∞"))
        tip = f"Each map is scaled by itself; together they span {format_number(bottom)} to {format_number(top)}"
        self.setToolTip(tip if own else f"Colours from {self._ends[0]} to {self._ends[1]}")
        if self.sizeHint() != self._hint:
            # not at each frame: a new geometry lays the whole window out anew
            self._hint = self.sizeHint()
            self.updateGeometry()
        self.update()

    def text(self) -> str:
        """All that is written, from low to high."""
        middle = [self._middle[1]] if self._middle else []
        parts = [self._ends[0], *middle, self._ends[1], self._caption, *(note for _, note in self._notes)]
        return " ".join(part for part in parts if part)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        hub = theme()
        metrics = QFontMetrics(hub.font("tiny"))
        if self._vertical:
            texts = [*self._ends, *(note for _, note in self._notes)]
            widest = max((metrics.horizontalAdvance(text) for text in texts), default=0)
            # in steps, so that numbers that run do not move their neighbours
            step = hub.px(12)
            widest = -(-max(widest, hub.px(34)) // step) * step
            return QSize(hub.px(14) + hub.px(6) + widest + 2, hub.px(150))
        return QSize(hub.px(160), hub.px(10) + hub.px(4) + metrics.height())

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(hint.width(), theme().px(72)) if self._vertical else QSize(theme().px(96), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._texts.use(painter, theme().font("tiny"))
        if self._vertical:
            self._paint_vertical(painter)
        else:
            self._paint_horizontal(painter)

    def _paint_vertical(self, painter: QPainter) -> None:
        hub, metrics = theme(), painter.fontMetrics()
        line = metrics.height()
        captions = _wrapped(self._caption, metrics, self.width()) if self._caption else []
        below = len(self._notes) * (line + hub.px(2)) + len(captions) * line
        bar = QRectF(0, 1, hub.px(14), self.height() - below - (hub.px(6) if below else 0) - 2)
        self._paint_strip(painter, bar)
        left = bar.right() + hub.px(6)
        marks = [(1.0, self._ends[1]), (0.0, self._ends[0])]
        if self._middle and bar.height() > 4 * line:
            marks.append(self._middle)
        painter.setPen(hub.colour("muted"))
        for share, text in marks:
            y = bar.bottom() - share * bar.height()
            top = min(max(y - line / 2, bar.top() - 1), bar.bottom() - line + 1)
            self._texts.draw(painter, QRectF(left, top, self.width() - left, line), text, Qt.AlignmentFlag.AlignLeft)
        y = bar.bottom() + hub.px(6)
        for text in captions:
            painter.drawText(QPointF(0, y + metrics.ascent()), text)
            y += line
        for token, text in self._notes:
            self._paint_note(painter, QRectF(0, y, self.width(), line), token, text)
            y += line + hub.px(2)

    def _paint_horizontal(self, painter: QPainter) -> None:
        hub, metrics = theme(), painter.fontMetrics()
        bar = QRectF(1, 0, self.width() - 2, hub.px(10))
        self._paint_strip(painter, bar)
        row = QRectF(1, bar.bottom() + hub.px(4), self.width() - 2, metrics.height())
        painter.setPen(hub.colour("muted"))
        self._texts.draw(painter, row, self._ends[0], Qt.AlignmentFlag.AlignLeft)
        self._texts.draw(painter, row, self._ends[1], Qt.AlignmentFlag.AlignRight)
        centre = self._caption or (self._middle[1] if self._middle and not self._notes else "")
        self._texts.draw(painter, row, centre, Qt.AlignmentFlag.AlignHCenter)
        swatch = hub.px(16)
        widths = [metrics.horizontalAdvance(text) + swatch for _, text in self._notes]
        middle = row.center().x()
        if centre:
            x = middle + metrics.horizontalAdvance(centre) / 2 + hub.px(8)
        else:
            x = middle - (sum(widths) + hub.px(8) * (len(widths) - 1)) / 2
        for (token, text), wide in zip(self._notes, widths, strict=True):
            self._paint_note(painter, QRectF(x, row.top(), wide, row.height()), token, text)
            x += wide + hub.px(8)

    def _paint_strip(self, painter: QPainter, bar: QRectF) -> None:
        """The colours in a rounded frame; kept as a picture, since the numbers beside them run and they do not."""
        key = (self._kind, theme().current, theme().scale, bar.width(), bar.height(), self.devicePixelRatioF())
        if self._strip is None or self._strip[0] != key:
            self._strip = (key, self._made_strip(bar))
        painter.drawPixmap(QPointF(bar.left() - 1, bar.top() - 1), self._strip[1])

    def _made_strip(self, bar: QRectF) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(math.ceil((bar.width() + 2) * ratio), math.ceil((bar.height() + 2) * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        colours = theme().table(self._kind)[:LEVELS]
        image = words_image(np.ascontiguousarray(colours[::-1, None] if self._vertical else colours[None]))
        frame = QRectF(1, 1, bar.width(), bar.height())
        path = QPainterPath()
        path.addRoundedRect(frame, theme().px(3), theme().px(3))
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(path)
        painter.drawImage(frame, image)
        painter.setClipping(False)
        painter.setPen(theme().colour("line"))
        painter.drawPath(path)
        painter.end()
        return picture

    def _paint_note(self, painter: QPainter, row: QRectF, token: str, text: str) -> None:
        side = theme().px(10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme().colour(token)))
        top = row.center().y() - side / 2
        painter.drawRoundedRect(QRectF(row.left(), top, side, side), theme().px(2), theme().px(2))
        painter.setPen(theme().colour("text"))
        painter.drawText(row.adjusted(side + theme().px(6), 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)


def _decimals(size: float) -> int:
    if not math.isfinite(size) or size == 0:
        return 1
    return min(max(1 - math.floor(math.log10(size)), 0), 4)


def _wrapped(text: str, metrics: QFontMetrics, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and metrics.horizontalAdvance(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
