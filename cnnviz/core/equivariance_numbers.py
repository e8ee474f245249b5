"""The numbers of f(T x) against T f(x) as they come in, for all layers, images and transforms."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.equivariance_result import Equivariance, Floats, LayerEquivariance, nan_mean
from cnnviz.core.map_grids import PlacedLayer


class Compared(NamedTuple):
    """Distances of one layer for some transforms of an image.

    Attributes
    ----------
    layer : str
    error, nearest : Tensor (transforms,)
        ‖f(Tx) − T f(x)‖, and with T f(x) from whole cells.
    scale : Tensor (transforms,) or None
        ‖f(x)‖ over the cells compared; None where these are all.
    """

    layer: str
    error: Tensor
    nearest: Tensor
    scale: Tensor | None


class EquivarianceNumbers:
    """What is measured, NaN where it is not yet.

    Attributes
    ----------
    reached : set of str
        Layers that gave something.
    """

    def __init__(self, plan: EquivariancePlan, images: int, pairs: int) -> None:
        self._plan, self._images = plan, images
        self._row = {name: row for row, name in enumerate(plan.layers)}
        shape = len(plan.layers), images, len(plan.transforms)
        self._error, self._nearest, self._floor = (np.full(shape, np.nan) for _ in range(3))
        self._scale = np.full(shape[:2], np.nan)
        self._chance = np.full((len(plan.layers), pairs), np.nan)
        self.reached: set[str] = set()
        self._broken: set[str] = set()

    def scaled(self, layers: list[str], images: list[int], scales: Floats) -> None:
        """‖f(x)‖ of ``layers`` for ``images``, (layers, images)."""
        self._scale[np.ix_([self._row[name] for name in layers], images)] = scales
        if not np.isfinite(scales).all():
            self._broken.update(name for name, each in zip(layers, scales, strict=True) if not np.isfinite(each).all())

    def scales(self, layers: list[str]) -> Floats:
        """What was told, (layers, images)."""
        return self._scale[[self._row[name] for name in layers]]

    def by_chance(self, layers: list[str], errors: Floats) -> None:
        """Errors between unrelated images, (layers, pairs)."""
        self._chance[[self._row[name] for name in layers]] = errors

    def interpolated(self, layer: str, image: int, errors: Floats) -> None:
        """What interpolation alone costs, (transforms,)."""
        self._floor[self._row[layer], image] = errors

    def compared(self, number: int, which: tuple[int, ...], found: list[Compared]) -> None:
        """Distances of one image under the transforms ``which``, of any layers."""
        rows = [self._row[each.layer] for each in found]
        scales = self._scale[rows, number, None]
        masked = [place for place, each in enumerate(found) if each.scale is not None]
        if masked:
            scales = np.repeat(scales, len(which), 1)
            scales[masked] = stacked([each.scale for each in found if each.scale is not None])
        at = np.ix_(rows, which)
        self._error[:, number][at] = divided(stacked([each.error for each in found]), scales)
        if self._plan.nearest:
            self._nearest[:, number][at] = divided(stacked([each.nearest for each in found]), scales)

    def in_place(self, number: int, which: tuple[int, ...], scales: dict[str, Tensor | None]) -> None:
        """Transforms that move nothing: both sides of each layer are f(x), whose norms are the ``scales`` as above."""
        rows = [self._row[name] for name in scales]
        norms = np.repeat(self._scale[rows, number, None], len(which), 1)
        for place, scale in enumerate(scales.values()):
            if scale is not None:
                norms[place] = stacked([scale])[0]
        at = np.ix_(rows, which)
        self._error[:, number][at] = self._nearest[:, number][at] = divided(np.zeros_like(norms), norms)

    def result(self, done: float, images: int, chance_from: str) -> Equivariance:
        """With the numbers of so many ``images``."""
        plan = self._plan
        error, nearest = self._error.copy(), self._nearest.copy()
        error[:, images:] = nearest[:, images:] = np.nan
        floor, chance = nan_mean(self._floor.swapaxes(0, 1)), nan_mean(self._chance.T)
        spread = np.sqrt(nan_mean((self._chance.T - chance) ** 2))
        zero = (self._scale == 0).sum(1)
        layers = []
        for placed in plan.placed:
            if placed.grid is None:
                layers.append(self._unmeasured(placed))
                continue
            name, row = placed.layer, self._row[placed.layer]
            notes = plan.notes_of(name) + self._notes_of(name, int(zero[row]))
            level = float(chance[row]), float(spread[row])
            shares = plan.layers[name].shares
            layers.append(
                LayerEquivariance(name, placed.grid, error[row], nearest[row], floor[row], *level, shares, notes)
            )
        return Equivariance(
            plan.transforms, tuple(layers), self._images, plan.compared, chance_from, done, tuple(plan.notes)
        )

    def _notes_of(self, name: str, zero: int) -> tuple[str, ...]:
        notes = []
        if zero:
            notes.append(f"f(x) is zero everywhere for {zero} of {self._images} images.")
        if name in self._broken:
            notes.append("The layer gives values that are not finite.")
        if name not in self.reached:
            notes.append("The images did not reach this layer.")
        return tuple(notes)

    def _unmeasured(self, placed: PlacedLayer) -> LayerEquivariance:
        nothing = np.full((self._images, len(self._plan.transforms)), np.nan)
        shares = np.zeros(len(self._plan.transforms))
        return LayerEquivariance(
            placed.layer, None, nothing, nothing, nothing[0], np.nan, np.nan, shares, (), placed.reason
        )


def stacked(values: list[Tensor]) -> Floats:
    """Of vectors of one length; read all at once, which costs less than one by one."""
    if len({value.dtype for value in values}) > 1:
        values = [value.double() for value in values]
    return np.asarray(torch.stack(values).cpu().double().numpy())


def divided(norms: Floats, scale: Floats) -> Floats:
    """Relative errors; NaN where f(x) is zero on the cells compared, or there are none."""
    if (scale > 0).all():
        return norms / scale
    return np.where(scale > 0, norms / np.where(scale > 0, scale, 1.0), np.nan)
