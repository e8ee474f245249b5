"""A field of text for a number, a pair of numbers or a word, whose value counts as one types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QWheelEvent
from PyQt6.QtWidgets import QLineEdit, QWidget

from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.numbers import parse_number
from cnnviz.ui.theme import theme

Value = object


class Reading(Protocol):
    """How a text is a value. ``read`` gives None for what is none, or is not allowed."""

    def read(self, text: str) -> Value | None: ...
    def write(self, value: Value) -> str: ...
    def step(self, value: Value, by: int) -> Value: ...

    @property
    def possible(self) -> str:
        """What can be typed, after “type ”."""


@dataclass(frozen=True)
class Whole:
    """A whole number; ``words`` are further values, by what is typed for them.

    Attributes
    ----------
    words : dict of str to value
        ``{"classes": None}``.
    """

    low: int = 1
    high: int = 65_536
    words: dict[str, Value] = field(default_factory=dict)

    def read(self, text: str) -> Value | None:
        cleaned = text.strip().replace(",", "").replace(" ", "")
        if not cleaned.isdecimal():
            return _word(self.words, text)
        return int(cleaned) if self.low <= int(cleaned) <= self.high else None

    def write(self, value: Value) -> str:
        return str(value) if isinstance(value, int) else next(k for k, v in self.words.items() if v == value)

    def step(self, value: Value, by: int) -> Value:
        return min(max(value + by, self.low), self.high) if isinstance(value, int) else value

    @property
    def possible(self) -> str:
        return _or_words(f"a whole number from {self.low:,} to {self.high:,}", self.words)


@dataclass(frozen=True)
class Pair:
    """Rows and columns: ``3`` is ``3×3``."""

    low: int = 1
    high: int = 512
    words: dict[str, Value] = field(default_factory=dict)

    def read(self, text: str) -> Value | None:
        parts = [part.strip() for part in text.lower().replace("x", "×").replace(",", "×").split("×")]
        if not all(part.isdecimal() for part in parts) or len(parts) > 2:
            return _word(self.words, text)
        rows, columns = int(parts[0]), int(parts[-1])
        return (rows, columns) if self.low <= min(rows, columns) and max(rows, columns) <= self.high else None

    def write(self, value: Value) -> str:
        if not isinstance(value, tuple):
            return next(k for k, v in self.words.items() if v == value)
        return str(value[0]) if value[0] == value[1] else f"{value[0]}×{value[1]}"

    def step(self, value: Value, by: int) -> Value:
        if not isinstance(value, tuple):
            return value
        rows, columns = (min(max(each + by, self.low), self.high) for each in value)
        return rows, columns

    @property
    def possible(self) -> str:
        return _or_words(f"one or two whole numbers from {self.low} to {self.high}, such as 3 or 3×5", self.words)


@dataclass(frozen=True)
class Number:
    """A number with decimals; ``by`` is a step of the arrow keys."""

    low: float
    high: float
    by: float = 0.05

    def read(self, text: str) -> Value | None:
        value = parse_number(text)
        return value if value is not None and self.low <= value <= self.high else None

    def write(self, value: Value) -> str:
        return f"{value:g}"

    def step(self, value: Value, by: int) -> Value:
        assert isinstance(value, int | float)
        return round(min(max(value + by * self.by, self.low), self.high), 6)

    @property
    def possible(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Word:
    """A text that ``allowed`` takes, and in words what that is."""

    allowed: Callable[[str], bool]
    possible: str = "another word"

    def read(self, text: str) -> Value | None:
        return text.strip() if self.allowed(text.strip()) else None

    def write(self, value: Value) -> str:
        return str(value)

    def step(self, value: Value, by: int) -> Value:
        return value


_NONE = object()


def _or_words(numbers: str, words: dict[str, Value]) -> str:
    return ", or ".join([numbers, *(f"“{word}”" for word in words)])


def _word(words: dict[str, Value], text: str) -> Value | None:
    """What a word that begins as ``text`` does stands for; None is said by ``ValueEdit.NOTHING``."""
    typed = text.strip().lower()
    found = next((value for word, value in words.items() if typed and word.startswith(typed)), _NONE)
    return None if found is _NONE else (ValueEdit.NOTHING if found is None else found)


class ValueEdit(QLineEdit):
    """Shows one value; what is typed counts as soon as it can be read, and its frame and a card say while it cannot.

    Arrow keys and the wheel change numbers by one.
    """

    NOTHING = object()
    """Read in place of a value that is None."""

    edited = pyqtSignal(object)
    """The person gave another value; not emitted by `set_value`."""
    pressed = pyqtSignal()
    """Editing begins …"""
    released = pyqtSignal()
    """… and ends: what is typed between counts as one."""

    def __init__(
        self, reading: Reading, name: str, tip: str, *, at_end: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._reading = reading
        self._value: Value = None
        self._at_end = at_end
        self._is_open = False
        self._card: HoverCard | None = None
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.textEdited.connect(self._typed)
        self.editingFinished.connect(self._finish)
        theme().changed.connect(self._mark)

    def value(self) -> Value:
        return self._value

    def set_value(self, value: Value) -> None:
        """Show a value; a text that is being typed and means the same stays as it is."""
        self._value = value
        if not self.hasFocus() or self._read() != (value, True):
            self._write(value)
        self._mark()

    def step(self, by: int) -> None:
        """Change a number by so much."""
        value = self._reading.step(self._value, by)
        if value != self._value:
            self._write(value)
            self._take(value)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        by = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if by is None or event.modifiers() & Qt.KeyboardModifier.AltModifier:
            super().keyPressEvent(event)
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                event.accept()  # it is done with; what is around need not hear of it
        else:
            self.step(by)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        assert event is not None
        if not self.hasFocus():
            event.ignore()
            return
        self.step(1 if event.angleDelta().y() > 0 else -1)
        event.accept()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        super().focusInEvent(event)
        if not self._is_open:
            self._is_open = True
            self.pressed.emit()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        self._close()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self._close()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._write(self._value)
            self._mark()
            self.released.emit()

    def _read(self) -> tuple[Value, bool]:
        """The value of the text, and whether it has one."""
        found = self._reading.read(self.text())
        return (None if found is ValueEdit.NOTHING else found), found is not None

    def _typed(self) -> None:
        self._mark()
        value, readable = self._read()
        if readable and not self._at_end:
            self._take(value)

    def _finish(self) -> None:
        value, readable = self._read()
        if readable and self._at_end:
            self._take(value)

    def _take(self, value: Value) -> None:
        if value != self._value:
            self._value = value
            self.edited.emit(value)

    def _write(self, value: Value) -> None:
        text = self._reading.write(value)
        if text != self.text():
            self.setText(text)

    def _mark(self) -> None:
        wrong = not self._read()[1]
        if wrong != bool(self.property("wrong")):
            self.setProperty("wrong", wrong)
            style = self.style()
            if style is not None:
                style.unpolish(self)
                style.polish(self)
        self._say(wrong and self.hasFocus())

    def _say(self, wrong: bool) -> None:
        """Beside a text that cannot be: what can."""
        window = self.window()
        if not wrong or window is None or window is self:
            if self._card is not None:
                self._card.hide()
            return
        if self._card is None or self._card.parentWidget() is not window:
            self._card = HoverCard(window)
        text = f"“{self.text()}” cannot be" if self.text() else "Nothing is typed yet"
        self._card.show_at(self.mapTo(window, self.rect().bottomLeft()), text, [f"Type {self._reading.possible}."])
