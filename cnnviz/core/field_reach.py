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


class ReachTable:
    """Which units of one layer's map see which pixel, to be looked up."""

    def __init__(self, field: ReceptiveField, shape: tuple[int, int, int]) -> None:
        self._whole = ((0, shape[1] - 1), (0, shape[2] - 1))
        rows = _ends(field.rows)
        # by far the most fields are the same along both axes
        self._ends = (rows, rows if field.columns.axis is field.rows.axis else _ends(field.columns))
        self._along = (field.rows.along, field.columns.along)

    def at(self, row: int, column: int) -> Reach | None:
        """The units that see a pixel; None where there is none, and beyond the image.

        The range is a hull: between its ends there may be units that pass the pixel over, as with dilation and strides
        wider than the window.
        """
        ranges = list(self._whole)
        for pixel, ends, along in zip((row, column), self._ends, self._along, strict=True):
            if not 0 <= pixel < ends.shape[1]:
                return None
            first, last = int(ends[0, pixel]), int(ends[1, pixel])
            if first > last:
                return None
            if along in (1, 2):  # else all units share one interval, or are told apart by channel
                ranges[along - 1] = (first, last)
        return Reach(*ranges)


class PixelReach:
    """Answers for any pixel and any layer, fast enough to follow the pointer.

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
        self._fields: dict[str, tuple[ReceptiveField, tuple[int, int, int]]] = {}
        for name, field in fields.items():
            shape = shapes[name]
            if isinstance(field, ReceptiveField) and len(shape) == 3:
                self._fields[name] = ((field.apart or field) if apart else field, shape)
        self._tables: dict[str, ReachTable] = {}

    def table(self, layer: str) -> ReachTable | None:
        """The units of ``layer`` by the pixel that they see, made when first asked for; None if it has no maps, or
        where its field is not known."""
        if layer not in self._fields:
            return None
        if layer not in self._tables:
            self._tables[layer] = ReachTable(*self._fields[layer])
        return self._tables[layer]

    def of(self, row: int, column: int) -> dict[str, Reach]:
        """The units that see the pixel, for each layer with maps that has any; see :meth:`ReachTable.at`."""
        found = {name: table.at(row, column) for name in self._fields if (table := self.table(name)) is not None}
        return {name: reach for name, reach in found.items() if reach is not None}


def _ends(axis: FieldAxis) -> NDArray[np.int64]:
    """The first and the last unit that see each pixel, (2, pixels); first > last where none does."""
    pixels = np.arange(axis.image)
    seen = (axis.first[:, None] <= pixels) & (pixels <= axis.last[:, None])
    units = np.arange(len(axis.first))[:, None]
    none = np.iinfo(np.int64).max
    return np.stack((np.where(seen, units, none).min(0), np.where(seen, units, -1).max(0)))
