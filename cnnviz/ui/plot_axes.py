"""The axes of a plot: which part of the numbers is seen, where its ticks stand, and where a number lies in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PyQt6.QtCore import QRectF

from cnnviz.ui.numbers import format_fixed, format_number

Range = tuple[float, float]


@dataclass(frozen=True)
class Ticks:
    """Places along an axis, on its own scale, and what stands there."""

    places: tuple[float, ...]
    texts: tuple[str, ...]


_ANGLES = (1, 2, 5, 10, 15, 30, 45, 90, 180)


def linear_ticks(low: float, high: float, count: int, *, whole: bool = False, degrees: bool = False) -> Ticks:
    """About ``count`` round numbers (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``.

    Those of ``degrees`` are parts of a turn: 15, 30, 45 or 90 apart where a tenth of a turn or more is seen.
    """
    if not high > low:
        return Ticks((low,), (format_number(low, 0 if float(low).is_integer() else 3),))
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.7)
    if degrees and rough * 0.85 > 0.5:
        step = float(next((angle for angle in _ANGLES if angle >= rough * 0.85), 360 * math.ceil(rough / 360)))
    if whole:
        step = max(1.0, math.ceil(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = tuple(number * step for number in range(first, last + 1))
    size = max((abs(place) for place in places), default=0.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if size >= 1e5 or digits > 4:
        return Ticks(places, tuple("0" if place == 0 else format_number(place, 1) for place in places))
    return Ticks(places, tuple(format_fixed(place, digits) for place in places))


def logarithmic_ticks(low: float, high: float, count: int) -> Ticks:
    """Powers of ten between 10^``low`` and 10^``high``; between few of them also their double and fivefold.

    Where not even two of these are seen, round numbers as on a linear axis.
    """
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    step = max(1, math.ceil((last - first + 1) / max(count, 1)))
    powers = range(first, last + 1, step)
    if last - first >= 2:
        return Ticks(tuple(map(float, powers)), tuple(_power(power) for power in powers))
    numbers = [(math.log10(m) + p, m, p) for p in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    inside = [each for each in numbers if low - 1e-9 <= each[0] <= high + 1e-9]
    if len(inside) < 2 and low < high:
        fine = linear_ticks(10.0**low, 10.0**high, count)
        seen = [(place, text) for place, text in zip(fine.places, fine.texts, strict=True) if place > 0]
        return Ticks(tuple(math.log10(place) for place, _ in seen), tuple(text for _, text in seen))
    return Ticks(tuple(place for place, _, _ in inside), tuple(_power(p, m) for _, m, p in inside))


def _power(power: int, times: int = 1) -> str:
    if -3 <= power <= 4:
        return f"{times * 10.0**power:g}"
    many = "" if times == 1 else f"{times}·"
    return f"{many}10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def logarithm(values: np.ndarray) -> np.ndarray:
    """Decimal logarithms; NaN for what has none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


@dataclass(frozen=True)
class Axes:
    """A rectangle of pixels and the numbers that it shows; ``y`` is in decimal logarithms where it is logarithmic."""

    frame: QRectF
    x: Range
    y: Range

    def across(self, x: np.ndarray | float) -> np.ndarray:
        """Pixel columns of places along x."""
        low, high = self.x
        return self.frame.left() + (np.asarray(x, float) - low) / (high - low or 1.0) * self.frame.width()

    def down(self, y: np.ndarray | float) -> np.ndarray:
        """Pixel rows of values; larger ones are further up."""
        low, high = self.y
        return self.frame.bottom() - (np.asarray(y, float) - low) / (high - low or 1.0) * self.frame.height()

    def x_at(self, column: float) -> float:
        """The place along x at a pixel column."""
        low, high = self.x
        return low + (column - self.frame.left()) / (self.frame.width() or 1.0) * (high - low)

    def y_at(self, row: float) -> float:
        """The value at a pixel row."""
        low, high = self.y
        return low + (self.frame.bottom() - row) / (self.frame.height() or 1.0) * (high - low)


def zoomed(seen: Range, around: float, factor: float) -> Range:
    """``seen`` made larger (factor above 1) or smaller, with ``around`` where it was."""
    low, high = seen
    return around + (low - around) * factor, around + (high - around) * factor
