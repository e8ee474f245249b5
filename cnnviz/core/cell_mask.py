"""Which cells of maps count in a comparison."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.map_windows import channels_last

Cells = NDArray[np.bool_]


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

    def fits(self, maps: Tensor) -> bool:
        return self._cells.dtype == maps.dtype and self._cells.device == maps.device

    def clear(self, maps: Tensor, start: int = 0, stop: int | None = None, step: int = 1) -> Tensor:
        """``maps`` (N, C, h, w), with 0 put into the cells that do not count; they are those at a slice of all N."""
        places = slice(start, stop, step)
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

    def _span(self, axis: int, places: slice) -> tuple[int, int]:
        """The first row or column that is not known in each of the maps at ``places``, and how many until the last."""
        key = axis, places.start, places.stop, places.step
        if key not in self._spans:
            gone = np.flatnonzero(~self._known[axis][places].all(0))
            self._spans[key] = (int(gone[0]), int(gone[-1] - gone[0]) + 1) if len(gone) else (0, 0)
        return self._spans[key]
