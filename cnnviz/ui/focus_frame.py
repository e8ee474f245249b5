"""The frame around what keys act on, where the keys have brought the focus there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import QRect, QRectF, Qt
from PyQt6.QtGui import QFocusEvent, QPainter, QPen
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    _Widget = QWidget
else:
    _Widget = object

_BY_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class FocusFrame(_Widget):
    """Mixed into a widget that paints itself, before its Qt class; a click shows by itself where it went.

    The widget ends its ``paintEvent`` with `paint_focus_frame`, and sets `by_keyboard` where it answers a key.
    """

    by_keyboard = False
    """Whether the person goes about it by the keyboard."""

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        self.by_keyboard = event is not None and event.reason() in _BY_KEYBOARD
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        self.update()
        super().focusOutEvent(event)

    def paint_focus_frame(self, painter: QPainter) -> None:
        """Paint the frame if keys have brought the focus here."""
        if self.by_keyboard and self.hasFocus():
            paint_focus(painter, self.visibleRegion().boundingRect())  # of a widget in a scrolled area: what is seen


def paint_focus(painter: QPainter, area: QRect) -> None:
    """The frame around a widget that keys act on."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme().colour("accent"), theme().px(2)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    inset = theme().px(2) / 2
    painter.drawRoundedRect(QRectF(area).adjusted(inset, inset, -inset, -inset), theme().px(4), theme().px(4))
