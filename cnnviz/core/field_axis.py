"""The intervals of input pixels behind the units of a layer, along one axis of the image.

Two of them for each unit. What *really* reaches it lies in the image, and is found unit by unit. What reaches it *by
theory* takes no notice of borders: a map is thought to go on for ever, as if it were its own continuation, so that the
intervals repeat themselves and a few of them say what all are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NOTHING = 1 << 40
"""Where the interval of a unit that reads nothing begins; it ends at minus that."""

_LONGEST_PERIOD = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Intervals that repeat: unit ``i + period`` covers what unit ``i`` covers, ``stride * period`` pixels further on.

    Attributes
    ----------
    stride : Fraction
        Pixels of the image per unit, on the average of a period; 0 where all units share one interval.
    low, high : arrays of int
        First and last pixel, for the units of one period.
    """

    stride: Fraction
    low: Integers
    high: Integers

    @property
    def period(self) -> int:
        return len(self.low)

    def at(self, units: Integers) -> tuple[Integers, Integers]:
        """The intervals of any units, also of those before the first and after the last of the map."""
        if self.period == 1 and self.stride.denominator == 1:
            shift = units * self.stride.numerator
            return self.low[0] + shift, self.high[0] + shift
        turns, place = np.divmod(units, self.period)
        # A period that was cut short is no whole number of pixels; only units outside of the map see that.
        shift = turns * self.period * self.stride.numerator // self.stride.denominator
        return self.low[place] + shift, self.high[place] + shift


@dataclass(frozen=True, eq=False)
class Axis:
    """The intervals of all units along one axis.

    Attributes
    ----------
    first, last : arrays of int
        What of the image really reaches each unit; ``first > last`` where nothing does.
    parts : tuple of Part
        By theory: the interval of a unit is the hull of its intervals in all parts. More than one where branches of
        different strides meet.
    unaligned : str
        In words, which branches of different strides met; else empty.
    """

    first: Integers
    last: Integers
    parts: tuple[Part, ...]
    unaligned: str = ""

    @property
    def units(self) -> int:
        return len(self.first)

    @property
    def is_whole(self) -> bool:
        """Whether all units share one interval, as they do after global pooling."""
        return all(part.stride == 0 for part in self.parts)

    @cached_property
    def theory(self) -> tuple[Integers, Integers]:
        """First and last pixel of each unit by theory; they may lie outside of the image, and low exceeds high where
        a unit reads nothing."""
        return _hull(self.parts, np.arange(self.units))

    @property
    def stride(self) -> Fraction | None:
        """The effective stride; None where branches of different strides meet."""
        return self.parts[0].stride if len(self.parts) == 1 else None

    @cached_property
    def ends(self) -> tuple[int, int]:
        """The first and the last pixel of all units by theory."""
        low, high = self.theory
        return int(low.min()), int(high.max())

    @cached_property
    def size_range(self) -> tuple[int, int]:
        """The sizes of the smallest and of the largest interval by theory, among those that are not empty."""
        low, high = self.theory
        sizes = high - low + 1
        if sizes.min() <= 0:
            sizes = sizes[sizes > 0]
        return (int(sizes.min()), int(sizes.max())) if len(sizes) else (0, 0)

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        low, high = self.theory
        centres: NDArray[np.float64] = (low + high) / 2
        if self.size_range != (0, 0) and (low <= high).all():
            return centres
        return np.where(low <= high, centres, np.nan)

    @cached_property
    def stride_range(self) -> tuple[Fraction, Fraction] | None:
        """The smallest and the largest step from one centre to the next, between units that read anything."""
        steps = np.diff(2 * self.centres)
        if np.isnan(steps).any():
            steps = steps[~np.isnan(steps)]
        return (Fraction(int(steps.min()), 2), Fraction(int(steps.max()), 2)) if len(steps) else None

    def whole(self) -> "Axis":
        """Of one unit that reads all of these."""
        low, high = self.theory
        part = Part(Fraction(0), low.min(keepdims=True), high.max(keepdims=True))
        return Axis(self.first.min(keepdims=True), self.last.max(keepdims=True), (part,))

    def spread(self, units: int) -> "Axis":
        """The one unit of this axis in the place of many."""
        return replace(self.whole(), first=np.repeat(self.first, units), last=np.repeat(self.last, units))


@dataclass(frozen=True, slots=True)
class Reading:
    """Which positions of its input each unit of a layer reads, along one axis.

    Attributes
    ----------
    positions : callable
        From unit numbers (n,) to positions (n, k), and whether each of the k is really read, (n, k) or None for all.
    period : (int, int)
        So many units further on, it is the same so many positions further on.
    beyond : str
        What lies outside of the map: "zeros", "replicate", "reflect" or "circular".
    exact : callable or None
        The positions inside of the map where torch's own rounding decides them.
    """

    positions: Callable[[Integers], tuple[Integers, Flags | None]]
    period: tuple[int, int]
    beyond: str = "zeros"
    exact: Callable[[Integers], tuple[Integers, Flags | None]] | None = None


def image_axis(size: int) -> Axis:
    """Of an image of ``size`` pixels, each of which sees itself."""
    places = np.arange(size)
    zero = np.zeros(1, np.int64)
    return Axis(places, places, (Part(Fraction(1), zero, zero),))


def read(source: Axis, reading: Reading, units: int) -> Axis:
    """The intervals of ``units`` units that read ``source``."""
    positions, wanted = (reading.exact or reading.positions)(np.arange(units))
    places, real = _inside(positions, source.units, reading.beyond)
    if wanted is not None:
        real = real & wanted
    first, last = source.first[places], source.last[places]
    if not real.all():
        first[~real], last[~real] = _NOTHING, -_NOTHING
    first, last = first.min(1), last.max(1)
    return Axis(first, last, tuple(_read_part(part, reading, units) for part in source.parts), source.unaligned)


def _read_part(part: Part, reading: Reading, units: int) -> Part:
    if part.stride == 0 and part.period == 1 and reading.period == (1, 1):
        return part
    out, back = reading.period
    turns = part.period // gcd(part.period, back)
    period = min(turns * out, max(units, 1)) if turns * out > _LONGEST_PERIOD else turns * out
    positions, wanted = reading.positions(np.arange(period))
    low, high = part.at(positions)
    if wanted is not None:
        low, high = np.where(wanted, low, _NOTHING), np.where(wanted, high, -_NOTHING)
    return Part(part.stride * Fraction(back, out), low.min(1), high.max(1))


def _inside(places: Integers, units: int, beyond: str) -> tuple[Integers, Flags]:
    """Which units a padded map holds at ``places``, and whether there is one at all."""
    real = (places >= 0) & (places < units)
    # Pooling in ceil mode may reach beyond even the padding, where nothing is.
    if beyond == "circular":
        return places % units, np.ones_like(real)
    if beyond == "reflect":
        # blurred pooling may reach farther than one reflection of a small map: its padding comes before the mirror
        mirrored = units - 1 - np.abs(units - 1 - np.abs(places))
        return np.clip(mirrored, 0, units - 1), np.ones_like(real)
    clipped = np.minimum(np.maximum(places, 0), units - 1)
    return clipped, np.ones_like(real) if beyond == "replicate" else real


def union(axes: Sequence[Axis], words: str) -> Axis:
    """Of units that each read the unit in their own place of all ``axes``, which have equally many.

    Branches of different strides stay apart; ``words`` then tell of them.
    """
    if len(axes) == 1:
        return axes[0]
    first = np.min([axis.first for axis in axes], axis=0)
    last = np.max([axis.last for axis in axes], axis=0)
    by_stride: dict[Fraction, list[Part]] = {}
    for axis in axes:
        for part in axis.parts:
            by_stride.setdefault(part.stride, []).append(part)
    parts = [_joined(stride, group, len(first)) for stride, group in by_stride.items()]
    parts = _without_swallowed(parts, len(first))
    unaligned = next((axis.unaligned for axis in axes if axis.unaligned), "") or words
    return Axis(first, last, tuple(parts), unaligned if len(parts) > 1 and len(first) > 1 else "")


def _joined(stride: Fraction, parts: Sequence[Part], units: int) -> Part:
    if len(parts) == 1:
        return parts[0]
    period = lcm(*(part.period for part in parts))
    if period > _LONGEST_PERIOD:
        period = max(units, 1)
    return Part(stride, *_hull(parts, np.arange(period)))


def _hull(parts: Sequence[Part], units: Integers) -> tuple[Integers, Integers]:
    low, high = parts[0].at(units)
    for part in parts[1:]:
        other_low, other_high = part.at(units)
        low, high = np.minimum(low, other_low), np.maximum(high, other_high)
    return low, high


def _without_swallowed(parts: list[Part], units: int) -> list[Part]:
    """A branch that reads the whole map, such as a gate, swallows the others if they lie in it."""
    whole = [part for part in parts if part.stride == 0]
    moving = [part for part in parts if part.stride != 0]
    if not whole or not moving:
        return parts
    low, high = _hull(moving, np.arange(units))
    inside = low.min() >= whole[0].low.min() and high.max() <= whole[0].high.max()
    return whole if inside else parts
