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
        rows, columns = np.asarray(cells.any(2)), np.asarray(cells.any(1))
        self._cells = torch.from_numpy(cells).to(like)
        self._rows = None if rows.all() else torch.from_numpy(rows).to(like)[:, None, :, None]
        self._columns = None if columns.all() else torch.from_numpy(columns).to(like)[:, None, :, None]
        self._rectangles = np.array_equal(cells, rows[:, :, None] & columns[:, None, :])
        self._wide: Tensor | None = None

    def fits(self, maps: Tensor) -> bool:
        return self._cells.dtype == maps.dtype and self._cells.device == maps.device

    def clear(self, maps: Tensor, places: slice = slice(None)) -> Tensor:
        """``maps`` (N, C, h, w), with 0 put into the cells that do not count; ``places`` are theirs among all N."""
        if not (self._rectangles and channels_last(maps)):
            maps *= self._cells[places, None]
            return maps
        # One factor for each cell would be read for runs of no more than the channels.
        if self._columns is not None:
            maps *= self._over_channels(self._columns, maps.shape[1])[places]
        if self._rows is not None:
            maps *= self._rows[places]
        return maps

    def norms(self, maps: Tensor) -> Tensor:
        """‖maps‖ of one map (C, h, w) over the cells of each, (N,)."""
        # By a product, which is several times as fast as a sum over few channels that lie together.
        energy = maps.square().flatten(1).T @ maps.new_ones(len(maps))
        found: Tensor = (self._cells.flatten(1) @ energy).sqrt()
        return found

    def _over_channels(self, columns: Tensor, channels: int) -> Tensor:
        """(N, C, 1, w), in memory as the maps."""
        if self._wide is None or self._wide.shape[1] != channels:
            self._wide = columns.expand(-1, -1, -1, channels).contiguous().permute(0, 3, 1, 2)
        return self._wide
