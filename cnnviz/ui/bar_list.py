"""Named shares as bars: the top classes of a prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from cnnviz.ui.numbers import format_percent
from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.short_names import short_name
from cnnviz.ui.theme import theme

_SHORTEST_BAR = 36
_SHORTEST_BAR_OF_PATHS = 20


class BarList(QWidget):
    """Rows ``name ▆▆▆▆ 99.99 %``, one of them in the accent, painted in one go."""

    row_clicked = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, float, str]] = []
        self._marked_texts, self._texts = ShapedTexts(), ShapedTexts()
        self._widest = 0
        self._full = 1.0
        self._least = ""
        self._are_paths = False
        self._marked: int | None = 0
        self._outlined: int | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme().changed.connect(self._restyle)

    def set_rows(
        self,
        names: Sequence[str],
        shares: Sequence[float],
        *,
        full: float = 1.0,
        marked: int | None = 0,
        texts: Sequence[str] | None = None,
        outlined: int | None = None,
    ) -> None:
        """Show names with shares of one, in the order given; a share that is no number has an empty bar.

        A bar is full at the share ``full``; the row ``marked`` is in the accent, and the track of the row ``outlined``
        has a line around it. ``texts`` stand at the right in place of percentages.
        """
        grown = len(names) != len(self._rows)
        self._full, self._marked, self._outlined = full if full > 0 else 1.0, marked, outlined
        words = [format_percent(share) for share in shares] if texts is None else texts
        self._rows = [(name, float(share), text) for name, share, text in zip(names, shares, words, strict=True)]
        self._least = "100.00 %" if texts is None else ""
        self._are_paths = any("." in name for name in names)
        self._measure()
        if grown:
            self.updateGeometry()
        self.update()

    @property
    def rows(self) -> tuple[tuple[str, float, str], ...]:
        """Name, share and words of each row."""
        return tuple(self._rows)

    def row_height(self) -> int:
        """Height of a row in pixels."""
        return theme().px(21)

    def bar_rect(self, row: int) -> QRectF:
        """The track in which a row's bar is drawn."""
        hub = theme()
        left = self._name_width() + hub.px(10)
        right = self.width() - self._value_width() - hub.px(10)
        thick = hub.px(10)
        top = row * self.row_height() + (self.row_height() - thick) / 2
        return QRectF(left, top, max(right - left, 1), thick)

    def _value_width(self) -> int:
        widest = max((self._least, *(text for _, _, text in self._rows)), key=len)
        return QFontMetrics(theme().font("title")).horizontalAdvance(widest) + theme().px(2)

    def _measure(self) -> None:
        metrics = QFontMetrics(theme().font("title"))
        widest = max((metrics.horizontalAdvance(name) for name, _, _ in self._rows), default=0)
        # Names that come and go while one draws must not push the bars to and fro.
        self._widest = max(widest + 1, self._widest, theme().px(14))

    def _name_width(self) -> int:
        """A third of the row, or more where a short bar is left beside a long name: half of it beside a layer's."""
        shortest = theme().px(_SHORTEST_BAR_OF_PATHS if self._are_paths else _SHORTEST_BAR)
        rest = self.width() - self._value_width() - theme().px(20) - shortest
        most = round(self.width() * (0.5 if self._are_paths else 0.4))
        return min(self._widest, max(self.width() // 3, min(rest, most), theme().px(40)))

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height, thick = self.row_height(), hub.px(10)
        radius = hub.px(3)
        title, small = hub.font("title"), hub.font("small")
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        top_track = self.bar_rect(0)
        value_width, name_width, seen = self._value_width(), self._name_width(), event.rect()
        for index, (name, share, text) in enumerate(self._rows):
            top, first = index * height, index == self._marked
            if top > seen.bottom():
                break
            if top + height <= seen.top():
                continue  # scrolled out of sight
            track = top_track.translated(0, top)
            texts = self._marked_texts if first else self._texts
            texts.use(painter, title if first else small)
            painter.setPen(hub.colour("text" if first else "muted"))
            shown = name
            if texts.width(name) > name_width:
                shown = short_name(name, painter.fontMetrics(), name_width)
            texts.draw(painter, QRectF(0, top, name_width + 1, height), shown, left)
            texts.draw(painter, QRectF(self.width() - value_width, top, value_width, height), text, right)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(hub.colour("raised"))
            painter.drawRoundedRect(track, radius, radius)
            if index == self._outlined:
                painter.setPen(QPen(hub.colour("text"), hub.px(1.5)))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(track.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)
                painter.setPen(Qt.PenStyle.NoPen)
            if not math.isfinite(share) or share <= 0:
                continue
            filled = QRectF(track.left(), track.top(), max(min(share / self._full, 1.0) * track.width(), 1.5), thick)
            painter.setBrush(hub.colour("accent" if first else "faint"))
            rounding = min(radius, filled.width() / 2)
            painter.drawRoundedRect(filled, rounding, rounding)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = int(event.position().y() // self.row_height())
        if 0 <= row < len(self._rows):
            self.row_clicked.emit(row)

    def event(self, event: QEvent | None) -> bool:
        """A row that is pointed at says its whole name and its value before what the bars are."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = event.pos().y() // self.row_height()
            if 0 <= row < len(self._rows) and self.toolTip():
                name, _, text = self._rows[row]
                QToolTip.showText(event.globalPos(), f"{name}: {text}\n{self.toolTip()}", self)
                return True
        return super().event(event)

    def _restyle(self) -> None:
        self._widest = 0
        self._measure()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(220), len(self._rows) * self.row_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(140), min(len(self._rows), 3) * self.row_height())
