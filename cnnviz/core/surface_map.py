"""What a map of heights shows, without saying how it is drawn: colours, contour lines, and paths over it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.curves import Stroke

Pair = tuple[float, float]

LARGEST, INFINITE, UNKNOWN = 196, 254, 255
"""Entries of the colour table: of the largest value, of what is no finite number, and of what is not known yet.

The brightest quarter of the table is left out: on it paths of any colour would be lost.
"""

MOST_LEVELS = 12


@dataclass(frozen=True, slots=True)
class HeightScale:
    """How values become shares of the colour table, 0 to 1.

    Attributes
    ----------
    low, high : float
        The values of the ends.
    softness : float or None
        The scale is log(1 + (value − low) / softness); None where it is linear.
    """

    low: float
    high: float
    softness: float | None = None

    def share(self, values: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Of values; below 0 and above 1 beyond the ends."""
        above = np.asarray(values, np.float64) - self.low
        whole = self.high - self.low or 1.0
        if self.softness is None:
            return np.asarray(above / whole)
        return np.asarray(np.log1p(np.maximum(above, 0.0) / self.softness) / math.log1p(whole / self.softness))

    def levels(self) -> tuple[float, ...]:
        """Round values between the ends, for contour lines and the numbers of the colour bar."""
        if not self.high > self.low:
            return ()
        if self.softness is None:
            step = _round_step((self.high - self.low) / MOST_LEVELS)
            first = math.floor(self.low / step) + 1
            count = math.ceil(self.high / step) - first
            return tuple(step * (first + number) for number in range(count))
        powers = range(math.floor(math.log10(self.softness)), math.ceil(math.log10(self.high - self.low)) + 1)
        round_ones = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
        base = 0.0 if self.low >= 0 else self.low
        found = [base + each for each in round_ones if self.low + self.softness <= base + each < self.high]
        return tuple(found if len(found) <= MOST_LEVELS else found[:: -(-len(found) // MOST_LEVELS)])


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """The places of one value: lines of (x, y), each an array (n, 2)."""

    level: float
    lines: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceMap:
    """Heights over a rectangle.

    Attributes
    ----------
    x, y : (float, float)
        The ends of the axes, where the outermost columns and rows of ``values`` stand.
    values : array of float (rows, columns)
        The first row is that of the least y. NaN where the value is not known yet.
    indices : uint8 (rows, columns)
        Entries of the unsigned colour table; the first row is that of the largest y, as a picture has it.
    minima : tuple of (x, y)
        Places of the least value, where they are known.
    """

    title: str
    x_label: str
    y_label: str
    value_label: str
    x: Pair
    y: Pair
    values: NDArray[np.float64]
    indices: NDArray[np.uint8]
    scale: HeightScale
    contours: tuple[Contour, ...]
    minima: tuple[Pair, ...] = ()

    def value_at(self, x: float, y: float) -> float:
        """The value of the nearest of the map's places; NaN beside the map, and where it is not known yet."""
        rows, columns = self.values.shape
        column = (x - self.x[0]) / (self.x[1] - self.x[0]) * (columns - 1)
        row = (y - self.y[0]) / (self.y[1] - self.y[0]) * (rows - 1)
        if not (-0.5 <= column <= columns - 0.5 and -0.5 <= row <= rows - 0.5):
            return math.nan
        return float(self.values[min(round(row), rows - 1), min(round(column), columns - 1)])

    def to_csv(self) -> str:
        """A line for each place: its x, its y and its value."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([self.x_label, self.y_label, self.value_label])
        across, up = (
            np.linspace(*ends, size) for ends, size in zip((self.x, self.y), self.values.shape[::-1], strict=True)
        )
        for row, y in enumerate(up.tolist()):
            for column, x in enumerate(across.tolist()):
                value = float(self.values[row, column])
                writer.writerow([repr(x), repr(y), "" if math.isnan(value) else repr(value)])
        return out.getvalue()


@dataclass(frozen=True, slots=True, eq=False)
class SurfacePath:
    """A way over the map.

    Attributes
    ----------
    points : array of float (steps + 1, 2)
        (x, y) after each step; a row of NaN breaks the line.
    hue, stroke
        As those of :class:`~cnnviz.core.curves.Series`, so that a path and its curve look alike.
    faint : bool
        Something to compare with, drawn thin.
    """

    name: str
    points: NDArray[np.float64]
    hue: int
    stroke: Stroke = "solid"
    faint: bool = False


def height_scale(values: NDArray[np.float64], floor: float | None = None, softness: float | None = None) -> HeightScale:
    """From the least, or ``floor``, to the largest finite value."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return HeightScale(0.0, 1.0, softness)
    return HeightScale(float(finite.min()) if floor is None else floor, float(finite.max()), softness)


def surface_map(
    values: NDArray[np.float64],
    x: Pair,
    y: Pair,
    scale: HeightScale,
    labels: tuple[str, str, str],
    title: str,
    minima: tuple[Pair, ...] = (),
) -> SurfaceMap:
    """Colour a function of two variables, and draw its contour lines.

    Parameters
    ----------
    values : array (rows, columns)
        From the lowest y up and the lowest x to the right; infinite and NaN have colours of their own.
    x, y : (float, float)
        The first and the last place of each axis.
    labels : (str, str, str)
        Of x, y and the value, with units.
    minima : tuple of (x, y)
        Places that are marked.
    """
    share = np.clip(np.nan_to_num(scale.share(values), posinf=1.0), 0.0, 1.0)
    indices = np.round(share * LARGEST).astype(np.uint8)
    indices[~np.isfinite(values)] = INFINITE
    indices[np.isnan(values)] = UNKNOWN
    return SurfaceMap(
        title, *labels, x, y, values, np.ascontiguousarray(indices[::-1]), scale, contours(values, x, y, scale), minima
    )


def contours(values: NDArray[np.float64], x: Pair, y: Pair, scale: HeightScale) -> tuple[Contour, ...]:
    """Lines of equal value at the levels of ``scale``; on a logarithmic scale they are traced on it.

    ``values``, ``x`` and ``y`` are as of :func:`surface_map`. The lines are found by marching squares (Lorensen and
    Cline, 1987, in two dimensions), with scikit-image.
    """
    from skimage.measure import find_contours

    if min(values.shape) < 2:
        return ()
    shares = np.where(np.isfinite(values), scale.share(values), np.nan)
    step = np.array([(y[1] - y[0]) / (values.shape[0] - 1), (x[1] - x[0]) / (values.shape[1] - 1)])
    found = []
    for level in scale.levels():
        lines = find_contours(shares, float(scale.share(level)))  # type: ignore[no-untyped-call]
        found.append(Contour(level, tuple((line * step)[:, ::-1] + (x[0], y[0]) for line in lines)))
    return tuple(found)
