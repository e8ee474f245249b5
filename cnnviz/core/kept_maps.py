"""What layers gave for the images that are not moved, in memory that is used again."""

from collections.abc import Sequence

import torch
from torch import Tensor


class SpareMaps:
    """Memory for the maps of some images, since getting new memory costs as much as filling it."""

    def __init__(self) -> None:
        self._free: dict[str, list[Tensor]] = {}

    def take(self, layer: str, count: int, like: Tensor) -> Tensor:
        """Room for ``count`` of the maps ``like`` (N, C, h, w), laid out in memory as these."""
        free, size = self._free.get(layer), (count, *like.shape[1:])
        if free:
            room = free.pop()
            same = room.shape == size and room.stride()[1:] == like.stride()[1:]
            if same and room.dtype == like.dtype and room.device == like.device:
                return room
        return torch.empty_like(like[:count])

    def give_back(self, layer: str, maps: Tensor) -> None:
        """To be taken again."""
        self._free.setdefault(layer, []).append(maps)


class KeptMaps:
    """The maps of each layer: copies, since what follows in a pass may overwrite the layer's output, unless none does.

    Parameters
    ----------
    layers : names
    spare : SpareMaps

    Attributes
    ----------
    of : dict of str to dict of int to Tensor (C, h, w)
        For each layer the maps of each image.
    """

    def __init__(self, layers: Sequence[str], spare: SpareMaps) -> None:
        self.of: dict[str, dict[int, Tensor]] = {name: {} for name in layers}
        self._spare = spare
        self._passes: list[tuple[set[int], dict[str, Tensor]]] = []

    def begin(self, images: Sequence[int]) -> None:
        """What is kept from here on is of these ``images``."""
        self._passes.append((set(images), {}))

    def keep(self, layer: str, images: Sequence[int], maps: Tensor, rows: Tensor) -> Tensor:
        """Copy the ``rows`` of ``maps`` (N, C, h, w), which are those of the ``images``; (len(rows), C, h, w)."""
        room = self._spare.take(layer, len(rows), maps)
        torch.index_select(maps, 0, rows, out=room)
        self.of[layer].update(zip(images, room.unbind(), strict=True))
        self._passes[-1][1][layer] = room
        return room

    def hold(self, layer: str, images: Sequence[int], maps: Tensor) -> Tensor:
        """Keep ``maps`` (images, C, h, w) of the ``images`` as they are, since nothing will overwrite them."""
        self.of[layer].update(zip(images, maps.unbind(), strict=True))
        return maps

    def drop(self, images: Sequence[int]) -> None:
        """The ``images`` are done with; the memory of a pass is free when all of its images are."""
        for kept in self.of.values():
            for image in images:
                kept.pop(image, None)
        for left, rooms in self._passes:
            left.difference_update(images)
            if not left:
                for layer, room in rooms.items():
                    self._spare.give_back(layer, room)
        self._passes = [each for each in self._passes if each[0]]
