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
    """As `LabelledSlider`, with bounds above 0; its own value is the decadic logarithm of what it shows."""

    number_edited = pyqtSignal(float)
    """The person changed the number; not emitted by `set_number`."""

    def __init__(
        self,
        text: str,
        low: float,
        high: float,
        default: float,
        *,
        tip: str = "",
        parent: QWidget | None = None,
        **look: Any,
    ) -> None:
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
        self.edited.connect(lambda exponent: self.number_edited.emit(_three_figures(10**exponent)))
        self._number = default

    def number(self) -> float:
        """The present number."""
        return self._number

    def set_number(self, number: float) -> None:
        """Show a number, also one that lies beyond the track, without `number_edited`."""
        self._number = number
        self.set_value(math.log10(number))
        self._field.setText(_written(number))

    def _format(self, value: float) -> str:
        return _written(_three_figures(10**value))

    def _typed(self) -> None:
        number = parse_number(self._field.text())
        if number is not None and number > 0 and self._field.text() != self.text():
            self._edit(min(max(math.log10(number), self._low), self._high))
        self._write()


def _three_figures(number: float) -> float:
    return float(f"{number:.3g}")


def _written(number: float) -> str:
    return f"{number:.3g}"
