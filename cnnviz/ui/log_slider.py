"""A slider for a number whose size is what matters, such as a learning rate: equal ways are equal factors."""

from __future__ import annotations

import math
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.numbers import parse_number
from cnnviz.ui.slider import LabelledSlider

STEPS_A_DECADE = 20


class LogSlider(LabelledSlider):
    """As `LabelledSlider`, with bounds above 0; its own value is the decadic logarithm of what it shows.

    Parameters
    ----------
    low, high
        Ends of the track.
    typed
        What can be typed, where that is more than the track has.
    """

    number_edited = pyqtSignal(float)
    """The person changed the number; not emitted by `set_number`."""

    def __init__(
        self,
        text: str,
        low: float,
        high: float,
        default: float,
        *,
        typed: tuple[float, float] | None = None,
        tip: str = "",
        parent: QWidget | None = None,
        **look: Any,
    ) -> None:
        self._number = default
        self._can_be = typed or (low, high)
        super().__init__(
            text,
            math.log10(low),
            math.log10(high),
            math.log10(default),
            step=1 / STEPS_A_DECADE,
            tip=tip,
            parent=parent,
            **look,
        )
        self.edited.connect(self._on_edited)

    def number(self) -> float:
        """The present number."""
        return self._number

    def set_number(self, number: float) -> None:
        """Show a number, also one that lies beyond the track, without `number_edited`."""
        self._number = number
        self.set_value(math.log10(number))

    def text(self) -> str:
        return _written(self._number)

    def _on_edited(self, exponent: float) -> None:
        self._number = _three_figures(10**exponent)
        self._write()
        self.number_edited.emit(self._number)

    def _format(self, value: float) -> str:
        return _written(_three_figures(10**value))

    def _typed(self) -> None:
        number, (least, most) = parse_number(self._field.text()), self._can_be
        if number is not None and number > 0 and self._field.text() != self.text():
            self.pressed.emit()
            self.set_number(min(max(number, least), most))
            self.number_edited.emit(self._number)
            self.released.emit()
        self._write()


def _three_figures(number: float) -> float:
    return float(f"{number:.3g}")


def _written(number: float) -> str:
    return f"{number:.3g}"
