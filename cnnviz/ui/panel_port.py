"""Room for a panel that may be smaller than the panel: in large type it scrolls instead of leaving the screen."""

from __future__ import annotations

import math

from PyQt6.QtCore import QEvent, QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QFrame, QScrollArea, QWidget

from cnnviz.ui.theme import theme

ORDINARY = QSize(1100, 720)
"""Screens from this size on have room for all that a workspace needs in type of ordinary size."""


class PanelPort(QScrollArea):
    """Takes as little room as its panel needs, or in type too large for the screen a share of that; then it scrolls.

    In height the share is less by what titles and tabs take more in larger type.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAutoFillBackground(False)

    def set_panel(self, panel: QWidget) -> None:
        """Show ``panel``."""
        self.setWidget(panel)
        panel.setAutoFillBackground(False)
        self._lay_out()

    def minimumSizeHint(self) -> QSize:
        least, scale = self._least(), theme().scale
        screen = self.screen()
        room = screen.availableSize() if screen is not None else ORDINARY
        wide, high = room.width() / ORDINARY.width(), room.height() / ORDINARY.height()
        across, down = min(max(wide, 1.0) / scale, 1.0), min(max(high, 1.0) / scale, 1.0)
        return QSize(math.ceil(least.width() * across), math.ceil(least.height() * down**2))

    def sizeHint(self) -> QSize:
        panel = self.widget()
        return panel.sizeHint() if panel is not None else QSize()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:  # the panel needs another size
            self.updateGeometry()
            self._lay_out()
        return done

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def _least(self) -> QSize:
        panel = self.widget()
        return panel.minimumSizeHint().expandedTo(panel.minimumSize()) if panel is not None else QSize(0, 0)

    def _lay_out(self) -> None:
        panel = self.widget()
        if panel is None:
            return
        least, room = self._least(), self.maximumViewportSize()
        across, down = (bar.sizeHint() for bar in (self.verticalScrollBar(), self.horizontalScrollBar()))
        is_high = least.height() > room.height()
        is_wide = least.width() > room.width() - (across.width() if is_high else 0)
        is_high = least.height() > room.height() - (down.height() if is_wide else 0)
        room -= QSize(across.width() if is_high else 0, down.height() if is_wide else 0)
        panel.resize(room.expandedTo(least))
