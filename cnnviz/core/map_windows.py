"""Shifted maps without laying each of them out: windows on one map that goes on beyond its edges, or one product."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.interpolation import Border, Floats, cubic, trigonometric

MOST_STRETCHES = 8


def channels_last(maps: Tensor) -> bool:
    """Whether all channels of a cell of ``maps`` (…, C, h, w) lie together, so that a row of cells is one long run."""
    return maps.stride(-3) == 1 < maps.stride(-1)


class Scratch:
    """Memory that is used again and again, since getting new memory costs as much as filling it."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}
        self._views: dict[tuple[object, ...], Tensor] = {}

    def take(self, use: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Maps of ``shape`` (…, C, h, w), laid out as ``like``, whatever is in it; until ``use`` is taken again."""
        key = use, shape, like.dtype, like.device, channels_last(like)
        if key in self._views:
            return self._views[key]
        size = math.prod(shape)
        kept = self._kept.get(use)
        if kept is None or kept.numel() < size or kept.dtype != like.dtype or kept.device != like.device:
            kept = self._kept[use] = like.new_empty(size)
            self._views = {other: view for other, view in self._views.items() if other[0] != use}
        view = kept[:size].view(shape)
        if channels_last(like):
            *others, channels, rows, columns = shape
            view = kept[:size].view(*others, rows, columns, channels).movedim(-1, -3)
        self._views[key] = view
        return view


class ShiftedMaps(Protocol):
    """Some of a list of shifts, ready to be applied to any maps on one grid."""

    def views(self, maps: Tensor, fill: Tensor | None, scratch: Scratch, most: int) -> Iterator[tuple[slice, Tensor]]:
        """Places in the list, and the moved maps (shifts, C, h, w) that belong there, until the next are asked for.

        Of maps (C, h, w); what comes from outside is ``fill`` (1, C, 1, 1). They are at most so many at a time.
        """


class AxisReader:
    """Values at positions along one axis of a map, on, between and beyond its cells.

    Parameters
    ----------
    axis : int
        0 for rows, 1 for columns.
    positions : array
        In cells.
    length : int
        Cells of the map along the axis.
    border : str
        What comes in from outside.
    smooth : bool
        Whether values between cells are those of the trigonometric polynomial rather than of a cubic.
    """

    def __init__(self, axis: int, positions: Floats, length: int, border: Border, smooth: bool) -> None:
        self._axis, self._count, self._use = axis, len(positions), f"axis {axis}"
        self._copies = bool((positions == np.round(positions)).all())
        self._same = self._copies and np.array_equal(positions, np.arange(length))
        if self._copies:
            places = positions.astype(np.int64)
            beyond = (places < 0) | (places >= length)
            self._outside = torch.from_numpy((beyond & (border in ("zeros", "mean"))).astype(float))
            cells = places % length if border == "wrap" else places.clip(0, length - 1)
            self._cells, self._stretches = torch.from_numpy(cells), _stretches(cells)
        else:
            weights = trigonometric(positions, length) if smooth else cubic(positions, length, border)
            self._outside = torch.from_numpy(1 - weights.sum(1))
            self._weights = torch.from_numpy(weights)

    def read(self, maps: Tensor, fill: Tensor | None, scratch: Scratch) -> Tensor:
        """Of maps (C, h, w); what comes from outside is ``fill`` (1, C, 1, 1). It is in ``scratch``, or is ``maps``."""
        if self._same:
            return maps
        channels, rows, columns = maps.shape
        size = (channels, self._count, columns) if self._axis == 0 else (channels, rows, self._count)
        room = scratch.take(self._use, size, maps)
        shape = (-1, 1) if self._axis == 0 else (-1,)
        if self._copies:
            moved = self._copied(maps, room)
            if fill is None or not self._outside.any():
                return moved
            return torch.where(self._outside.to(maps.device).view(shape) > 0, fill[0], moved)
        if self._weights.dtype != maps.dtype or self._weights.device != maps.device:
            self._weights = self._weights.to(maps)
        moved = self._between(maps, room)
        return moved if fill is None else moved + fill[0] * self._outside.to(maps).view(shape)

    def _between(self, maps: Tensor, room: Tensor) -> Tensor:
        if channels_last(maps):
            cells, wide = maps.permute(1, 2, 0), room.permute(1, 2, 0)
            if self._axis == 0:
                torch.mm(self._weights, cells.reshape(len(cells), -1), out=wide.view(self._count, -1))
            else:
                torch.bmm(self._weights.expand(len(cells), -1, -1), cells, out=wide)
        elif self._axis == 0:
            torch.matmul(self._weights, maps, out=room)
        else:
            torch.mm(maps.reshape(-1, maps.shape[2]), self._weights.T, out=room.view(-1, self._count))
        return room

    def _copied(self, maps: Tensor, room: Tensor) -> Tensor:
        """Stretch by stretch, which is many times faster than cell by cell where a cell's channels lie apart."""
        if self._cells.device != maps.device:
            self._cells = self._cells.to(maps.device)
        if channels_last(maps):
            torch.index_select(maps.permute(1, 2, 0), self._axis, self._cells, out=room.permute(1, 2, 0))
            return room
        if len(self._stretches) > MOST_STRETCHES:
            return torch.index_select(maps, 1 + self._axis, self._cells, out=room)
        for start, length, cell, step in self._stretches:
            source = maps.narrow(1 + self._axis, cell, length if step else 1)
            room.narrow(1 + self._axis, start, length).copy_(source)
        return room


def _stretches(cells: NDArray[np.int64]) -> list[tuple[int, int, int, int]]:
    """Start, length, first cell and step, 1 or 0, of stretches in which ``cells`` go on evenly."""
    found = []
    start = 0
    while start < len(cells):
        step = int(start + 1 < len(cells) and cells[start + 1] == cells[start] + 1)
        stop = start + 1
        while stop < len(cells) and cells[stop] == cells[stop - 1] + step:
            stop += 1
        found.append((start, stop - start, int(cells[start]), step))
        start = stop
    return found


class Run(NamedTuple):
    """Windows that follow each other evenly, so that all are one view of a map."""

    places: slice
    windows: int
    corner: tuple[int, int]
    step: tuple[int, int]

    def parts(self, most: int) -> "list[Run]":
        """The same in runs of at most so many."""
        (top, left), (down, right) = self.corner, self.step
        places = range(self.places.start, self.places.stop, self.places.step)
        found = []
        for at in range(0, self.windows, most):
            part = places[at : at + most]
            corner = top + at * down, left + at * right
            found.append(Run(slice(part.start, part.stop, part.step), len(part), corner, self.step))
        return found


class Windows:
    """Shifts that differ by whole cells: windows on one map, read between cells and continued beyond its edges.

    Parameters
    ----------
    readers : (AxisReader, AxisReader)
        Make the wide map.
    runs : list of Run
    shape : (int, int)
        Of a window.
    """

    def __init__(self, readers: tuple[AxisReader, AxisReader], runs: list[Run], shape: tuple[int, int]) -> None:
        self._readers, self._runs, self._shape = readers, runs, shape
        self._parts: dict[int, list[Run]] = {}

    def views(self, maps: Tensor, fill: Tensor | None, scratch: Scratch, most: int) -> Iterator[tuple[slice, Tensor]]:
        """As of :meth:`ShiftedMaps.views`."""
        wide = maps
        for reader in self._readers:
            wide = reader.read(wide, fill, scratch)
        if most not in self._parts:
            self._parts[most] = [part for run in self._runs for part in run.parts(most)]
        (channel, row, column), begin = wide.stride(), wide.storage_offset()
        for places, count, (top, left), (down, right) in self._parts[most]:
            strides = down * row + right * column, channel, row, column
            yield places, wide.as_strided((count, len(maps), *self._shape), strides, begin + top * row + left * column)


class Product:
    """Shifts along one axis that lie unequally between the cells, all read by one product with the map.

    Parameters
    ----------
    axis : int
    weights : array (shifts, n, n)
        Of each shift: what the new cells (rows) take from the cells (columns).
    """

    def __init__(self, axis: int, weights: Floats) -> None:
        self._axis, self._shifts, self._length = axis, len(weights), weights.shape[1]
        self._weights = torch.from_numpy(weights.reshape(-1, self._length))

    def views(self, maps: Tensor, fill: Tensor | None, scratch: Scratch, most: int) -> Iterator[tuple[slice, Tensor]]:
        """As of :meth:`ShiftedMaps.views`; nothing comes in from outside, so that ``fill`` is not read."""
        moved = self._all(maps)
        for start in range(0, self._shifts, most):
            places = slice(start, min(start + most, self._shifts), 1)
            yield places, moved if most >= self._shifts else moved[places]

    def _all(self, maps: Tensor) -> Tensor:
        channels, rows, columns = maps.shape
        if self._weights.dtype != maps.dtype or self._weights.device != maps.device:
            self._weights = self._weights.to(maps)
        if channels_last(maps):
            cells = maps.permute(1, 2, 0)
            if self._axis == 0:
                moved = self._weights @ cells.reshape(rows, -1)
                return moved.view(self._shifts, rows, columns, channels).permute(0, 3, 1, 2)
            moved = torch.bmm(self._weights.expand(rows, -1, -1), cells)
            return moved.view(rows, self._shifts, columns, channels).permute(1, 3, 0, 2)
        if self._axis == 0:
            return (self._weights @ maps).view(channels, self._shifts, rows, columns).transpose(0, 1)
        moved = maps.reshape(-1, columns) @ self._weights.T
        return moved.view(channels, rows, self._shifts, columns).permute(2, 0, 1, 3)


def even_runs(places: Sequence[int], corners: NDArray[np.int64]) -> list[Run]:
    """Runs as long as places and corners go on in even steps; a step back ends one, since no view steps back."""
    rows = np.column_stack([places, corners])
    runs: list[list[int]] = []
    step: list[int] | None = None
    for number in range(len(rows)):
        difference = (rows[number] - rows[number - 1]).tolist() if number else [-1]
        if runs and min(difference) >= 0 and (step is None or difference == step):
            runs[-1].append(number)
            step = difference
        else:
            runs.append([number])
            step = None
    found = []
    for run in runs:
        skip, down, right = (rows[run[1]] - rows[run[0]]).tolist() if len(run) > 1 else (1, 0, 0)
        top, left = corners[run[0]].tolist()
        found.append(Run(slice(places[run[0]], places[run[-1]] + 1, skip), len(run), (top, left), (down, right)))
    return found
