"""The fields of a layer's units: their boxes, size, stride and padding."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.field_axis import Axis, Integers

Box = tuple[int, int, int, int]
"""First row, first column, height and width, in input pixels."""


@dataclass(frozen=True, eq=False)
class FieldAxis:
    """The fields of a layer's units along the rows, or the columns, of the image.

    Attributes
    ----------
    low, high : arrays of int, one entry for each unit
        First and last pixel that can reach the unit by theory; they may lie outside of the image. ``low > high`` where
        nothing can. One entry alone where all units share it.
    first, last : arrays of int
        What of the image really reaches it: without padding, and without pixels that no window of an earlier layer
        takes in. ``first > last`` where nothing does.
    stride : Fraction or None
        The effective stride: pixels from one unit's field to the next one's, on the average over a period where it
        varies; 0 where all units share one field. None where branches of different strides meet.
    image : int
        Rows or columns of the image.
    along : int or None
        The axis of the layer's output that the units are counted along: 1 for rows and 2 for columns of an
        unturned map (C, H, W).
    """

    axis: Axis
    image: int
    along: int | None

    @property
    def low(self) -> Integers:
        return self.axis.theory[0]

    @property
    def high(self) -> Integers:
        return self.axis.theory[1]

    @property
    def first(self) -> Integers:
        return self.axis.first

    @property
    def last(self) -> Integers:
        return self.axis.last

    @property
    def stride(self) -> Fraction | None:
        return self.axis.stride

    @property
    def size_range(self) -> tuple[int, int]:
        """Pixels of the smallest and of the largest field by theory, among units that read anything."""
        return self.axis.size_range

    @property
    def size(self) -> int:
        return self.axis.size_range[1]

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each unit's field by theory, in pixels from the centre of the first; NaN where it reads nothing."""
        return self.axis.centres

    @property
    def stride_range(self) -> tuple[Fraction, Fraction] | None:
        """The smallest and the largest step from one centre to the next; None where there is but one unit."""
        return self.axis.stride_range

    @property
    def varies(self) -> bool:
        """Whether size or stride differ from unit to unit."""
        steps = self.stride_range
        return self.size_range[0] != self.size_range[1] or (steps is not None and steps[0] != steps[1])

    @property
    def before(self) -> int:
        """How many pixels the first field begins before the image; negative if it begins inside."""
        return -self.axis.ends[0]

    @property
    def after(self) -> int:
        """How many pixels the last field ends after the image; negative if it ends inside."""
        return self.axis.ends[1] - self.image + 1

    def unit_of(self, index: tuple[int, int, int]) -> int:
        """Entry of the unit at ``index`` (channel, row, column) of the output; raises IndexError."""
        place = 0 if self.along is None else index[self.along]
        if not 0 <= place < len(self.low):
            raise IndexError(f"there is no unit {index}")
        return place


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """Input pixels that can reach the units of one layer.

    Units are named by their place ``(row, column)`` in the layer's output; where all share one field, any will do.

    Attributes
    ----------
    rows, columns : FieldAxis
    unaligned : str
        In words, which branches of different effective strides met, so that there is no one stride; else empty. The
        boxes of units are exact all the same.
    whole_map_because : tuple of str
        The layers that look at a whole map, by which the field is that large: normalisation by the map's own moments,
        global pooling, attention, a flattening.
    apart : ReceptiveField or None
        The field apart from normalisation, and from branches that look at the whole map beside others that do not;
        None where that makes no difference.
    """

    rows: FieldAxis
    columns: FieldAxis
    unaligned: str = ""
    whole_map_because: tuple[str, ...] = ()
    apart: "ReceptiveField | None" = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, of the largest field where they vary."""
        return self.rows.size, self.columns.size

    @property
    def stride(self) -> tuple[Fraction | None, Fraction | None]:
        return self.rows.stride, self.columns.stride

    @property
    def start(self) -> tuple[int, int]:
        """First row and column of the first unit's field."""
        return -self.rows.before, -self.columns.before

    @property
    def padding(self) -> tuple[int, int]:
        """How many pixels the first fields begin above and left of the image; negative if inside."""
        return self.rows.before, self.columns.before

    @property
    def padding_after(self) -> tuple[int, int]:
        """How many pixels the last fields end below and right of the image; negative if inside."""
        return self.rows.after, self.columns.after

    @property
    def varies(self) -> bool:
        """Whether size or stride differ from unit to unit."""
        return self.rows.varies or self.columns.varies

    @property
    def image(self) -> tuple[int, int]:
        return self.rows.image, self.columns.image

    def box(self, row: int = 0, column: int = 0, channel: int = 0) -> Box:
        """The field of a unit by theory, which may lie outside the image; of height or width 0 if it reads nothing.

        ``channel`` matters in maps alone that have been turned so that rows or columns are not their last axes.

        Raises
        ------
        IndexError
            The layer has no such unit.
        """
        index = (channel, row, column)
        return _box([(int(a.low[a.unit_of(index)]), int(a.high[a.unit_of(index)])) for a in (self.rows, self.columns)])

    def clipped_box(self, row: int = 0, column: int = 0, channel: int = 0) -> Box:
        """The part of the image that reaches a unit; of height or width 0 if there is none. Raises IndexError."""
        index = (channel, row, column)
        return _box(
            [(int(a.first[a.unit_of(index)]), int(a.last[a.unit_of(index)])) for a in (self.rows, self.columns)]
        )

    def centre(self, row: int = 0, column: int = 0, channel: int = 0) -> tuple[float, float]:
        """Row and column in the middle of a unit's field by theory. Raises IndexError."""
        index = (channel, row, column)
        rows, columns = self.rows, self.columns
        return float(rows.centres[rows.unit_of(index)]), float(columns.centres[columns.unit_of(index)])


def _box(ends: list[tuple[int, int]]) -> Box:
    (top, bottom), (left, right) = ((a, b) if a <= b else (0, -1) for a, b in ends)
    return top, left, bottom - top + 1, right - left + 1


def beyond_image(box: Box, height: int, width: int) -> tuple[Box, ...]:
    """The parts of ``box`` outside of an image of this size, where padding lies: above, below, left and right."""
    top, left, rows, columns = box
    bottom, right = top + rows, left + columns
    inner_top, inner_bottom = (min(max(edge, 0), height) for edge in (top, bottom))
    parts = (
        (top, left, min(bottom, 0) - top, columns),
        (max(top, height), left, bottom - max(top, height), columns),
        (inner_top, left, inner_bottom - inner_top, min(right, 0) - left),
        (inner_top, max(left, width), inner_bottom - inner_top, right - max(left, width)),
    )
    return tuple(part for part in parts if part[2] > 0 and part[3] > 0)
