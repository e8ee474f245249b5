"""One pass of images through a network, whose layers f(T x) are compared with T f(x)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.kept_maps import KeptMaps

WAITING = 2**21
"""Values of layers that wait to be compared together."""


class AllSeen(Exception):
    """Ends a pass whose remaining layers nobody asked for."""


class Overwritten(Exception):
    """A layer that waited was changed in place; in the next pass it is compared at once."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Images that go through the network together.

    Attributes
    ----------
    images : Tensor (N, C, H, W)
    number : int
        The image that is moved.
    which : tuple of int
        By what transforms, one after the other: the last of ``images``.
    kept : dict of int to int
        The rows of images that are not moved, by their number, in order.
    """

    images: Tensor
    number: int
    which: tuple[int, ...]
    kept: dict[int, int]


class PassComparison:
    """Sees the layers' outputs for a batch, keeps those of images that are not moved, and compares the others.

    Layers are compared several at a time: the first of the same calls after a convolution takes up to four times as
    long as the next, since its code has to come back to the processor's caches.

    Parameters
    ----------
    plan : EquivariancePlan
    batch : Batch
    originals : KeptMaps
        What was kept of other batches, to which that of this one is added.

    Attributes
    ----------
    reached : set of str
        Layers that gave something.
    kept : dict of str to Tensor (images, C, h, w)
        The maps f(x) of ``batch.kept``.
    distances : dict of str to (Tensor, Tensor), each (transforms,)
        ‖f(Tx) − T f(x)‖ for ``batch.which``, and the same with T f(x) from whole cells.
    """

    def __init__(self, plan: EquivariancePlan, batch: Batch, originals: KeptMaps) -> None:
        self.reached: set[str] = set()
        self.kept: dict[str, Tensor] = {}
        self.distances: dict[str, tuple[Tensor, Tensor]] = {}
        self._plan, self._batch, self._originals = plan, batch, originals
        self._count, self._first = len(batch.images), len(batch.images) - len(batch.which)
        self._images = tuple(batch.kept)
        rows = list(batch.kept.values())
        self._rows = torch.tensor(rows, dtype=torch.int64, device=batch.images.device)
        self._evenly = evenly(rows)
        self._waiting: list[tuple[str, Tensor, int]] = []
        self._values = 0
        originals.begin(self._images)

    def see(self, name: str, value: Tensor) -> None:
        """The output of the layer ``name``. Raises AllSeen after the last, and Overwritten."""
        if name not in self._plan.layers or value.shape[:1] != (self._count,) or value.is_complex():
            return
        self.reached.add(name)
        self._waiting.append((name, value, value._version))
        self._values += value.numel()
        if self._values > WAITING or name in self._plan.at_once:
            self.finish()
        if len(self.reached) == len(self._plan.layers):
            self.finish(over=True)
            raise AllSeen

    def finish(self, *, over: bool = False) -> None:
        """Compare what waits, which nothing changes any more once the pass is ``over``. Raises Overwritten."""
        changed = [name for name, value, version in self._waiting if value._version != version]
        if changed:
            self._plan.at_once.update(changed)
            raise Overwritten
        for name, value, _ in self._waiting:
            single = value if value.dtype in (torch.float32, torch.float64) else value.float()
            shape = self._plan.layers[name].mover.grid.shape
            maps = single if single.shape[2:] == shape else single.reshape(self._count, -1, *shape)
            if self._images and over and self._evenly is not None:
                self.kept[name] = self._originals.hold(name, self._images, maps[self._evenly])
            elif self._images:
                self.kept[name] = self._originals.keep(name, self._images, maps, self._rows)
            if self._batch.which:
                self._compare(name, maps[self._first :])
        self._waiting.clear()
        self._values = 0

    def _compare(self, name: str, moved: Tensor) -> None:
        maps, which = self._originals.of[name].get(self._batch.number), self._batch.which
        if maps is None:
            return
        mover = self._plan.layers[name].mover
        cells = self._plan.mask(name, which, maps)
        whole = mover.whole_of(which)
        error = nearest = mover.distances(maps, moved, which, cells, whole=self._known(name, whole))
        if self._plan.nearest and not all(whole):
            nearest = mover.distances(maps, moved, which, cells, nearest=True, whole=error)
        self.distances[name] = error, nearest

    def _known(self, name: str, whole: list[bool]) -> Tensor | None:
        """Distances of transforms that copy ``whole`` cells, if all are 0 since those of the layer before are."""
        before = self._plan.layers[name].follows
        if before is None or before not in self.distances or before in self._plan.at_once:
            return None
        distances = self.distances[before][0]
        differs = any(distance != 0 for distance, copied in zip(distances.tolist(), whole, strict=True) if copied)
        return None if differs else distances


def evenly(rows: list[int]) -> slice | None:
    """The ascending ``rows`` as a slice, of which no copy is made; None where they do not follow each other evenly."""
    if not rows:
        return None
    step = rows[1] - rows[0] if len(rows) > 1 else 1
    found = range(rows[0], rows[-1] + 1, step)
    return slice(found.start, found.stop, step) if list(found) == rows else None
