"""What the window can do, each with its words, keys and icon: the menus, the shortcuts and the list under F1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from cnnviz.ui.icons import icon
from cnnviz.ui.theme import theme


@dataclass(frozen=True)
class Command:
    """One thing to do; ``keys`` are portable key sequences, the first is shown in menus."""

    id: str
    text: str
    do: Callable[[], object]
    keys: tuple[str, ...] = ()
    icon: str | None = None
    group: str = "Program"


class CommandSet:
    """Actions by id; each one's keys work wherever the focus is in the window, but not while text is typed."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._commands: list[Command] = []
        self._actions: dict[str, QAction] = {}

    def add(self, command: Command) -> QAction:
        action = QAction(command.text, self._window)
        if command.icon is not None:
            action.setIcon(icon(command.icon))
        action.setShortcuts([QKeySequence(keys) for keys in command.keys])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda _checked=False: command.do())
        self._window.addAction(action)
        self._commands.append(command)
        self._actions[command.id] = action
        return action

    def __getitem__(self, command_id: str) -> QAction:
        return self._actions[command_id]

    def show_keys(self) -> None:
        """List all shortcuts, by group."""
        dialog = QDialog(self._window)
        dialog.setWindowTitle("Keyboard and mouse")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme().px(24))
        grid.setVerticalSpacing(theme().px(4))
        row = 0
        groups = dict.fromkeys(command.group for command in self._commands)
        for group in groups:
            row = self._list_group(grid, row, group)
        row = _list_rows(grid, row, "In the panels", _KEYS)
        row = _list_rows(grid, row, "Mouse", _MOUSE)
        body = QWidget()
        body.setLayout(grid)
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        layout = QVBoxLayout(dialog)
        layout.addWidget(scroll)
        dialog.resize(max(theme().px(560), body.sizeHint().width() + theme().px(48)), theme().px(640))
        dialog.open()

    def _list_group(self, grid: QGridLayout, row: int, group: str) -> int:
        rows = [
            (command.text.rstrip("…"), "  or  ".join(_spoken(keys) for keys in command.keys))
            for command in self._commands
            if command.group == group and command.keys
        ]
        return _list_rows(grid, row, group, rows)


_KEYS = [
    ("Control after; before", "Tab; Shift+Tab"),
    ("Move the picture by a pixel; by a quarter", "arrow keys on the canvas; with Shift"),
    ("Layer before, after; map above, below", "arrow keys in Network"),
    ("Fold or unfold a block", "Enter in Network"),
    ("Map, kernel, sample or cell beside", "arrow keys there"),
    ("Value up or down", "arrow keys on a slider"),
]
_MOUSE = [
    ("Draw; erase", "left button; right button on the canvas"),
    ("Brush size", "wheel on the canvas"),
    ("Select a layer, a map, a unit", "click it in Network, Activations or Unit"),
    ("Fold or unfold a block", "double click its column in Network"),
    ("Zoom and move the network", "Ctrl + wheel; wheel or drag"),
    ("Reset a slider", "double click it"),
    ("Maximise a panel", "double click its title; Esc goes back"),
]


def _spoken(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def _list_rows(grid: QGridLayout, row: int, title: str, rows: list[tuple[str, str]]) -> int:
    heading = QLabel(title)
    heading.setFont(theme().font("title"))
    if row:
        heading.setContentsMargins(0, theme().px(10), 0, 0)
    grid.addWidget(heading, row, 0, 1, 2)
    for text, keys in rows:
        row += 1
        grid.addWidget(QLabel(text), row, 0)
        label = QLabel(keys)
        label.setProperty("role", "muted")
        grid.addWidget(label, row, 1)
    return row + 1
