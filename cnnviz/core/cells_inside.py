"""Which cells of a moved map see nothing but what was moved."""

from collections.abc import Sequence

import numpy as np

from cnnviz.core.cell_mask import Cells
from cnnviz.core.map_motion import MapMover
from cnnviz.core.receptive_field import ReceptiveField
from cnnviz.core.transforms import MapGrid, Transform, sampling


def inside(mover: MapMover, reached: Cells, field: ReceptiveField | None, image: "ImageCells") -> Cells:
    """Of the known cells those that neither padding nor what came in from outside the image reaches; (T, h, w).

    Parameters
    ----------
    reached : array of bool (h, w)
        The cells that padding reaches.
    field : ReceptiveField or None
        Of the layer; without it every cell may see what came in.
    image : ImageCells
        Where the moved images hold what came in.
    """
    kept = mover.known & ~reached
    for index, transform in enumerate(mover.transforms):
        if reached.any():
            how = sampling(mover.grid, transform, "bicubic", open_ended=True)
            kept[index] &= ~how.touches(reached)
        if image.foreign[index].any():
            kept[index] &= ~image.seen(index, field, mover.grid.shape)
    return kept


class ImageCells:
    """Pixels of the moved images that came in from outside the image."""

    def __init__(self, grid: MapGrid, transforms: Sequence[Transform]) -> None:
        # Of a wrapped image nothing comes from outside, but turned or zoomed it has seams.
        self.foreign = np.stack(
            [
                np.zeros(grid.shape, bool) if each.border == "wrap" and each.is_shift else ~_within(grid, each)
                for each in transforms
            ]
        )
        self._sums = np.pad(self.foreign, ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)

    def seen(self, index: int, field: ReceptiveField | None, shape: tuple[int, int]) -> Cells:
        """Cells of a layer whose receptive field holds such a pixel, for the transform ``index``."""
        if field is None:
            return np.ones(shape, bool)
        sums = self._sums[index]
        starts, ends = [], []
        for axis, cells in zip((field.rows, field.columns), shape, strict=True):
            end = np.broadcast_to(axis.last, cells).clip(-1) + 1
            ends.append(end)
            starts.append(np.minimum(np.broadcast_to(axis.first, cells).clip(0), end))
        (top, left), (bottom, right) = starts, ends
        counts = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left] + sums[top][:, left]
        return np.asarray(counts > 0)


def _within(grid: MapGrid, transform: Transform) -> Cells:
    rows, columns = grid.sources(transform.motion)
    return np.asarray((rows >= 0) & (rows <= grid.shape[0] - 1) & (columns >= 0) & (columns <= grid.shape[1] - 1))
