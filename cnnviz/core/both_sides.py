"""f(T x), T f(x) and their difference, for one image, one transform and one layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.cell_mask import CellMask
from cnnviz.core.equivariance_plan import EquivariancePlan, LayerPlan
from cnnviz.core.map_motion import Compared, norms
from cnnviz.core.trace import TracedNetwork
from cnnviz.core.transforms import Transform, move_images


class NotMeasurable(ValueError):
    """Nothing can be said of a layer's maps under a transform; the message says why."""


@dataclass(frozen=True, eq=False)
class BothSides:
    """The two sides of f(T x) = T f(x).

    Attributes
    ----------
    layer : str
    moved_image : Tensor (C, H, W)
        T x.
    original, of_moved, moved : Tensor (D, h, w)
        f(x), f(T x) and T f(x); one cell where there is no map.
    compared : array of bool (h, w)
        The cells whose difference counts; T f(x) has no meaning where it is not known.
    cells : (float, float) or None
        By how many cells a shift moves the map, down and to the right.
    error, nearest : float
        ‖f(Tx) − T f(x)‖ / ‖f(x)‖ over the cells compared, and with T f(x) taken from whole cells; NaN where f(x) is
        zero there, or where no cell is compared.
    floor : float
        What interpolation alone costs.
    notes : tuple of str
        In words, what was assumed and left out.
    """

    layer: str
    moved_image: Tensor
    original: Tensor
    of_moved: Tensor
    moved: Tensor
    compared: NDArray[np.bool_]
    cells: tuple[float, float] | None
    error: float
    nearest: float
    floor: float
    notes: tuple[str, ...]

    @property
    def difference(self) -> Tensor:
        """f(T x) − T f(x); 0 in the cells that are not compared."""
        cells = torch.from_numpy(self.compared).to(self.moved.device)
        return torch.where(cells, self.of_moved - self.moved, 0.0)


def both_sides(
    network: TracedNetwork,
    image: Tensor,
    transform: Transform,
    layer: str,
    *,
    compared: Compared = "known",
    black: float | Sequence[float] = 0.0,
    cancelled: Callable[[], bool] | None = None,
) -> BothSides:
    """Both sides for the image (1, C, H, W), in one forward pass of two images; arguments as ``equivariance_steps``.

    Raises
    ------
    NotMeasurable
        The layer has no maps that can be moved, or the pass does not reach it.
    KeyError
        The network has no such layer.
    Cancelled
        As asked by ``cancelled``.
    """
    plan = EquivariancePlan(network, [transform], [layer], compared)
    placed = plan.placed[0]
    if placed.grid is None:
        raise NotMeasurable(f"{layer} cannot be moved: {placed.reason}.")
    moved_image = move_images(image, transform, black)
    given = torch.cat([image, moved_image])
    # One by one through networks whose way depends on the values.
    parts = [network.run(part, [layer], cancelled=cancelled).values for part in torch.split(given, plan.batch)]
    if not all(layer in part for part in parts):
        raise NotMeasurable(f"The image does not reach {layer} on its way through the network.")
    values = torch.cat([part[layer] for part in parts])
    original, of_moved = values.to(values.dtype if values.is_floating_point() else torch.float32)
    return compare_sides(plan, layer, moved_image[0], original, of_moved)


def compare_sides(
    plan: EquivariancePlan, layer: str, moved_image: Tensor, original: Tensor, of_moved: Tensor
) -> BothSides:
    """Both sides from outputs that are there already: f(x) and f(T x), without the batch axis.

    ``plan`` is of one transform, which made ``moved_image`` (C, H, W).
    """
    each: LayerPlan = plan.layers[layer]
    original, of_moved = (maps.detach().reshape(-1, *each.mover.grid.shape) for maps in (original, of_moved))
    cells = torch.from_numpy(each.cells).to(original.device)
    scale = float(norms(original[None], cells)[0])
    notes = list(plan.notes_of(layer))
    if not bool(original.isfinite().all()):
        notes.append("The layer gives values that are not finite.")
    elif not bool(original.any()):
        notes.append("f(x) is zero everywhere.")

    counted = CellMask(each.cells, original)

    def relative(nearest: bool) -> float:
        distance = each.mover.distances(original, of_moved[None], [0], counted, nearest=nearest)[0]
        return float(distance) / scale if scale > 0 else float("nan")

    transform, shift = plan.transforms[0], None
    if transform.is_shift:
        rows, columns = (
            s / stride if stride else 0.0
            for s, stride in zip((transform.rows, transform.columns), each.mover.grid.stride, strict=True)
        )
        shift = rows, columns
    floor = float(each.floor.measure(original)[0]) if each.floor is not None and scale > 0 else float("nan")
    moved = each.mover.move(original, [0])[0]
    error, nearest = relative(False), relative(True)
    return BothSides(
        layer, moved_image, original, of_moved, moved, each.cells[0], shift, error, nearest, floor, tuple(notes)
    )
