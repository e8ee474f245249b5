"""Answers that were tried, the best first: each in words over a bar of how often it was right."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.panels.guess_trial import Ranked
from cnnviz.ui.numbers import format_percent
from cnnviz.ui.theme import theme


class RankingView(QWidget):
    """A click on a row chooses it; so do Up, Down and Return."""

    chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Ranked, ...] = ()
        self._current = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Answers by how many images they name rightly")
        self.setToolTip("How many of the images each answer names rightly; click one to put it on the table")
        theme().changed.connect(self._restyle)

    def set_rows(self, rows: tuple[Ranked, ...]) -> None:
        grown = len(rows) != len(self._rows)
        self._rows = rows
        self._current = min(self._current, max(len(rows) - 1, 0))
        if grown:
            self.updateGeometry()
        self.update()

    def row_height(self) -> int:
        return theme().px(22)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(240), len(self._rows) * self.row_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(120), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height, pad = self.row_height(), hub.px(6)
        for index, row in enumerate(self._rows):
            box = QRectF(0, index * height + 1, self.width(), height - 2)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(hub.colour("raised"))
            painter.drawRoundedRect(box, hub.px(4), hub.px(4))
            bar = QColor(hub.colour("accent"))
            bar.setAlphaF(0.35 if index == 0 else 0.18)
            painter.setBrush(bar)
            painter.drawRoundedRect(QRectF(box.left(), box.top(), box.width() * row.accuracy, box.height()), 4, 4)
            if index == self._current and self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(hub.colour("accent"))
                painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), hub.px(4), hub.px(4))
            painter.setFont(hub.font("title" if index == 0 else "small"))
            painter.setPen(hub.colour("text"))
            numbers = f"{format_percent(row.accuracy)} of {row.samples:,}"
            room = painter.fontMetrics().horizontalAdvance(numbers) + pad
            words = QRectF(box.left() + pad, box.top(), max(box.width() - room - 2 * pad, 1), box.height())
            shown = painter.fontMetrics().elidedText(row.words, Qt.TextElideMode.ElideRight, int(words.width()))
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shown)
            painter.setPen(hub.colour("text" if index == 0 else "muted"))
            right = box.adjusted(0, 0, -pad, 0)
            painter.drawText(right, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, numbers)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None:
            self._choose(int(event.position().y() // self.row_height()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is not None:
            self._current = min(max(self._current + step, 0), max(len(self._rows) - 1, 0))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self._current)
        else:
            super().keyPressEvent(event)

    def _choose(self, row: int) -> None:
        if 0 <= row < len(self._rows):
            self._current = row
            self.update()
            self.chosen.emit(row)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()
