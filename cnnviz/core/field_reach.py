"""The other way round: which units of every layer see a pixel of the input."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.receptive_field import FieldAxis, ReceptiveField


@dataclass(frozen=True, slots=True)
class Reach:
    """Units of a layer's map that see one pixel; ends are included.

    Attributes
    ----------
    rows, columns : (int, int)
        First and last row and column of the output whose units it reaches.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]


class PixelReach:
    """Answers for any pixel and all layers at once, fast enough to follow the pointer.

    Parameters
    ----------
    fields : mapping of str to ReceptiveField or an error
        As :func:`cnnviz.core.receptive_field.receptive_fields` gives them.
    shapes : mapping of str to tuple of int
        Of the layers' outputs, without the batch axis.
    apart : bool
        Whether normalisation, and what else looks at the whole map beside local branches, is left out, without which
        every pixel reaches all units.
    """

    def __init__(
        self, fields: Mapping[str, object], shapes: Mapping[str, tuple[int, ...]], *, apart: bool = True
    ) -> None:
        known: dict[str, ReceptiveField] = {}
        for name, field in fields.items():
            if isinstance(field, ReceptiveField) and len(shapes[name]) == 3:
                known[name] = (field.apart or field) if apart else field
        self._names = tuple(known)
        self._sizes = np.array([shapes[name][1:] for name in known]).reshape(-1, 2)
        self._rows = _Ends([field.rows for field in known.values()])
        self._columns = _Ends([field.columns for field in known.values()])

    def of(self, row: int, column: int) -> dict[str, Reach]:
        """The units that see the pixel, for each layer with maps that has any.

        Ranges are hulls: between their ends there may be units that pass the pixel over, as with dilation and strides
        wider than the window.
        """
        found = [self._rows.of(row), self._columns.of(column)]
        reached = {}
        for index, name in enumerate(self._names):
            ranges = [(0, int(size) - 1) for size in self._sizes[index]]
            for firsts, lasts, along in found:
                if firsts[index] > lasts[index]:
                    break
                if along[index] in (1, 2):  # else all units share one interval, or are told apart by channel
                    ranges[along[index] - 1] = (int(firsts[index]), int(lasts[index]))
            else:
                reached[name] = Reach(*ranges)
        return reached


class _Ends:
    """Intervals of many layers, one after the other."""

    def __init__(self, axes: list[FieldAxis]) -> None:
        lengths = [len(axis.first) for axis in axes]
        self._first = np.concatenate([axis.first for axis in axes]) if axes else np.zeros(0, np.int64)
        self._last = np.concatenate([axis.last for axis in axes]) if axes else np.zeros(0, np.int64)
        self._starts = np.cumsum([0, *lengths])[:-1]
        self._units = np.concatenate([np.arange(length) for length in lengths]) if axes else np.zeros(0, np.int64)
        self._along = [axis.along or 0 for axis in axes]

    def of(self, pixel: int) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
        """First and last unit of each layer that sees the pixel (first > last if none does), and along which axis."""
        if not len(self._first):
            return self._first, self._last, []
        seen = (self._first <= pixel) & (pixel <= self._last)
        firsts = np.minimum.reduceat(np.where(seen, self._units, np.iinfo(np.int64).max), self._starts)
        lasts = np.maximum.reduceat(np.where(seen, self._units, -1), self._starts)
        return firsts, lasts, self._along
