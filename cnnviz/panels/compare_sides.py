"""The two networks of a comparison, and the pictures of both under one scale; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.checkpoints.checkpoint import Checkpoint
    from cnnviz.checkpoints.comparison import Weights
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import LoadedNetwork
    from cnnviz.engine.other_network import OtherNetwork


@dataclass(frozen=True, eq=False)
class ColourTiles:
    """Kernels over three input channels: ``pixels`` uint8 ``(H, W, 3)``, one tile below the other."""

    pixels: np.ndarray
    tile_shape: tuple[int, int]
    count: int


@dataclass(frozen=True, eq=False)
class SideBySide:
    """One kind of picture of both networks, under one colour scale.

    Attributes
    ----------
    first, second : Mosaic, ColourTiles or None
        None where that network has none, which ``note`` then says.
    difference : Mosaic, ColourTiles or None
        Second minus first, signed; None where they cannot be subtracted, which ``note`` then says.
    first_values, second_values : array (tiles, h, w) or (tiles, 3, h, w), or None
    low, high : float
        The values at the ends of the common scale; ``reach`` is the end of the difference's.
    """

    first: Mosaic | ColourTiles | None
    second: Mosaic | ColourTiles | None
    difference: Mosaic | ColourTiles | None
    first_values: np.ndarray | None
    second_values: np.ndarray | None
    low: float
    high: float
    signed: bool
    reach: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Side:
    """One network: alive, or the tensors of a file alone."""

    name: str
    source: str
    network: LoadedNetwork | None
    checkpoint: Checkpoint | None

    @cached_property
    def weights(self) -> Weights:
        """All tensors by name, without containers and wrappers."""
        from cnnviz.checkpoints.comparison import weights_in_file, weights_of_module

        if self.checkpoint is not None:
            return weights_in_file(self.checkpoint)
        assert self.network is not None
        return weights_of_module(self.network.module)


def shown_side(network: LoadedNetwork) -> Side:
    """The network on the screen; of a file that is no whole network all tensors, not only those of layers."""
    kind, _, name = network.source.partition(":")
    if network.lacks and kind == "file":
        from cnnviz.checkpoints.checkpoint import open_checkpoint

        return Side(network.name, network.source, network, open_checkpoint(Path(name), select=network.choice.select))
    return Side(network.name, network.source, network, None)


def other_side(other: OtherNetwork) -> Side:
    return Side(other.name, other.choice.source, other.network, other.checkpoint)


def told_apart(first: Side, second: Side) -> tuple[Side, Side]:
    """Both under names that differ: the files' whole names, with as many of their folders as that takes."""
    ways = [Path(side.source.partition(":")[2]).parts for side in (first, second)]
    for length in range(1, max(map(len, ways)) + 1):
        if first.name != second.name:
            break
        first, second = (
            replace(side, name="/".join(way[-length:])) for side, way in zip((first, second), ways, strict=True)
        )
    return (first, second) if first.name != second.name else (first, replace(second, name=f"{second.name} again"))


def side_by_side(first: Tensor | None, second: Tensor | None, note: str, *, signed: bool | None = None) -> SideBySide:
    """Maps ``(C, h, w)`` of both under one scale, and their difference where they have one shape."""
    from cnnviz.core.mosaic import mosaics_together

    given = [each.detach().float().cpu() for each in (first, second) if each is not None]
    mosaics = iter(mosaics_together(given, signed)) if given else iter(())
    one = next(mosaics) if first is not None else None
    two = next(mosaics) if second is not None else None
    scale = one or two
    difference = None
    if len(given) == 2:
        if given[0].shape == given[1].shape:
            (difference,) = mosaics_together([given[1] - given[0]], signed=True)
        else:
            note = note or f"{_shape(given[0])} and {_shape(given[1])} cannot be subtracted"
    return SideBySide(
        one,
        two,
        difference,
        None if first is None else given[0].numpy(),
        None if second is None else given[-1].numpy(),
        0.0 if scale is None else cast(float, scale.low),
        0.0 if scale is None else cast(float, scale.high),
        scale is not None and scale.signed,
        0.0 if difference is None else cast(float, difference.high),
        note,
    )


def colours_side_by_side(first: Tensor, second: Tensor) -> SideBySide:
    """Kernels ``(n, 3, h, w)`` of both as colours on one scale; in the difference grey means equal."""
    import numpy as np

    one, two = first.detach().float().cpu().numpy(), second.detach().float().cpu().numpy()
    both = np.concatenate([one.ravel(), two.ravel()])
    finite = both[np.isfinite(both)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = high - low or 1.0
    change = two - one
    finite_change = np.abs(change[np.isfinite(change)])
    reach = float(finite_change.max()) if finite_change.size else 0.0
    return SideBySide(
        _colour_tiles((one - low) / span),
        _colour_tiles((two - low) / span),
        _colour_tiles(change / (2 * reach or 1.0) + 0.5),
        one,
        two,
        low,
        high,
        False,
        reach,
    )


def _colour_tiles(images: np.ndarray) -> ColourTiles:
    """``(n, 3, h, w)`` in [0, 1]; values that are no numbers are grey."""
    import numpy as np

    count, _, height, width = images.shape
    levels = np.rint(np.clip(np.nan_to_num(images, nan=0.5), 0, 1) * 255).astype(np.uint8)
    pixels = levels.transpose(0, 2, 3, 1).reshape(count * height, width, 3)
    return ColourTiles(np.ascontiguousarray(pixels), (height, width), count)


def _shape(maps: Tensor) -> str:
    return f"{maps.shape[0]} maps of {maps.shape[1]}×{maps.shape[2]}"
