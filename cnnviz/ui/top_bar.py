"""The bar at the top: which network, which input, undo, the device, the time of a frame, and how it all looks."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QToolBar, QToolButton, QWidget

from cnnviz.ui.controls import ElidedLabel, IconButton
from cnnviz.ui.icons import icon
from cnnviz.ui.menu_button import MenuButton
from cnnviz.ui.theme import theme


def action_button(action: QAction, tip: str) -> QToolButton:
    """An icon button for an action of the window; its keys are told in the tool tip."""
    keys = action.shortcut().toString()
    words = f"{tip} ({keys})" if keys else tip
    button = IconButton("more", words)
    button.setDefaultAction(action)  # which brings its icon, and words of its own
    button.setToolTip(words)
    button.setAccessibleName(tip)
    return button


class TopBar(QToolBar):
    """Laid out once; the application fills the menus and writes the words."""

    def __init__(self) -> None:
        super().__init__("Top bar")
        self.setObjectName("top-bar")
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._row_widget = QWidget()
        self._row = QHBoxLayout(self._row_widget)
        self._row.setContentsMargins(6, 2, 6, 2)
        self._row.setSpacing(theme().px(6))
        self._row_widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        name = ElidedLabel("cnnviz", role="title", token="text")
        name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.file = MenuButton("File", "Open, save, export")
        self.network = MenuButton("", "Network: choose another, or open a file", "network")
        self.accuracy = ElidedLabel()
        self.accuracy.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.input = MenuButton("Input", "Input: open, paste, a sample, or an empty canvas", "image")
        self.frame = _FrameTime(align=Qt.AlignmentFlag.AlignRight)
        self.frame.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.frame.setToolTip("From an edit to the paint that shows it: median of the last 30 frames")
        self.device = MenuButton("…", "Device on which the network runs", "device")
        self.layout_menu = MenuButton("", "Layout: choose a workspace; show, hide and reset panels", "layout")
        for widget in (name, self.file, self.network, self.accuracy, self.input):
            self._row.addWidget(widget)
        self._undo_at = self._row.count()
        self._row.addWidget(self.frame, 1)
        for widget in (self.device, self.layout_menu):
            self._row.addWidget(widget)
        self.addWidget(self._row_widget)

    def add_after_network(self, button: QWidget) -> None:
        self._row.insertWidget(self._row.indexOf(self.accuracy) + 1, button)
        self._undo_at += 1

    def add_after_input(self, *buttons: QWidget) -> None:
        for index, button in enumerate(buttons):
            self._row.insertWidget(self._undo_at + index, button)

    def add_at_end(self, *buttons: QWidget) -> None:
        for button in buttons:
            self._row.addWidget(button)


class _FrameTime(ElidedLabel):
    """Takes the room that is left, and says nothing where that is too little; the line at the bottom says it too."""

    def shown_text(self) -> str:
        return self.text() if super().shown_text() == self.text() else ""


class ThemeButton(IconButton):
    """Shows the theme that a click would bring."""

    def __init__(self) -> None:
        super().__init__("light", "Light or dark theme (Ctrl+T)")
        theme().changed.connect(self._show_other)
        self._show_other()

    def _show_other(self) -> None:
        self.setIcon(icon("light" if theme().current.is_dark else "dark"))
