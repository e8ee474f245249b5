"""The maps of one layer moved by many transforms at once, and the cells that can be compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.interpolation import Border, Floats, back_in, cubic, snapped, trigonometric
from cnnviz.core.transforms import Between, MapGrid, Transform, border_fill, sample, sampling

Compared = Literal["all", "known", "inside"]
"""Which cells are compared: all; those whose T f(x) is taken from within the map; of these, the ones that neither
padding nor what came in from outside the image reaches."""

Cells = NDArray[np.bool_]

BLOCK = 2**18
"""Values that are compared at a time: as many as stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of a map under many shifts: the cell, or place between cells, that each cell is taken from."""

    positions: Floats  # (T, n)
    starts: Floats  # (T,), before cells came back in from the other side
    known: Cells  # (T, n)
    period: float
    moves: bool


class MapMover:
    """Moves maps on one grid by any of a list of transforms.

    Parameters
    ----------
    grid : MapGrid
    transforms : sequence of Transform
    compared : str
        With "all", what comes in from outside is filled as in the image; else it is left without meaning, and
        ``known`` says where. With "inside", values between cells are cubic even of wrapped maps, since in a
        trigonometric polynomial every cell has a share in every other.
    """

    def __init__(self, grid: MapGrid, transforms: Sequence[Transform], compared: Compared = "known") -> None:
        self.grid = grid
        self.transforms = tuple(transforms)
        self.compared = compared
        self._open = compared != "all"
        self._between: Between = "bicubic" if compared == "inside" else "fourier"
        self._shifts = all(each.is_shift and each.border == self.transforms[0].border for each in self.transforms)
        if self._shifts:
            self._axes = (self._axis(0), self._axis(1))
        self.known = self._known()
        self.whole = self._copied()
        self._scratch = torch.empty(0)
        self._readers: dict[tuple[int, float, int, int], _Reader] = {}
        self._layouts: dict[tuple[tuple[int, ...], bool], list[tuple[tuple[_Reader, _Reader], list[_Run]]]] = {}

    def move(self, maps: Tensor, which: Sequence[int], *, nearest: bool = False) -> Tensor:
        """``maps`` (C, h, w) moved by the transforms ``which``, (len(which), C, h, w)."""
        moved = maps.new_empty((len(which), *maps.shape))
        for places, part in self._parts(maps, which, nearest):
            moved[places] = part
        return moved

    def distances(
        self, maps: Tensor, others: Tensor, which: Sequence[int], cells: Tensor | None = None, *, nearest: bool = False
    ) -> Floats:
        """‖others − moved maps‖ for each of ``which``, without laying the moved maps out in memory.

        Parameters
        ----------
        maps : Tensor (C, h, w)
        others : Tensor (len(which), C, h, w)
        cells : Tensor of bool (len(which), h, w), optional
            Those that count; all by default.
        nearest : bool
            Whether values between cells are those of the nearest cell.
        """
        size = max(maps.numel(), 1)
        block = max(BLOCK // size, 1)
        found = maps.new_empty(len(which))
        together = len(which) <= block
        room = min(len(which), block)
        if (
            self._scratch.numel() < room * size
            or self._scratch.dtype != maps.dtype
            or self._scratch.device != maps.device
        ):
            self._scratch = maps.new_empty(room * size)
        buffer = self._scratch[: room * size].view(room, *maps.shape)
        for places, part in self._parts(maps, which, nearest):
            if together:
                torch.sub(others[places], part, out=buffer[places])
                continue
            rows, results = others[places], found[places]
            chosen = None if cells is None else cells[places]
            for at in range(0, len(rows), block):
                stop = min(at + block, len(rows))
                torch.sub(rows[at:stop], part[at:stop], out=buffer[: stop - at])
                results[at:stop] = norms(buffer[: stop - at], None if chosen is None else chosen[at:stop])
        if together:
            found = norms(buffer, cells)
        return np.asarray(found.cpu().double().numpy())

    def _parts(self, maps: Tensor, which: Sequence[int], nearest: bool) -> Iterator[tuple[slice, Tensor]]:
        """Places in ``which``, and the moved maps that belong there."""
        if not self._shifts:
            for place, index in enumerate(which):
                yield slice(place, place + 1), self._one(maps, self.transforms[index], nearest)
            return
        key = tuple(which), nearest
        if key not in self._layouts:
            self._layouts[key] = self._layout(which, nearest)
        fill = self._fill(maps, self.transforms[0].border)
        shape = maps.shape[0], *self.grid.shape
        for readers, runs in self._layouts[key]:
            wide = maps
            for reader in readers:
                wide = reader.read(wide, fill)
            wide = wide.contiguous()
            stride, offset = wide.stride(), wide.storage_offset()
            for run in runs:
                hop = run.step[0] * stride[1] + run.step[1] * stride[2]
                at = offset + run.corner[0] * stride[1] + run.corner[1] * stride[2]
                yield run.places, wide.as_strided((run.count, *shape), (hop, *stride), at)

    def _layout(self, which: Sequence[int], nearest: bool) -> "list[tuple[tuple[_Reader, _Reader], list[_Run]]]":
        """Shifts that differ by whole cells are windows on one map, read between cells and continued beyond it."""
        starts = np.stack([axis.starts[list(which)] for axis in self._axes], 1)
        # Grouped by the fraction even where it is rounded off: the windows of each group follow each other evenly.
        fractions = np.round(starts - np.floor(starts), 12)
        begins = np.floor(starts + 0.5 if nearest else starts).astype(np.int64)
        groups: dict[tuple[float, float], list[int]] = {}
        for place, (row, column) in enumerate(fractions.tolist()):
            groups.setdefault((row, column), []).append(place)
        layout = []
        for fraction, places in groups.items():
            first, last = begins[places].min(0), begins[places].max(0)
            counts = last - first + self.grid.shape
            between = (0.0, 0.0) if nearest else fraction
            rows, columns = (self._reader(a, between[a], int(first[a]), int(counts[a])) for a in (0, 1))
            layout.append(((rows, columns), _even_runs(places, begins[places] - first)))
        return layout

    def _reader(self, axis: int, fraction: float, first: int, count: int) -> "_Reader":
        """Reads one axis at the positions ``fraction + first``, and on from there."""
        key = axis, fraction, first, count
        if key not in self._readers:
            length, border = self.grid.shape[axis], self.transforms[0].border
            positions: Floats = fraction + np.arange(first, first + count, dtype=np.float64)
            closed = border == "wrap" and self.grid.closes(axis)
            if self._open and not closed:
                if border == "wrap":
                    positions = back_in(positions, length, self._axes[axis].period)
                border = "edge"
            positions = snapped(positions)
            smooth = closed and self._between == "fourier"
            self._readers[key] = _Reader(axis, positions, length, border, smooth)
        return self._readers[key]

    def _one(self, maps: Tensor, transform: Transform, nearest: bool) -> Tensor:
        between = "nearest" if nearest else self._between
        how = sampling(self.grid, transform, between, open_ended=self._open)
        return sample(maps[None], how, self._fill(maps, transform.border))

    def _fill(self, maps: Tensor, border: Border) -> Tensor | None:
        return None if self._open else border_fill(maps[None], border)

    def _copied(self) -> Cells:
        """Which transforms take each cell from one cell, rather than from between cells."""
        if self._shifts:
            rows, columns = ((axis.positions == np.round(axis.positions)).all(1) for axis in self._axes)
            return np.asarray(rows & columns)
        return np.array([_is_copy(self.grid, each) for each in self.transforms], bool)

    def _known(self) -> Cells:
        if not self._open:
            return np.ones((len(self.transforms), *self.grid.shape), bool)
        if self._shifts:
            return self._axes[0].known[:, :, None] & self._axes[1].known[:, None, :]
        return np.stack([sampling(self.grid, each, open_ended=True).known for each in self.transforms])

    def _axis(self, axis: int) -> _Axis:
        length, period = self.grid.shape[axis], self.grid.period(axis)
        shifts = np.array([each.motion.shift[axis] for each in self.transforms])
        if length == 1:
            shifts = shifts * 0.0
        starts = snapped(-shifts / (self.grid.stride[axis] or 1.0))
        positions = starts[:, None] + np.arange(length)
        known = np.ones(positions.shape, bool)
        if self._open and not (self.transforms[0].border == "wrap" and self.grid.closes(axis)):
            if self.transforms[0].border == "wrap":
                positions = snapped(back_in(positions, length, period))
            known = (positions >= 0) & (positions <= length - 1)
        return _Axis(positions, starts, known, period, bool(starts.any()))


def norms(maps: Tensor, cells: Tensor | None = None) -> Tensor:
    """Norm of each of ``maps`` (N, C, h, w) over ``cells`` (h, w) or (N, h, w), or over all; (N,)."""
    if cells is None:
        whole: Tensor = torch.linalg.vector_norm(maps.flatten(1), dim=1)
        return whole
    energy = maps.square().sum(1)
    return energy.where(cells, energy.new_zeros(())).sum((1, 2)).sqrt()


class _Reader:
    """Values at positions along one axis of a map, on, between and beyond its cells."""

    def __init__(self, axis: int, positions: Floats, length: int, border: Border, smooth: bool) -> None:
        self._axis, self._length = axis, length
        self._copies = bool((positions == np.round(positions)).all())
        self._same = self._copies and np.array_equal(positions, np.arange(length))
        if self._copies:
            places = positions.astype(np.int64)
            beyond = (places < 0) | (places >= length)
            self._outside = torch.from_numpy((beyond & (border in ("zeros", "mean"))).astype(float))
            self._cells = torch.from_numpy(places % length if border == "wrap" else places.clip(0, length - 1))
        else:
            weights = trigonometric(positions, length) if smooth else cubic(positions, length, border)
            self._outside = torch.from_numpy(1 - weights.sum(1))
            self._weights = torch.from_numpy(weights)

    def read(self, maps: Tensor, fill: Tensor | None) -> Tensor:
        """Of maps (C, h, w); what comes from outside is ``fill`` (1, C, 1, 1)."""
        if self._same:
            return maps
        shape = (-1, 1) if self._axis == 0 else (-1,)
        if self._copies:
            if self._cells.device != maps.device:
                self._cells = self._cells.to(maps.device)
            moved = maps.index_select(1 + self._axis, self._cells)
            if fill is None or not self._outside.any():
                return moved
            return torch.where(self._outside.to(maps.device).view(shape) > 0, fill[0], moved)
        if self._weights.dtype != maps.dtype or self._weights.device != maps.device:
            self._weights = self._weights.to(maps)
        moved = self._weights @ maps if self._axis == 0 else maps @ self._weights.T
        return moved if fill is None else moved + fill[0] * self._outside.to(maps).view(shape)


@dataclass(frozen=True, slots=True)
class _Run:
    """Windows that follow each other evenly, so that all are one view of a map."""

    places: slice
    count: int
    corner: tuple[int, int]
    step: tuple[int, int]


def _even_runs(places: list[int], corners: NDArray[np.int64]) -> list[_Run]:
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
        found.append(_Run(slice(places[run[0]], places[run[-1]] + 1, skip), len(run), (top, left), (down, right)))
    return found


def _is_copy(grid: MapGrid, transform: Transform) -> bool:
    return all(bool((position == np.round(position)).all()) for position in grid.sources(transform.motion))
