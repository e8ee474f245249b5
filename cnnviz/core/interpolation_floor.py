"""What interpolating between the cells of a map costs by itself, whatever the layer does."""

import numpy as np
import torch
from torch import Tensor

from cnnviz.core.cell_mask import Cells
from cnnviz.core.interpolation import Floats
from cnnviz.core.map_motion import MapMover
from cnnviz.core.transforms import Between, Transform, sample, sampling


class InterpolationFloor:
    """‖T⁻¹T f(x) − f(x)‖ / ‖f(x)‖ for every transform of a mover, over the cells that are known again.

    There and back, because that needs no belief in any other interpolation, and holds for maps of any kind. Two
    interpolations cost at least as much as one and at most about twice as much (by the triangle inequality, as the way
    back amplifies nothing), so an error under this floor cannot be told from the interpolation's own. Of a shift only
    the part that is no whole cell is taken, since whole cells are copied.
    """

    def __init__(self, mover: MapMover) -> None:
        self._mover = mover
        between: Between = "bicubic" if mover.compared == "inside" else "fourier"
        found: dict[Transform, int] = {}
        self._which = [
            -1 if whole else found.setdefault(self._part(transform), len(found))
            for transform, whole in zip(mover.transforms, mover.whole, strict=True)
        ]
        self._trips = [
            tuple(sampling(mover.grid, each, between, back=back, open_ended=True) for back in (False, True))
            for each in found
        ]
        self._cells: list[Cells] = [back.known & ~back.touches(~there.known) for there, back in self._trips]
        self._stacks: dict[torch.dtype, tuple[Tensor | None, Tensor | None, Tensor]] = {}

    def _part(self, transform: Transform) -> Transform:
        if not transform.is_shift:
            return transform
        parts = []
        for distance, stride in zip((transform.rows, transform.columns), self._mover.grid.stride, strict=True):
            cells = distance / stride if stride else 0.0
            # Both directions cost the same, so that each distance is measured once.
            parts.append(round(abs(cells - round(cells)), 9) * (stride or 1.0))
        return Transform(parts[0], parts[1], border=transform.border)

    def measure(self, maps: Tensor) -> Floats:
        """For maps (C, h, w) that are not zero: one number for each transform, 0 where cells are copied."""
        if not self._trips:
            return np.zeros(len(self._which))
        maps = maps.contiguous()
        if all(each.rows is not None for trip in self._trips for each in trip):
            again, cells = self._together(maps)
        else:
            again = torch.cat([sample(sample(maps[None], there), back) for there, back in self._trips])
            cells = torch.from_numpy(np.stack(self._cells)).to(maps.device)
        difference = torch.where(cells, (again - maps).square().sum(1), 0.0).sum((1, 2))
        scale = torch.where(cells, maps.square().sum(0), 0.0).sum((1, 2))
        values = (difference / scale).sqrt().double().cpu().numpy()  # NaN where nothing is left
        return np.array([0.0 if index < 0 else values[index] for index in self._which])

    def _together(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """All at once, where rows are made from rows and columns from columns."""
        if maps.dtype not in self._stacks:
            rows = _stacked([(there.rows, back.rows) for there, back in self._trips], maps)
            columns = _stacked([(there.columns, back.columns) for there, back in self._trips], maps)
            self._stacks[maps.dtype] = rows, columns, torch.from_numpy(np.stack(self._cells)).to(maps.device)
        rows, columns, cells = self._stacks[maps.dtype]
        again = maps[None] if rows is None else torch.einsum("chw,sgh->scgw", maps, rows)
        if columns is not None:
            again = torch.einsum("schw,svw->schv", again.expand(len(self._trips), *maps.shape), columns)
        return again, cells


def _stacked(pairs: list[tuple[Floats | None, Floats | None]], like: Tensor) -> Tensor | None:
    """There and back as one matrix for each trip; None where all leave everything in place."""
    products = np.stack([back @ there for there, back in pairs if there is not None and back is not None])
    if (products == np.eye(products.shape[1])).all():
        return None
    return torch.from_numpy(products).to(like)
