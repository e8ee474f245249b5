"""Which positions of its input each kind of layer reads along one axis."""

from fractions import Fraction

import numpy as np

from cnnviz.core.field_axis import Flags, Integers, Reading
from cnnviz.core.graph import Geometry
from cnnviz.core.placement import Along, Resize


def window(geometry: Geometry, axis: int) -> Reading:
    """Of convolution, pooling and padding; ``axis`` counts those of the window."""
    offsets = np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis] - geometry.padding[axis][0]
    stride = geometry.stride[axis]
    return Reading(lambda units: (units[:, None] * stride + offsets, None), (1, stride), geometry.padding_mode)


def transposed_window(geometry: Geometry, axis: int) -> Reading:
    """Of transposed convolution and unpooling: the windows that paint onto a place.

    What is added to one side of the output needs no mention: it moves no position.
    """
    offsets = geometry.padding[axis][0] - np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
    stride = geometry.stride[axis]

    def positions(units: Integers) -> tuple[Integers, Flags]:
        places, rest = np.divmod(units[:, None] + offsets, stride)
        return places, rest == 0

    return Reading(positions, (stride, 1))


def adaptive(size: int, units: int) -> Reading:
    """Of adaptive pooling: from ⌊i · size / units⌋ up to, and without, ⌈(i + 1) · size / units⌉."""
    widest = -(-size // units) + 1

    def positions(numbers: Integers) -> tuple[Integers, Flags]:
        start, end = numbers * size // units, -(-(numbers + 1) * size // units)
        places = start[:, None] + np.arange(widest)
        return places, places < end[:, None]

    return Reading(positions, (units, size))


def blocks(factor: int) -> Reading:
    """Of ``factor`` units in the place of one, as pixel shuffling makes them."""
    return Reading(lambda units: ((units // factor)[:, None], None), (factor, 1))


def joined_blocks(factor: int) -> Reading:
    """Of one unit in the place of ``factor``, as in the inverse of pixel shuffling."""
    places = np.arange(factor)
    return Reading(lambda units: (units[:, None] * factor + places, None), (1, factor))


def picked(along: Along, size: int) -> Reading:
    """Of what is picked along an axis of ``size`` units: by a slice, a roll, or spans of units."""
    if along.spans:
        firsts, lasts = (np.array(ends) for ends in zip(*along.spans, strict=True))
        widest = int((lasts - firsts).max()) + 1

        def spans(units: Integers) -> tuple[Integers, Flags]:
            places = firsts[units % len(firsts), None] + np.arange(widest)
            return places + units[:, None] // len(firsts) * size, places <= lasts[units % len(firsts), None]

        return Reading(spans, (len(firsts), size))
    if along.wraps:

        def wrapped(units: Integers) -> tuple[Integers, None]:
            turns, place = np.divmod(units, size)
            return ((along.first + place) % size + turns * size)[:, None], None

        return Reading(wrapped, (size, size))
    return Reading(lambda units: ((along.first + units * along.step)[:, None], None), (1, along.step))


def resize(resize: Resize, which: int, size: int, units: int) -> Reading:
    """Of interpolation.

    Sampling positions are rational numbers, so that a neighbour of weight zero is not read.

    Parameters
    ----------
    resize : Resize
    which : int
        Of the axes that are resized, counted from 0.
    size, units : int
        Of that axis, before and after.
    """
    scale = resize.scale[which]
    step = _step(scale, size, units)
    if resize.mode == "area":
        return adaptive(size, units)
    if resize.mode.startswith("nearest"):
        return _nearest(resize.mode, step, scale, size, units)
    offset = Fraction(0)
    if not resize.align_corners:
        offset = (step - 1) / 2
    elif units > 1:
        step = Fraction(size - 1, units - 1)
    else:
        step = Fraction(0)
    reach = 2 if resize.mode == "cubic" else 1
    if resize.antialias:
        return _antialiased(step, offset, reach)
    bottom = step.denominator * offset.denominator
    slope, start = int(step * bottom), int(offset * bottom)

    def positions(numbers: Integers) -> tuple[Integers, Flags]:
        before, rest = np.divmod(numbers * slope + start, bottom)
        places = before[:, None] + np.arange(1 - reach, 1 + reach)
        return places, (rest != 0)[:, None] | (places == before[:, None])

    return Reading(positions, _period(step), "replicate")


def _step(scale: float | None, size: int, units: int) -> Fraction:
    """Input pixels per output pixel."""
    if scale is None or scale <= 0:
        return Fraction(size, units)
    found = Fraction(scale).limit_denominator(1000)
    return 1 / found if abs(float(found) - scale) < 1e-6 * scale else 1 / Fraction(scale).limit_denominator(10**6)


def _period(step: Fraction) -> tuple[int, int]:
    return (step.denominator, step.numerator) if step else (1, 0)


def _nearest(mode: str, step: Fraction, scale: float | None, size: int, units: int) -> Reading:
    half = mode == "nearest-exact"

    def positions(numbers: Integers) -> tuple[Integers, None]:
        doubled = (2 * numbers + half) * step.numerator
        return (doubled // (2 * step.denominator))[:, None], None

    def exact(numbers: Integers) -> tuple[Integers, None]:
        # torch computes in single precision: a scale such as 0.7 decides by its rounding which pixel is the nearest
        ratio = np.float32(1 / scale) if scale else np.float32(size) / np.float32(units)
        places = np.floor((numbers.astype(np.float32) + np.float32(half / 2)) * ratio)
        return np.minimum(places.astype(np.int64), size - 1)[:, None], None

    return Reading(positions, _period(step), "replicate", exact)


def _antialiased(step: Fraction, offset: Fraction, reach: int) -> Reading:
    support = reach * max(step, Fraction(1))
    widest = int(2 * support) + 2

    def positions(numbers: Integers) -> tuple[Integers, Flags]:
        centre = numbers * float(step) + float(offset)
        places = np.floor(centre - float(support)).astype(np.int64)[:, None] + np.arange(widest)
        return places, np.abs(places - centre[:, None]) < float(support) - 1e-9

    return Reading(positions, _period(step), "zeros")
