"""Activations over samples as pictures: samples sorted by class, units in the order that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cnnviz.core.choices import UnitOrder
    from cnnviz.core.unit_statistics import UnitStatistics
    from cnnviz.panels.shared.labelled_samples import LabelledSamples
    from cnnviz.panels.units_over_samples_passes import Columns


@dataclass(frozen=True)
class Band:
    """Rows ``start`` to ``stop`` (exclusive) are samples of one class."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class UnitPicture:
    """One layer's units over samples.

    Attributes
    ----------
    values : array (N, U)
        As the network computed them; rows are samples, sorted by class, columns units in their order.
    indices : array (N, U) of uint8
        Entries of the colour table.
    low, high : float
        What the ends of the table stand for.
    channels : array (U,) of int
        Of the unit in each column.
    cells : array (U, 2) of int, or None
        Row and column of the unit in its map; None where a column is a channel.
    samples : array (N,) of int
        Place of each row's image among ``images``.
    statistics : UnitStatistics
        Of the columns, in their order; its samples are those of the rows that are finite.
    units : int
        How many there are, of which the columns are taken.
    """

    layer: str
    kind: str
    network: str
    values: np.ndarray
    indices: np.ndarray
    signed: bool
    low: float
    high: float
    channels: np.ndarray
    cells: np.ndarray | None
    samples: np.ndarray
    bands: tuple[Band, ...]
    statistics: UnitStatistics
    units: int
    of_maps: str
    images: LabelledSamples

    @cached_property
    def correlation_indices(self) -> np.ndarray:
        """The correlation of the columns as entries of a signed table from −1 to 1, (U, U); empty where constant."""
        from cnnviz.core.mosaic import GAP, ZERO

        r = self.statistics.correlation
        known = ~np.isnan(r)
        found = np.full(r.shape, GAP, np.uint8)
        found[known] = np.rint(r[known] * ZERO + ZERO).astype(np.uint8)
        return found

    def unit_name(self, column: int) -> str:
        """``"unit 5"``, ``"channel 3"`` or ``"channel 3, row 1, column 2"``."""
        channel = int(self.channels[column])
        if self.cells is not None:
            row, place = self.cells[column].tolist()
            return f"channel {channel}, row {row}, column {place}"
        return f"channel {channel}" if self.of_maps else f"unit {channel}"

    def class_name(self, row: int) -> str:
        return next(band.name for band in self.bands if band.start <= row < band.stop)

    def columns_of(self, channel: int) -> np.ndarray:
        """The columns that show a channel."""
        return np.flatnonzero(self.channels == channel)


@dataclass(frozen=True, eq=False)
class Look:
    """Activations to be shown: (N, U), of the first N images of ``images``."""

    network: str
    layer: str
    kind: str
    activations: np.ndarray
    columns: Columns
    images: LabelledSamples
    of_maps: str = ""
    """Where a column is a whole map: what of it; empty for single units."""
    lows: np.ndarray | None = None
    highs: np.ndarray | None = None
    """Smallest and largest value of each map, (N, U); None for single units."""


def pictures(looks: Sequence[Look], order: UnitOrder, *, shared: bool = True) -> tuple[UnitPicture, ...]:
    """A picture for each look; ``shared`` gives them one colour scale.

    Raises
    ------
    ValueError
        For no sample are the activations finite.
    """
    import torch

    from cnnviz.core.mosaic import quantise
    from cnnviz.core.unit_order import order_of_units
    from cnnviz.core.unit_statistics import on_threshold, unit_statistics

    drawn = []
    for look in looks:
        labels = look.images.labels[: len(look.activations)]
        finite = np.isfinite(look.activations).all(axis=1)
        raw = unit_statistics(look.activations, on_threshold(look.kind), lows=look.lows, highs=look.highs)
        columns = order_of_units(order, look.activations[finite], labels[finite], raw)
        rows = np.argsort(labels, kind="stable")
        values = np.ascontiguousarray(look.activations[rows][:, columns])
        statistics = raw if order == "as-is" else raw.of_units(columns)
        drawn.append((look, rows, columns, values, statistics, _bands(labels[rows], look.images.class_names)))
    flat = [torch.from_numpy(values.reshape(-1)) for *_, values, _, _ in drawn]
    groups = [quantise(torch.cat(flat))] * len(flat) if shared else [quantise(each) for each in flat]
    found, start = [], 0
    for (look, rows, columns, values, statistics, bands), group, each in zip(drawn, groups, flat, strict=True):
        part = group.indices[start : start + len(each)] if shared else group.indices
        start += len(each)
        cells = look.columns.cells
        found.append(
            UnitPicture(
                look.layer,
                look.kind,
                look.network,
                values,
                part.numpy().reshape(values.shape),
                group.signed,
                float(group.low),
                float(group.high),
                look.columns.channels[columns],
                None if cells is None else cells[columns],
                rows,
                bands,
                statistics,
                look.columns.all,
                look.of_maps,
                look.images,
            )
        )
    return tuple(found)


def _bands(labels: np.ndarray, names: tuple[str, ...]) -> tuple[Band, ...]:
    """Of sorted labels."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return tuple(Band(names[int(labels[start])], start, stop) for start, stop in pairwise(edges))
