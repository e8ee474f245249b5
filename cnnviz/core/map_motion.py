"""The maps of one layer moved by many transforms at once, and the cells that can be compared."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cnnviz.core.cell_mask import CellMask, Cells
from cnnviz.core.interpolation import Border, Floats, back_in, cubic, snapped, trigonometric
from cnnviz.core.map_windows import AxisReader, Product, Scratch, ShiftedMaps, Windows, even_runs
from cnnviz.core.transforms import Between, MapGrid, Transform, border_fill, known_cells, sample, sampling

Compared = Literal["all", "known", "inside"]
"""Which cells are compared: all; those whose T f(x) is taken from within the map; of these, the ones that neither
padding nor what came in from outside the image reaches."""

BLOCK = 5 * 2**15
"""Values that are compared at a time: as many as stay in a processor's cache."""
LONGEST_PRODUCT = 32
"""Cells along an axis up to which all shifts are read by one product rather than fraction by fraction."""


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
    scratch : Scratch, optional
        Shared by movers that are used in turn.
    """

    def __init__(
        self,
        grid: MapGrid,
        transforms: Sequence[Transform],
        compared: Compared = "known",
        scratch: Scratch | None = None,
    ) -> None:
        self.grid = grid
        self.transforms = tuple(transforms)
        self.compared = compared
        self._open = compared != "all"
        self._between: Between = "bicubic" if compared == "inside" else "fourier"
        self.shifts = all(each.is_shift and each.border == self.transforms[0].border for each in self.transforms)
        if self.shifts:
            self._axes = (self._axis(0), self._axis(1))
        self.known = self._known()
        self.whole = self._copied()
        self._scratch = scratch or Scratch()
        self._readers: dict[tuple[int, float, int, int], AxisReader] = {}
        self._layouts: dict[tuple[tuple[int, ...], bool, bool], list[ShiftedMaps]] = {}
        self._whole: dict[tuple[int, ...], list[bool]] = {}

    def whole_of(self, which: tuple[int, ...]) -> list[bool]:
        """``whole`` of the transforms ``which``, found once."""
        if which not in self._whole:
            self._whole[which] = self.whole[list(which)].tolist()
        return self._whole[which]

    def move(self, maps: Tensor, which: Sequence[int], *, nearest: bool = False, out: Tensor | None = None) -> Tensor:
        """``maps`` (C, h, w) moved by the transforms ``which``, (len(which), C, h, w), in ``out`` if that is given."""
        moved = maps.new_empty((len(which), *maps.shape)) if out is None else out
        for places, part in self._parts(maps, which, nearest, len(which)):
            moved[places] = part
        return moved

    def distances(
        self,
        maps: Tensor,
        others: Tensor,
        which: Sequence[int],
        cells: CellMask | None = None,
        *,
        nearest: bool = False,
        whole: Tensor | None = None,
    ) -> Tensor:
        """‖others − moved maps‖ for each of ``which``, (len(which),), without laying the moved maps out in memory.

        Parameters
        ----------
        maps : Tensor (C, h, w)
        others : Tensor (len(which), C, h, w)
        cells : CellMask, optional
            Those that count, for each of ``which``; all by default.
        nearest : bool
            Whether values between cells are those of the nearest cell.
        whole : Tensor (len(which),), optional
            Distances from which those of the transforms that copy whole cells are taken.
        """
        total = len(which)
        # In blocks of one size, as far as that goes, so that all but the last use the same memory.
        block = math.ceil(total / max(math.ceil(total * maps.numel() / BLOCK), 1))
        found = maps.new_empty(total) if whole is None else whole.clone()
        room: Tensor | None = None
        for places, part in self._parts(maps, which, nearest, block, between_only=whole is not None):
            if room is None or room.shape != part.shape:
                room = self._scratch.take("differences", tuple(part.shape), others)
            torch.sub(others[places], part, out=room)
            if cells is not None:
                cells.clear(room, places)
            torch.linalg.vector_norm(room, dim=(1, 2, 3), out=found[places])
        return found

    def _parts(
        self, maps: Tensor, which: Sequence[int], nearest: bool, most: int, between_only: bool = False
    ) -> Iterator[tuple[slice, Tensor]]:
        """Places in ``which``, and the moved maps that belong there, at most so many, until the next are asked for."""
        if not self.shifts:
            for place, index in enumerate(which):
                if not (between_only and self.whole[index]):
                    yield slice(place, place + 1, 1), self._one(maps, self.transforms[index], nearest)
            return
        key = tuple(which), nearest, between_only
        if key not in self._layouts:
            self._layouts[key] = self._layout(which, nearest, between_only)
        fill = self._fill(maps, self.transforms[0].border)
        for each in self._layouts[key]:
            yield from each.views(maps, fill, self._scratch, most)

    def _layout(self, which: Sequence[int], nearest: bool, between_only: bool) -> list[ShiftedMaps]:
        """Shifts that differ by whole cells share a map; where that would make many maps, one product makes all."""
        starts = np.stack([axis.starts[list(which)] for axis in self._axes], 1)
        # Grouped by the fraction even where it is rounded off: the windows of each group follow each other evenly.
        fractions = np.round(starts - np.floor(starts), 12)
        begins = np.floor(starts + 0.5 if nearest else starts).astype(np.int64)
        groups: dict[tuple[float, float], list[int]] = {}
        for place, (row, column) in enumerate(fractions.tolist()):
            if not (between_only and self.whole[which[place]]):
                groups.setdefault((row, column), []).append(place)
        if len(groups) > 2:
            taken_from: Floats = begins + (np.zeros(2) if nearest else fractions)
            product = self._product(taken_from)
            if product is not None:
                return [product]
        layout: list[ShiftedMaps] = []
        for fraction, places in groups.items():
            first, last = begins[places].min(0), begins[places].max(0)
            counts = last - first + self.grid.shape
            between = (0.0, 0.0) if nearest else fraction
            rows, columns = (self._reader(a, between[a], int(first[a]), int(counts[a])) for a in (0, 1))
            layout.append(Windows((rows, columns), even_runs(places, begins[places] - first), self.grid.shape))
        return layout

    def _product(self, starts: Floats) -> Product | None:
        """All shifts at once, ``starts`` (shifts, 2) being where each takes the cell (0, 0) from."""
        moving = [axis for axis in (0, 1) if starts[:, axis].any()]
        filled = not self._open and self.transforms[0].border in ("zeros", "mean")
        if filled or len(moving) != 1 or self.grid.shape[moving[0]] > LONGEST_PRODUCT:
            return None
        axis, length = moving[0], self.grid.shape[moving[0]]
        positions, border, smooth = self._read_at(axis, starts[:, axis, None] + np.arange(length, dtype=np.float64))
        flat = positions.ravel()
        weights = trigonometric(flat, length) if smooth else cubic(flat, length, border)
        return Product(axis, weights.reshape(len(starts), length, length))

    def _read_at(self, axis: int, positions: Floats) -> tuple[Floats, Border, bool]:
        """Where ``positions`` lie in a map that may be wrapped, what is beyond it, and whether it is read smoothly."""
        border = self.transforms[0].border
        closed = border == "wrap" and self.grid.closes(axis)
        if self._open and not closed:
            if border == "wrap":
                positions = back_in(positions, self.grid.shape[axis], self._axes[axis].period)
            border = "edge"
        return snapped(positions), border, closed and self._between == "fourier"

    def _reader(self, axis: int, fraction: float, first: int, count: int) -> AxisReader:
        """Reads one axis at the positions ``fraction + first``, and on from there."""
        key = axis, fraction, first, count
        if key not in self._readers:
            along: Floats = fraction + np.arange(first, first + count, dtype=np.float64)
            positions, border, smooth = self._read_at(axis, along)
            self._readers[key] = AxisReader(axis, positions, self.grid.shape[axis], border, smooth)
        return self._readers[key]

    def _one(self, maps: Tensor, transform: Transform, nearest: bool) -> Tensor:
        between = "nearest" if nearest else self._between
        how = sampling(self.grid, transform, between, open_ended=self._open)
        return sample(maps[None], how, self._fill(maps, transform.border))

    def _fill(self, maps: Tensor, border: Border) -> Tensor | None:
        return None if self._open else border_fill(maps[None], border)

    def _copied(self) -> Cells:
        """Which transforms take each cell from one cell, rather than from between cells."""
        if self.shifts:
            rows, columns = ((axis.positions == np.round(axis.positions)).all(1) for axis in self._axes)
            return np.asarray(rows & columns)
        return np.array([_is_copy(self.grid, each) for each in self.transforms], bool)

    def _known(self) -> Cells:
        if not self._open:
            return np.ones((len(self.transforms), *self.grid.shape), bool)
        if self.shifts:
            return self._axes[0].known[:, :, None] & self._axes[1].known[:, None, :]
        return np.stack([known_cells(self.grid, each) for each in self.transforms])

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
        whole: Tensor = torch.linalg.vector_norm(maps, dim=(1, 2, 3))
        return whole
    energy = maps.square().sum(1)
    return energy.where(cells, energy.new_zeros(())).sum((1, 2)).sqrt()


def _is_copy(grid: MapGrid, transform: Transform) -> bool:
    return all(bool((position == np.round(position)).all()) for position in grid.sources(transform.motion))
