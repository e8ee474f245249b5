"""A button with words that opens a menu."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QRectF, QSize, Qt
from PyQt6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QMenu, QPushButton, QSizePolicy, QToolTip, QWidget

from cnnviz.ui.icons import paint_icon
from cnnviz.ui.short_names import short_name
from cnnviz.ui.theme import theme

SHORTENED = 120
"""Pixels at scale 1 that a long word is left with where the window is too narrow for all of it."""


class MenuButton(QPushButton):
    """An icon, a word and a chevron; fill `entries`, at once or when the menu is about to be shown.

    Painted here: a style sheet knows neither the gap between icon and word nor a chevron that follows the theme.
    """

    def __init__(self, text: str, tip: str, icon_role: str | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_role = icon_role
        self._text = ""
        self.entries = QMenu(self)
        self.setText(text)
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setMenu(self.entries)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._restyle)

    def setText(self, text: str | None) -> None:
        """Show another word; the window is laid out anew only where that takes another width."""
        if (text or "") == self._text:
            return
        before = self.sizeHint()
        self._text = text or ""
        if self.sizeHint() != before:
            self.updateGeometry()
        self.update()

    def text(self) -> str:
        return self._text

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def _widths(self) -> tuple[int, int, int]:
        """Of the icon with its gap, the word, and the chevron with its gap."""
        hub = theme()
        sign = hub.px(16) + hub.px(6) if self._icon_role else 0
        return sign, QFontMetrics(hub.font("body")).horizontalAdvance(self.text()) + 1, hub.px(6) + hub.px(10)

    def sizeHint(self) -> QSize:
        return QSize(sum(self._widths()) + 2 * theme().px(10), theme().px(26))

    def minimumSizeHint(self) -> QSize:
        sign, word, chevron = self._widths()
        return QSize(sign + min(word, theme().px(SHORTENED)) + chevron + 2 * theme().px(10), theme().px(26))

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and self._shown_text() != self.text():
            QToolTip.showText(event.globalPos(), f"{self.text()}\n{self.toolTip()}", self)
            return True
        return super().event(event)

    def _shown_text(self) -> str:
        """The word, or as much of it as there is room for."""
        sign, _, chevron = self._widths()
        room = self.width() - sign - chevron - 2 * theme().px(10)
        return short_name(self.text(), QFontMetrics(theme().font("body")), room)

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(hub.colour("accent" if self.hasFocus() else "line"))
        painter.setBrush(hub.colour("hover" if self.underMouse() or self.isDown() else "raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), hub.px(6), hub.px(6))
        sign, word, _ = self._widths()
        left, height = float(hub.px(10)), self.height()
        colour = hub.colour("text" if self.isEnabled() else "faint")
        if self._icon_role:
            side = hub.px(16)
            paint_icon(painter, QRectF(left, (height - side) / 2, side, side), self._icon_role, colour)
            left += sign
        painter.setPen(colour)
        painter.setFont(hub.font("body"))
        painter.drawText(QRectF(left, 0, word + 1, height), Qt.AlignmentFlag.AlignVCenter, self._shown_text())
        side = hub.px(10)
        box = QRectF(self.width() - hub.px(10) - side, (height - side) / 2, side, side)
        paint_icon(painter, box, "down", hub.colour("muted" if self.isEnabled() else "faint"))
