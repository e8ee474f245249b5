"""How far each layer is from f(T x) = T f(x), for shifts, rotations, zooms and flips."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

import torch
from torch import Tensor

from cnnviz.core.chance_level import no_pairs, unrelated
from cnnviz.core.equivariance_numbers import Compared, EquivarianceNumbers, divided, stacked
from cnnviz.core.equivariance_pass import AllSeen, Batch, Overwritten, PassComparison
from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.equivariance_result import Equivariance
from cnnviz.core.execution import Cancelled
from cnnviz.core.graph import INPUT
from cnnviz.core.kept_maps import KeptMaps
from cnnviz.core.map_motion import Compared as ComparedCells
from cnnviz.core.map_motion import norms
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
    """The relative error of every layer under every transform; parameters as of :func:`equivariance_steps`."""
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
    compared: ComparedCells = "known",
    others: Tensor | None = None,
    black: float | Sequence[float] = 0.0,
    floor: bool = True,
    nearest: bool = True,
    chance: bool = True,
    coarse: bool = True,
    plan: EquivariancePlan | None = None,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Equivariance]:
    """Measure coarse first: every fourth transform of the first image, then those between, then image by image.

    Where few images fit into a pass, which is where one takes long, it is every sixteenth first, and a result comes
    after these, and after each pass and each layer's floor, whatever image it is of; one image's numbers are shown with
    the others' when all are there. What interpolation alone costs comes with the last of an image's numbers.

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
    floor, nearest, chance : bool
        Whether the interpolation's own error, the error with whole cells and the level of chance are measured too.
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
        plan = EquivariancePlan(network, transforms, layers, compared, floor=floor, nearest=nearest, chance=chance)
    work = _Measurement(plan, images, others, black, cancelled)
    total = len(images) * len(plan.transforms)
    everything = list(range(len(transforms)))
    first, later = [everything], [everything]
    if coarse and len(transforms) > 8:
        first = [everything[0::4], everything[2::4], everything[1::2]]
        if plan.batch < SMALL_BATCH:
            first = [everything[0::16], everything[8::16], everything[4::8], *first[1:]]
            later = [everything[start::8] for start in range(8)]
            # whoever has something more urgent to do then waits for one pass, not for many; a curve has both its ends
            first, later = [first[0], *_passes(first[1:], plan.batch)], _passes(later, plan.batch)
    done = 0
    for number in range(len(images)):
        parts = first if number == 0 else later
        for place, part in enumerate(parts):
            work.measure(number, part)
            if place == len(parts) - 1:
                for _ in work.measure_floors(number):
                    if plan.batch < SMALL_BATCH:
                        yield work.result(done / total, max(number, 1))
            done += len(part)
            if progress is not None:
                progress(done / total)
            yield work.result(done / total, number + 1 if number == 0 or place == len(parts) - 1 else number)
        work.forget(number)


def _passes(parts: Sequence[list[int]], most: int) -> list[list[int]]:
    """The same in the same order, in parts of at most so many."""
    return [part[start : start + most] for part in parts for start in range(0, len(part), most)]


class _Measurement:
    """Puts images through the network, and compares their layers."""

    def __init__(
        self,
        plan: EquivariancePlan,
        images: Tensor,
        others: Tensor | None,
        black: float | Sequence[float],
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._plan, self._images, self._black, self._cancelled = plan, images, black, cancelled
        # The unrelated images go through the network with the first of those measured; some of them are the next.
        self._unrelated = unrelated(images, others, max(plan.batch // 2, 1)) if plan.chance else no_pairs(images)
        self._shared = min(len(images), 1 + max(self._unrelated.first, default=0))
        self._numbers = EquivarianceNumbers(plan, len(images), len(self._unrelated.first))
        self._originals = KeptMaps(tuple(plan.layers), plan.spare)
        self._ahead: set[int] = set()
        self._channels_last = plan.channels_last and (images.device.type, images.dtype) == ("cpu", torch.float32)

    def measure(self, number: int, which: Sequence[int]) -> None:
        """Put one image, moved by the transforms ``which``, through the network and compare all layers."""
        plan = self._plan
        unmoved = tuple(index for index in which if plan.transforms[index].is_identity)
        moving = plan.ordered(tuple(index for index in which if index not in unmoved))
        is_first = not self._ahead
        for batch in self._batches(number, unmoved, moving):
            self._write_down(batch, self._pass(batch))
        if is_first and plan.chance:
            self._measure_chance()
        if unmoved:
            self._leave_in_place(number, unmoved)

    def measure_floors(self, number: int) -> Iterator[str]:
        """What interpolation alone costs, for one image that has been measured, layer by layer."""
        names = [name for name, kept in self._originals.of.items() if number in kept]
        for name, scale in zip(names, self._numbers.scales(names)[:, number].tolist(), strict=True):
            floor = self._plan.layers[name].floor
            if floor is not None and 0 < scale < math.inf:
                if self._cancelled is not None and self._cancelled():
                    raise Cancelled
                self._numbers.interpolated(name, number, floor.measure(self._originals.of[name][number]))
                yield name

    def result(self, done: float, images: int) -> Equivariance:
        """With the numbers of so many ``images``."""
        return self._numbers.result(done, images, self._unrelated.words)

    def forget(self, number: int) -> None:
        """The image is done with."""
        self._originals.drop([number])

    def _batches(self, number: int, unmoved: tuple[int, ...], moving: tuple[int, ...]) -> Iterator[Batch]:
        """The image, unless it went through before, any that are unrelated with the first, and it moved."""
        most = self._plan.batch
        images, rows = self._images[number : number + 1], {number: 0}
        if not self._ahead:
            images = self._unrelated.images
            rows, self._ahead = {row: row for row in range(len(images))}, set(range(self._shared))
        elif number in self._ahead:
            images, rows = images[:0], {}
        self._ahead.add(number)
        if rows and unmoved and len(images) + len(moving) <= most:
            # Among those moved, where its shift by nothing belongs, so that all shifts follow each other evenly.
            moving, images = self._plan.ordered((*moving, unmoved[0])), images[1:]
            rows = {index: row - 1 for index, row in rows.items()}
            rows[number] = len(images) + moving.index(unmoved[0])
        before = len(images)
        # In memory as the network is fastest with.
        layout = torch.channels_last if self._channels_last else torch.contiguous_format
        size = before + len(moving), *images.shape[1:]
        batch = torch.empty(size, dtype=images.dtype, device=images.device, memory_format=layout)
        batch[:before] = images
        self._move(self._images[number], moving, batch[before:])
        ordered = sorted(rows.items(), key=itemgetter(1))
        for start in range(0, len(batch), most):
            part = batch[start : start + most]
            stop = start + len(part)
            kept = {index: row - start for index, row in ordered if start <= row < stop}
            yield Batch(part, number, moving[max(start - before, 0) : max(stop - before, 0)], kept)

    def _move(self, image: Tensor, which: Sequence[int], moved: Tensor) -> None:
        plan = self._plan
        if all(plan.input_mover.whole[index] and plan.transforms[index].border == "wrap" for index in which):
            if self._channels_last:
                image = image[None].contiguous(memory_format=torch.channels_last)[0]
            plan.input_mover.move(image, which, out=moved)
            return
        for place, index in enumerate(which):
            moved[place] = move_images(image[None], plan.transforms[index], self._black)[0]

    def _pass(self, batch: Batch) -> PassComparison:
        plan = self._plan
        while True:
            compared = PassComparison(plan, batch, self._originals)
            try:
                plan.network.stream(batch.images, compared.see, cancelled=self._cancelled)
                compared.finish(over=True)
            except Cancelled:
                raise
            except AllSeen:
                pass
            except Overwritten:
                continue
            except Exception:
                # Such as that of a view that wants the maps channel by channel. One that has another reason comes again
                # in the usual layout, and is raised.
                if not self._channels_last:
                    raise
                self._channels_last = plan.channels_last = False
                batch = replace(batch, images=batch.images.contiguous())
                continue
            return compared

    def _write_down(self, batch: Batch, found: PassComparison) -> None:
        """The numbers of one pass, all layers at once: they are read when it is over."""
        self._numbers.reached |= found.reached
        number, which = batch.number, batch.which
        if found.kept:
            places = [place for place, index in enumerate(batch.kept) if index in self._ahead]
            scales = stacked([norms(maps) for maps in found.kept.values()])[:, places]
            self._numbers.scaled(list(found.kept), [list(batch.kept)[place] for place in places], scales)
        if found.distances:
            all_of = [Compared(name, *each, self._scale(name, number, which)) for name, each in found.distances.items()]
            self._numbers.compared(number, which, all_of)

    def _scale(self, name: str, number: int, which: tuple[int, ...]) -> Tensor | None:
        maps = self._originals.of[name][number]
        cells = self._plan.mask(name, which, maps)
        return None if cells is None else cells.norms(maps)

    def _measure_chance(self) -> None:
        """Between the unrelated images, over the cells that padding does not reach if those alone are compared."""
        first, second = self._unrelated.first, self._unrelated.second
        measured = [name for name, kept in self._originals.of.items() if {*first, *second} <= kept.keys()]
        distances, scales = [], self._numbers.scales(measured)[:, list(first)]
        for row, name in enumerate(measured):
            kept, static = self._originals.of[name], self._plan.layers[name].static
            pairs = [kept[one] - kept[other] for one, other in zip(first, second, strict=True)]
            if static is None:
                distances += [torch.linalg.vector_norm(pair) for pair in pairs]
                continue
            cells = torch.from_numpy(static).to(self._images.device)
            distances += [norms(pair[None], cells)[0] for pair in pairs]
            scales[row] = stacked([torch.cat([norms(kept[one][None], cells) for one in first])])
        self._originals.drop(range(self._shared, len(self._unrelated.images)))
        if measured:
            self._numbers.by_chance(measured, divided(stacked(distances).reshape(scales.shape), scales))

    def _leave_in_place(self, number: int, which: tuple[int, ...]) -> None:
        scales = {name: self._scale(name, number, which) for name, kept in self._originals.of.items() if number in kept}
        self._numbers.in_place(number, which, scales)
