"""What a plot of curves shows, without saying how it is drawn: the panels, figures in files and tables share it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Stroke = Literal["solid", "dashed", "dotted", "dash-dotted"]

AS_IT_IS, AS_LOADED = 0, 1
"""Hues of the network as it is now, and as it was before it was changed: the same in every plot."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One curve.

    Attributes
    ----------
    name : str
        Unique in its plot.
    x, y : array of float, (n,)
        NaN in ``y`` leaves a gap.
    low, high : array of float, (n,), or None
        A band around the curve, such as mean ± standard deviation; both or neither.
    reference : bool
        Something to compare with (a floor, the level of chance), drawn thin and without colour; a solid ``stroke`` is
        then dashed.
    points : bool
        Mark every point; for curves over few or unequal steps.
    hue : int or None
        Which of the distinct colours it has, so that what belongs together looks alike; None: that of its place.
    stroke : "solid", "dashed", "dotted" or "dash-dotted"
        Of its line; tells curves of one hue apart.
    beside : str
        Name of the curve that tells of the same thing: this one has its colour, is drawn thin and goes with it; empty
        where it stands for itself.
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    reference: bool = False
    points: bool = False
    hue: int | None = None
    stroke: Stroke = "solid"
    beside: str = ""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"the band of {self.name} needs both a low and a high edge")
        for values in (self.y, self.low, self.high):
            if values is not None and (values.ndim != 1 or values.shape != self.x.shape):
                raise ValueError(f"{self.name} has {self.x.shape} places but values of {values.shape}")


@dataclass(frozen=True, slots=True)
class Mark:
    """A straight line across the plot at ``value``, with a word: a level, or a place along x.

    A level that ``may_lie_above`` does not make the curves small: far above them, its value is written at the top.
    """

    axis: Literal["x", "y"]
    value: float
    text: str = ""
    may_lie_above: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """A plot.

    Attributes
    ----------
    x_label, y_label : str
        With units in parentheses: ``"shift (input pixels)"``.
    series : tuple of Series
        In the order of the legend.
    logarithmic : bool
        Of the y axis; values of 0 and below are left out of the drawing, not of the table.
    whole_x : bool
        Places along x are whole numbers (layers, epochs): no ticks between them.
    x_names : tuple of str
        Names of the places 0, 1, 2 … along x, such as layers; empty where x is a quantity.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    logarithmic: bool = False
    whole_x: bool = False
    x_names: tuple[str, ...] = ()

    @property
    def in_degrees(self) -> bool:
        """Whether places along x are angles."""
        return self.x_label.endswith("(degrees)")

    def __post_init__(self) -> None:
        names = [series.name for series in self.series]
        if len(set(names)) != len(names):
            raise ValueError("two curves of one plot have the same name")


def series(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    spread: ArrayLike | None = None,
    *,
    reference: bool = False,
    points: bool = False,
    hue: int | None = None,
    stroke: Stroke = "solid",
    beside: str = "",
) -> Series:
    """A :class:`Series` from anything like an array.

    Parameters
    ----------
    x, y : array_like (n,)
    spread : array_like (n,), optional
        Half the height of a symmetric band around ``y``, in its unit.
    reference, points, hue, stroke, beside
        As of :class:`Series`.
    """
    places, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    half = None if spread is None else np.asarray(spread, np.float64)
    low, high = (None, None) if half is None else (values - half, values + half)
    return Series(name, places, values, low, high, reference, points, hue, stroke, beside)


def to_csv(curves: Curves) -> str:
    """The numbers of a plot, a column for each curve and two more for its band, a line for each place along x.

    Curves over the same places share the first column; others bring their own. A level that is marked across the plot
    is a column that says the same on every line.
    """
    columns: list[tuple[str, Sequence[object]]] = []
    last: NDArray[np.float64] | None = None
    for each in curves.series:
        if last is None or not np.array_equal(last, each.x):
            last = each.x
            columns.append((curves.x_label, [_named(curves, place) for place in each.x]))
        columns.append((each.name, [_cell(value) for value in each.y]))
        if each.low is not None and each.high is not None:
            columns.append((f"{each.name} (low)", [_cell(value) for value in each.low]))
            columns.append((f"{each.name} (high)", [_cell(value) for value in each.high]))
    lines = max((len(values) for _, values in columns), default=0)
    columns += [(mark.text, [_cell(mark.value)] * lines) for mark in curves.marks if mark.axis == "y" and mark.text]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([title for title, _ in columns])
    writer.writerows(zip_longest(*(values for _, values in columns), fillvalue=""))
    return out.getvalue()


def _named(curves: Curves, place: float) -> str:
    if curves.x_names and place.is_integer() and 0 <= place < len(curves.x_names):
        return curves.x_names[int(place)]
    return _cell(place)


def _cell(value: float) -> str:
    if math.isnan(value):
        return ""
    return repr(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
