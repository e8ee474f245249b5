"""What a table of numbers shows, without saying how it is drawn: panels, figures in files and tables share it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LARGEST, ZERO, NAN, INFINITE = 252, 126, 253, 254
"""Entries of the colour table: as in `cnnviz.core.mosaic`, which is not imported since it loads torch."""

SMALLEST_SCALE = 1e-3
"""A column of smaller numbers, which are all written as zeros, is not coloured as if they were something."""

ColumnKind = Literal["plain", "unsigned", "signed"]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column.

    Attributes
    ----------
    kind : "plain", "unsigned" or "signed"
        How its cells are coloured: not at all, from zero to its largest value, or around zero.
    scale : str
        Columns that name the same scale have the same colours for the same numbers; empty: its own.
    editable : bool
        Whether its numbers can be typed.
    whole : bool
        Its numbers are whole.
    wide_range : bool
        Whether small and large numbers matter alike, so that they are written with exponents; others end in zeros.
    """

    title: str
    tip: str = ""
    kind: ColumnKind = "plain"
    scale: str = ""
    editable: bool = False
    whole: bool = False
    wide_range: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class NumberTable:
    """Numbers in rows and columns, with names for both.

    Attributes
    ----------
    corner : str
        What the rows are.
    values : array of float (rows, columns)
        NaN where ``blank``, and where a number is not defined.
    blank : array of bool (rows, columns)
        Cells in which nothing stands.
    words : mapping of (row, column) to str
        What stands in a cell in place of its number.
    totals : int
        How many of the last rows sum the others up, and take no part in the colours.
    """

    title: str
    corner: str
    columns: tuple[TableColumn, ...]
    rows: tuple[str, ...]
    values: NDArray[np.float64]
    blank: NDArray[np.bool_]
    words: Mapping[tuple[int, int], str] = field(default_factory=lambda: MappingProxyType({}))
    totals: int = 0

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.columns))
        if self.values.shape != shape or self.blank.shape != shape:
            raise ValueError(f"{shape} names, but values of {self.values.shape} and blanks of {self.blank.shape}")

    def indices(self) -> NDArray[np.uint8]:
        """Entries of each column's colour table, (rows, columns)."""
        found = np.zeros(self.values.shape, np.uint8)
        body = len(self.rows) - self.totals
        for number, column in enumerate(self.columns):
            alike = [place for place, each in enumerate(self.columns) if column.scale and each.scale == column.scale]
            scale = self.values[:body, alike or [number]]
            most = np.abs(scale[np.isfinite(scale)]).max(initial=0.0 if column.wide_range else SMALLEST_SCALE)
            found[:, number] = _entries(self.values[:, number], float(most), column.kind == "signed")
        return found

    def to_csv(self) -> str:
        """A line for each row; an empty field where nothing stands."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([self.corner, *(column.title for column in self.columns)])
        for row, name in enumerate(self.rows):
            cells = [self._field(row, column) for column in range(len(self.columns))]
            writer.writerow([name, *cells])
        return out.getvalue()

    def _field(self, row: int, column: int) -> str:
        if (row, column) in self.words:
            return self.words[row, column]
        return "" if self.blank[row, column] else repr(float(self.values[row, column]))


def _entries(values: NDArray[np.float64], most: float, signed: bool) -> NDArray[np.uint8]:
    share = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) / (most or 1.0)
    low = -1.0 if signed else 0.0
    share = np.clip(share, low, 1.0)
    entries = np.round(ZERO + share * ZERO if signed else share * LARGEST).astype(np.uint8)
    entries[np.isnan(values)] = NAN
    entries[np.isinf(values)] = INFINITE
    return entries
