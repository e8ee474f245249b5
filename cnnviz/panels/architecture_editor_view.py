"""The settings of one row: a control for each, laid out in as many lines as the width asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from PyQt6.QtCore import QSize, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QResizeEvent
from PyQt6.QtWidgets import QWidget

from cnnviz.nets.layer_table import RESERVED_NAMES, Row
from cnnviz.panels.architecture_settings import SETTINGS, Setting
from cnnviz.panels.architecture_words import KIND_WORDS
from cnnviz.ui.controls import ComboBox, ElidedLabel, Toggle
from cnnviz.ui.theme import theme
from cnnviz.ui.value_edit import Number, Pair, Reading, ValueEdit, Whole, Word

_SIZE = Setting(
    "height_width", "size", "Rows×columns of the images it takes; “data”: as they are in the data set", "pair", high=512
)
_CELL = {"whole": 62, "width": 72, "pair": 72, "padding": 72, "number": 72, "toggle": 66, "choice": 104, "odd": 76}

_NAMES = "a letter, then up to 31 letters, digits and _, as no other layer is called"


class RowEditor(QWidget):
    """Shows the settings of a row, or of the input; tells what the person changed."""

    edited = pyqtSignal(str, object)
    renamed = pyqtSignal(str)
    pressed = pyqtSignal()
    released = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: Row | None = None
        self._kind = ""
        self._about = ElidedLabel("", role="tiny", parent=self)
        self._cells: list[_Cell] = []
        self._taken: frozenset[str] = frozenset()
        theme().changed.connect(self._arrange)

    def set_row(self, row: Row, taken: frozenset[str]) -> None:
        """Show ``row``; the names in ``taken`` cannot be given to it."""
        self._taken = taken - {row.name}
        if row.kind != self._kind:
            self._rebuild(row.kind, SETTINGS[row.kind], KIND_WORDS[row.kind][1], named=True)
        self._row = row
        for cell in self._cells:
            if cell.setting is None:
                cell.show_value(row.name)
            else:
                cell.setVisible(cell.setting.shown(row))
                cell.show_value(getattr(row, cell.setting.field))
        self._arrange()

    def set_input(self, size: tuple[int, int] | None) -> None:
        """Show the size of the images instead."""
        if self._kind != "input":
            self._rebuild(
                "input", (_SIZE,), "Channels and classes are those of the data set of the Training panel", named=False
            )
        self._cells[0].show_value(size)
        self._arrange()

    def focus_first(self) -> None:
        """Let the keyboard type into the first setting."""
        first = next((cell for cell in self._cells if cell.setting is not None and not cell.isHidden()), None)
        if first is not None:
            first.control.setFocus()
            if isinstance(first.control, ValueEdit):
                first.control.selectAll()

    def control(self, field: str) -> QWidget:
        """The control of a setting; "name" is that of the name."""
        return next(cell.control for cell in self._cells if cell.field == field)

    def heightForWidth(self, width: int) -> int:
        return self._lay(width, move=False)

    def hasHeightForWidth(self) -> bool:
        return True

    def sizeHint(self) -> QSize:
        return QSize(theme().px(300), self._lay(theme().px(300), move=False))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _rebuild(self, kind: str, settings: tuple[Setting, ...], about: str, *, named: bool) -> None:
        for cell in self._cells:
            cell.hide()
            cell.deleteLater()
        self._kind = kind
        self._about.set_text(about)
        self._cells = [self._cell(setting) for setting in settings]
        if named:
            self._cells.append(self._name_cell())
        for cell in self._cells:
            cell.show()

    def _cell(self, setting: Setting) -> _Cell:
        tell: Callable[[Any], None] = partial(self.edited.emit, setting.field)
        control: QWidget
        if setting.control == "toggle":
            control = Toggle("")
            control.edited.connect(tell)
        elif setting.control in ("choice", "odd"):
            control = ComboBox(setting.options)
            whole = setting.control == "odd"
            control.chosen.connect(lambda key: tell(int(key) if whole else key))
        else:
            control = self._field(_reading(setting), setting.label, setting.tip)
            control.edited.connect(tell)
        return _Cell(setting, setting.label, setting.tip, control, self)

    def _name_cell(self) -> _Cell:
        tip = (
            "Of the layer. Its random start is drawn by its name: under another it starts with other weights, while "
            "layers that are added leave all others as they were"
        )
        control = self._field(Word(self._is_free, _NAMES), "name", tip, at_end=True)
        control.edited.connect(lambda value: self.renamed.emit(str(value)))
        return _Cell(None, "name", tip, control, self)

    def _field(self, reading: Reading, name: str, tip: str, *, at_end: bool = False) -> ValueEdit:
        field = ValueEdit(reading, name, tip, at_end=at_end)
        field.pressed.connect(self.pressed)
        field.released.connect(self.released)
        return field

    def _is_free(self, name: str) -> bool:
        whole = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", name) is not None
        return whole and name not in RESERVED_NAMES and name not in self._taken

    def _arrange(self) -> None:
        self._lay(self.width(), move=True)

    def _lay(self, width: int, *, move: bool) -> int:
        """Place the cells from left to right and from top to bottom; the height that takes."""
        hub = theme()
        left, gap, line = hub.px(10), hub.px(8), hub.px(44)
        x, y = left, hub.px(22)
        if move:
            self._about.setGeometry(left, hub.px(3), max(width - 2 * left, 1), hub.px(16))
        for cell in self._cells:
            if cell.isHidden():
                continue
            wide = min(cell.wanted_width(), max(width - 2 * left, 1))
            if x > left and x + wide > width - left:
                x, y = left, y + line
            if move:
                cell.setGeometry(x, y, wide, line - hub.px(2))
            x += wide + gap
        return y + line + hub.px(4)


class _Cell(QWidget):
    """A label over its control."""

    def __init__(self, setting: Setting | None, label: str, tip: str, control: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setting = setting
        self.field = "name" if setting is None else setting.field
        self.control = control
        self._label = ElidedLabel(label, role="tiny", parent=self)
        control.setParent(self)
        control.setToolTip(tip)
        control.setAccessibleName(label)
        self._label.setToolTip(tip)

    def wanted_width(self) -> int:
        hub = theme()
        label = QFontMetrics(hub.font("tiny")).horizontalAdvance(self._label.text()) + hub.px(4)
        kind = "pair" if self.setting is None else self.setting.control
        if isinstance(self.control, ComboBox):
            return max(self.control.sizeHint().width(), label)
        return max(hub.px(96 if self.setting is None else _CELL[kind]), label)

    def show_value(self, value: Any) -> None:
        if isinstance(self.control, ComboBox):
            self.control.set_value(str(value))
        elif isinstance(self.control, Toggle):
            self.control.set_value(bool(value))
        elif isinstance(self.control, ValueEdit):
            self.control.set_value(value)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        hub = theme()
        self._label.setGeometry(0, 0, self.width(), hub.px(15))
        self.control.setGeometry(0, hub.px(15), self.width(), hub.px(26))


def _reading(setting: Setting) -> Reading:
    low, high = setting.low, setting.high
    if setting.field == "height_width":
        return Pair(1, int(high), {"data": None})
    if setting.control == "padding":
        return Pair(int(low), int(high), {"same": "same"})
    if setting.control == "pair":
        return Pair(int(low), min(int(high), 512))
    if setting.control == "width":
        return Whole(int(low), int(high), {"classes": None})
    return Number(low, high) if setting.control == "number" else Whole(int(low), int(high))
