"""How far each layer is from f(T x) = T f(x), for shifts, rotations, zooms and flips."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cnnviz.core.chance_level import unrelated
from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.equivariance_result import Equivariance, Floats, LayerEquivariance, nan_mean
from cnnviz.core.execution import Cancelled
from cnnviz.core.graph import INPUT
from cnnviz.core.map_grids import PlacedLayer
from cnnviz.core.map_motion import Compared, norms
from cnnviz.core.trace import TracedNetwork
from cnnviz.core.transforms import Transform, move_images

__all__ = ["Cancelled", "equivariance", "equivariance_steps"]

SMALL_BATCH = 16
"""With fewer images in a pass than this, results come in smaller steps."""


def equivariance(
    network: TracedNetwork,
    images: Tensor,
    transforms: Sequence[Transform],
    layers: Sequence[str] | None = None,
    **options: object,
) -> Equivariance:
    """The relative error of every layer under every transform; see :func:`equivariance_steps`."""
    result = None
    for result in equivariance_steps(network, images, transforms, layers, coarse=False, **options):  # type: ignore[arg-type]  # noqa: B007
        pass
    assert result is not None
    return result


def equivariance_steps(
    network: TracedNetwork,
    images: Tensor,
    transforms: Sequence[Transform],
    layers: Sequence[str] | None = None,
    *,
    compared: Compared = "known",
    others: Tensor | None = None,
    black: float | Sequence[float] = 0.0,
    floor: bool = True,
    nearest: bool = True,
    coarse: bool = True,
    plan: EquivariancePlan | None = None,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Equivariance]:
    """Measure coarse first: every fourth transform of the first image, then those between, then image by image.

    Where few images fit into a pass, which is where one takes long, it is every sixteenth first, and a result comes
    after some passes, whatever image they are of; one image's numbers are shown with the others' when all are there.

    All transforms of an image go through the network together, in as few passes as the memory for the recorded maps
    allows; one by one through networks whose way depends on the values (``graph.method`` is "hooks").

    Parameters
    ----------
    network : TracedNetwork
    images : Tensor (N, C, H, W)
        Ready for the network.
    transforms : sequence of Transform
    layers : names of layers, optional
        All by default.
    compared : str
        Which cells: "all", with what comes in from outside a map filled as in the image; "known", those whose T f(x)
        is taken from within the map; "inside", of these the ones that neither padding nor what came in from outside
        the image reaches.
    others : Tensor (M, C, H, W), optional
        Unrelated images for the level of chance, where ``images`` is one.
    black : float, or one for each channel
        What a border of "zeros" fills in.
    floor, nearest : bool
        Whether the interpolation's own error and the error with whole cells are measured too.
    coarse : bool
        Whether the first image comes in parts.
    plan : EquivariancePlan, optional
        What was worked out before for this network and these transforms, layers and options, whatever its weights.
    cancelled : callable, optional
        Polled between layers.
    progress : callable, optional
        Told the share that is done.

    Yields
    ------
    Equivariance
        What is not measured yet is NaN.

    Raises
    ------
    ValueError
        There are no images or no transforms, or the images do not fit.
    KeyError
        ``layers`` names one that the network does not have.
    Cancelled
        As asked by ``cancelled``.
    """
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"Equivariance is measured on images (N, C, H, W), at least one, not on {tuple(images.shape)}."
        )
    if not transforms:
        raise ValueError("There is no transform to measure: give at least one shift, angle, zoom or flip.")
    shape = network.graph[INPUT].output_shape
    if tuple(images.shape[1:]) != shape:
        raise ValueError(f"The network was traced for images of {shape}, and these are of {tuple(images.shape[1:])}.")
    if others is not None and others.shape[1:] != images.shape[1:]:
        raise ValueError(f"The other images have the shape {tuple(others.shape[1:])}, not {tuple(images.shape[1:])}.")
    if plan is None:
        plan = EquivariancePlan(network, transforms, layers, compared, floor=floor, nearest=nearest)
    work = _Measurement(plan, images, others, black, cancelled)
    total = len(images) * len(plan.transforms)
    everything = list(range(len(transforms)))
    first, later = [everything], [everything]
    if coarse and len(transforms) > 8:
        first = [everything[0::4], everything[2::4], everything[1::2]]
        if plan.batch < SMALL_BATCH:
            first = [everything[0::16], everything[8::16], everything[4::8], *first[1:]]
            later = [everything[start::8] for start in range(8)]
    done = 0
    for number in range(len(images)):
        parts = first if number == 0 else later
        for place, part in enumerate(parts):
            work.measure(number, part)
            done += len(part)
            if progress is not None:
                progress(done / total)
            yield work.result(done / total, number + 1 if number == 0 or place == len(parts) - 1 else number)
        work.forget(number)


class _AllSeen(Exception):
    """Ends a pass whose remaining layers nobody asked for."""


class _Compared(NamedTuple):
    """Distances of one layer for some transforms of an image, and the norms that they are parts of."""

    layer: str
    error: Tensor
    nearest: Tensor
    scale: Floats | float


class _Measurement:
    """The numbers as they come in."""

    def __init__(
        self,
        plan: EquivariancePlan,
        images: Tensor,
        others: Tensor | None,
        black: float | Sequence[float],
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._plan, self._images, self._black, self._cancelled = plan, images, black, cancelled
        self._row = {name: row for row, name in enumerate(plan.layers)}
        shape = len(plan.layers), len(images), len(plan.transforms)
        self._error, self._nearest, self._floor = (np.full(shape, np.nan) for _ in range(3))
        self._chance: dict[str, Floats] = {}
        self._zero: dict[str, set[int]] = {name: set() for name in plan.layers}
        self._broken: set[str] = set()
        self._unreached = set(plan.layers)
        # The unrelated images go through the network with the first of those measured; some of them are the next.
        self._unrelated = unrelated(images, others, max(plan.batch // 2, 1))
        self._shared = min(len(images), 1 + max(self._unrelated.first))
        self._originals: dict[str, dict[int, Tensor]] = {name: {} for name in plan.layers}
        self._scales: dict[tuple[str, int], float] = {}
        self._ahead: set[int] = set()
        self._compared: list[_Compared] = []

    def measure(self, number: int, which: Sequence[int]) -> None:
        """Put one image, moved by the transforms ``which``, through the network and compare all layers."""
        plan = self._plan
        unmoved = tuple(index for index in which if plan.transforms[index].is_identity)
        moving = plan.ordered(tuple(index for index in which if index not in unmoved))
        ahead = self._images[number : number + 1]
        if not self._ahead:
            ahead = self._unrelated.images
            self._ahead = set(range(self._shared))
        elif number in self._ahead:
            ahead = ahead[:0]
        else:
            self._ahead.add(number)
        batch = self._images.new_empty((len(ahead) + len(moving), *self._images.shape[1:]))
        batch[: len(ahead)] = ahead
        self._move(self._images[number], moving, batch[len(ahead) :])
        for start in range(0, len(batch), plan.batch):
            chunk = batch[start : start + plan.batch]
            part = moving[max(start - len(ahead), 0) : max(start + len(chunk) - len(ahead), 0)]
            see = self._seer(number, part, start, len(chunk), len(ahead))
            with contextlib.suppress(_AllSeen):
                plan.network.stream(chunk, see, cancelled=self._cancelled)
            self._write_down(number, part)
        if not self._chance:
            self._measure_chance()
        if unmoved:
            self._leave_in_place(number, unmoved)

    def _leave_in_place(self, number: int, which: tuple[int, ...]) -> None:
        """Transforms that move nothing: both sides are f(x)."""
        for name, kept in self._originals.items():
            if number in kept:
                scale = self._scale(name, number, which, self._plan.mask(name, which, kept[number]))
                row = self._row[name], number, list(which)
                self._error[row] = self._nearest[row] = _divided(np.zeros(len(which)), np.asarray(scale))

    def forget(self, number: int) -> None:
        """The image is done with."""
        for name, kept in self._originals.items():
            if number in kept:
                self._plan.spare(name, kept.pop(number))

    def _move(self, image: Tensor, which: Sequence[int], moved: Tensor) -> None:
        plan = self._plan
        if all(plan.input_mover.whole[index] and plan.transforms[index].border == "wrap" for index in which):
            plan.input_mover.move(image, which, out=moved)
            return
        for place, index in enumerate(which):
            moved[place] = move_images(image[None], plan.transforms[index], self._black)[0]

    def _seer(
        self, number: int, part: tuple[int, ...], start: int, count: int, ahead: int
    ) -> Callable[[str, Tensor], None]:
        """What is done with the layers' outputs for the images from ``start`` of a batch, ``ahead`` of them unmoved."""
        before = max(ahead - start, 0)
        unmoved = range(start, start + min(before, count)) if ahead != 1 else [number] * min(before, count)
        waited_for = set(self._plan.layers)

        def see(name: str, value: Tensor) -> None:
            each = self._plan.layers.get(name)
            if each is None or value.shape[:1] != (count,) or value.is_complex():
                return
            self._unreached.discard(name)
            single = value if value.dtype in (torch.float32, torch.float64) else value.float()
            maps = single.detach().reshape(count, -1, *each.mover.grid.shape)
            for place, index in enumerate(unmoved):
                # A copy, since what follows may overwrite the layer's output.
                self._keep(name, index, self._plan.kept(name, maps[place]))
            if part:
                self._compare(name, number, part, maps[before:])
            waited_for.discard(name)
            if not waited_for:
                raise _AllSeen

        return see

    def _keep(self, name: str, index: int, maps: Tensor) -> None:
        each = self._plan.layers[name]
        self._originals[name][index] = maps
        if index >= len(self._images) or (index >= self._shared and index not in self._ahead):
            return
        self._scales[name, index] = norm = float(torch.linalg.vector_norm(maps))
        if not math.isfinite(norm):
            self._broken.add(name)
        elif norm == 0:
            self._zero[name].add(index)
        elif each.floor is not None:
            self._floor[self._row[name], index] = each.floor.measure(maps)

    def _measure_chance(self) -> None:
        pairs = list(zip(self._unrelated.first, self._unrelated.second, strict=True))
        for name, kept in self._originals.items():
            if not all(one in kept and other in kept for one, other in pairs):
                self._chance[name] = np.array([np.nan])
                continue
            static = self._plan.layers[name].static
            cells = None if static.all() else torch.from_numpy(static).to(self._images.device)
            distances = [float(norms((kept[one] - kept[other])[None], cells)) for one, other in pairs]
            if cells is None:
                scales = [self._scales[name, one] for one, _ in pairs]
            else:
                scales = [float(norms(kept[one][None], cells)) for one, _ in pairs]
            self._chance[name] = _divided(np.array(distances), np.array(scales))
            for index in [index for index in kept if index >= self._shared]:
                self._plan.spare(name, kept.pop(index))

    def _compare(self, name: str, number: int, which: tuple[int, ...], moved: Tensor) -> None:
        """The numbers themselves are read when the pass is over, which costs less than layer by layer."""
        maps = self._originals[name].get(number)
        if maps is None:
            return
        mover = self._plan.layers[name].mover
        cells = self._plan.mask(name, which, maps)
        error = nearest = mover.distances(maps, moved, which, cells)
        if self._plan.nearest and not mover.whole[list(which)].all():
            nearest = mover.distances(maps, moved, which, cells, nearest=True)
        self._compared.append(_Compared(name, error, nearest, self._scale(name, number, which, cells)))

    def _scale(self, name: str, number: int, which: tuple[int, ...], cells: Tensor | None) -> Floats | float:
        """‖f(x)‖ over the ``cells`` compared under each transform, or over all."""
        if cells is None:
            return self._scales[name, number]
        energy = self._originals[name][number].square().sum(0)
        return _numbers((cells.view(len(which), -1) @ energy.view(-1)).sqrt())

    def _write_down(self, number: int, which: tuple[int, ...]) -> None:
        """The numbers of one pass, all layers at once."""
        if not self._compared:
            return
        scales = np.empty((len(self._compared), len(which)))
        for row, each in zip(scales, self._compared, strict=True):
            row[:] = each.scale
        at = np.ix_([self._row[each.layer] for each in self._compared], [number], which)
        self._error[at] = _divided(_stacked([each.error for each in self._compared]), scales)[:, None]
        if self._plan.nearest:
            self._nearest[at] = _divided(_stacked([each.nearest for each in self._compared]), scales)[:, None]
        self._compared.clear()

    def result(self, done: float, images: int) -> Equivariance:
        """With the numbers of so many ``images``."""
        plan = self._plan
        layers = [
            self._layer(placed.layer, images) if placed.grid is not None else self._unmeasured(placed)
            for placed in plan.placed
        ]
        notes = tuple(plan.notes)
        return Equivariance(
            plan.transforms, tuple(layers), len(self._images), plan.compared, self._unrelated.words, done, notes
        )

    def _unmeasured(self, placed: PlacedLayer) -> LayerEquivariance:
        nothing = np.full((len(self._images), len(self._plan.transforms)), np.nan)
        return LayerEquivariance(
            placed.layer,
            None,
            nothing,
            nothing,
            nothing[0],
            np.nan,
            np.nan,
            np.zeros_like(nothing[0]),
            (),
            placed.reason,
        )

    def _layer(self, name: str, images: int) -> LayerEquivariance:
        each = self._plan.layers[name]
        notes = list(self._plan.notes_of(name))
        if self._zero[name]:
            notes.append(f"f(x) is zero everywhere for {len(self._zero[name])} of {len(self._images)} images.")
        if name in self._broken:
            notes.append("The layer gives values that are not finite.")
        if name in self._unreached:
            notes.append("The images did not reach this layer.")
        row = self._row[name]
        floor = nan_mean(self._floor[row])
        chance = self._chance.get(name, np.array([np.nan]))
        chance = chance[~np.isnan(chance)]
        level, spread = (float(chance.mean()), float(chance.std())) if len(chance) else (np.nan, np.nan)
        error, nearest = self._error[row].copy(), self._nearest[row].copy()
        error[images:] = nearest[images:] = np.nan
        return LayerEquivariance(name, each.mover.grid, error, nearest, floor, level, spread, each.shares, tuple(notes))


def _numbers(values: Tensor) -> Floats:
    return np.asarray(values.cpu().double().numpy())


def _stacked(values: list[Tensor]) -> Floats:
    if len({value.dtype for value in values}) > 1:
        values = [value.double() for value in values]
    return _numbers(torch.stack(values))


def _divided(norms: Floats, scale: Floats) -> Floats:
    """Relative errors; NaN where f(x) is zero on the cells compared, or there are none."""
    if (scale > 0).all():
        return norms / scale
    return np.where(scale > 0, norms / np.where(scale > 0, scale, 1.0), np.nan)
