"""Which cells of maps count in a comparison."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.map_windows import channels_last

Cells = NDArray[np.bool_]

MOST_STRIPS = 10
"""With more of them than this, one product clears maps faster than strip by strip."""


class CellMask:
    """The cells that count, of each of several maps; of maps moved by shifts they are mostly rectangles.

    Parameters
    ----------
    cells : array of bool (N, h, w)
    like : Tensor
        Has the type and the device of the maps.
    """

    def __init__(self, cells: Cells, like: Tensor) -> None:
        self._cells = torch.from_numpy(cells).to(like)
        self._known = np.asarray(cells.any(2)), np.asarray(cells.any(1))
        self._rectangles = np.array_equal(cells, self._known[0][:, :, None] & self._known[1][:, None, :])
        self._rows, self._columns = (torch.from_numpy(known).to(like) for known in self._known)
        self._wide: Tensor | None = None
        self._spans: dict[tuple[int, int, int | None, int], tuple[int, int]] = {}
        self._views: dict[tuple[object, ...], list[Tensor] | None] = {}

    def fits(self, maps: Tensor) -> bool:
        """Whether it can be used on ``maps``: of the type and on the device that it was made for."""
        return self._cells.dtype == maps.dtype and self._cells.device == maps.device

    def clear(self, maps: Tensor, places: slice) -> Tensor:
        """``maps`` (n, C, h, w), with 0 put into the cells that do not count; they are those at ``places`` of all N."""
        # Views are kept, since to make one takes as long as to clear it: what is cleared is mostly the same memory.
        key = maps.data_ptr(), maps.shape, maps.stride(), places.start, places.stop, places.step
        if key not in self._views:
            strips = self._strips(places)
            self._views[key] = None if strips is None else [strip.of(maps) for strip in strips]
        views = self._views[key]
        if views is None:
            return self._multiply(maps, places)
        for view in views:
            view.zero_()
        return maps

    def norms(self, maps: Tensor) -> Tensor:
        """‖maps‖ of one map (C, h, w) over the cells of each, (N,)."""
        # By a product, which is several times as fast as a sum over few channels that lie together.
        energy = maps.square().flatten(1).T @ maps.new_ones(len(maps))
        if self._rectangles and self._known[0].all():
            found: Tensor = self._columns @ energy.view(maps.shape[1:]).sum(0)
        elif self._rectangles:
            found = ((self._rows @ energy.view(maps.shape[1:])) * self._columns).sum(1)
        else:
            found = self._cells.flatten(1) @ energy
        return found.sqrt()

    def _strips(self, places: slice) -> "list[Strip] | None":
        if not self._rectangles:
            return None
        strips = [strip for axis in (0, 1) for strip in even_strips(axis, ~self._known[axis][places])]
        return strips if len(strips) <= MOST_STRIPS else None

    def _multiply(self, maps: Tensor, places: slice) -> Tensor:
        if not (self._rectangles and channels_last(maps)):
            maps *= self._cells[places, None]
            return maps
        # One factor for each cell would be read for runs of no more than the channels.
        if self._wide is None or self._wide.shape[1] != maps.shape[1]:
            wide = self._columns[:, None, :, None].expand(-1, -1, -1, maps.shape[1])
            self._wide = wide.contiguous().permute(0, 3, 1, 2)
        for axis, factor in ((0, self._rows[:, None, :, None]), (1, self._wide)):
            first, count = self._span(axis, places)
            if count:
                part = maps.narrow(2 + axis, first, count)
                part *= factor[places].narrow(2 + axis, first, count)
        return maps

    def _span(self, axis: int, places: slice) -> tuple[int, int]:
        """The first row or column that is not known in each of the maps at ``places``, and how many until the last."""
        key = axis, places.start, places.stop, places.step
        if key not in self._spans:
            gone = np.flatnonzero(~self._known[axis][places].all(0))
            self._spans[key] = (int(gone[0]), int(gone[-1] - gone[0]) + 1) if len(gone) else (0, 0)
        return self._spans[key]


@dataclass(slots=True)
class Strip:
    """Rows or columns of maps that follow each other evenly: as many in each, from a cell on that moves on evenly.

    Attributes
    ----------
    axis : int
        0 for rows, 1 for columns.
    width : int
        Rows or columns of each map.
    map, cell : int
        The first map, and its first row or column.
    maps : int
        How many there are.
    step : (int, int)
        Maps and cells from one to the next; the cells may go back.
    """

    axis: int
    width: int
    map: int
    cell: int
    maps: int = 1
    step: tuple[int, int] = (1, 0)

    def of(self, maps: Tensor) -> Tensor:
        """All of its cells as one view of ``maps`` (N, C, h, w)."""
        strides, size = maps.stride(), [self.maps, *maps.shape[1:]]
        size[2 + self.axis] = self.width
        along = strides[2 + self.axis]
        hop = self.step[0] * strides[0] + self.step[1] * along
        start = maps.storage_offset() + self.map * strides[0] + self.cell * along
        return maps.as_strided(size, (hop, *strides[1:]), start)

    def extend(self, width: int, at: int, cell: int) -> bool:
        """Longer by ``width`` cells from ``cell`` on in the map ``at``; False where that does not go on evenly."""
        last = self.map + (self.maps - 1) * self.step[0], self.cell + (self.maps - 1) * self.step[1]
        step = at - last[0], cell - last[1]
        if width != self.width or step[0] < 1 or (self.maps > 1 and step != self.step):
            return False
        self.maps, self.step = self.maps + 1, step
        return True


def even_strips(axis: int, cells: Cells) -> list[Strip]:
    """The ``cells`` (N, n) along an axis of N maps, in as few strips as a look at one map after the other finds."""
    strips: list[Strip] = []
    for number, row in enumerate(cells):
        ends = np.flatnonzero(np.diff(row, prepend=False, append=False)).reshape(-1, 2).tolist()
        for start, stop in ends:
            if not any(strip.extend(stop - start, number, start) for strip in strips):
                strips.append(Strip(axis, stop - start, number, start))
    return strips
