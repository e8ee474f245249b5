"""f(T x) beside T f(x) for one image and one transform, fast enough to follow the hand that moves it."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnviz.core.cell_mask import Cells
from cnnviz.core.cells_inside import ImageCells, inside
from cnnviz.core.graph import INPUT
from cnnviz.core.map_grids import PlacedLayer, place_layers
from cnnviz.core.map_motion import Compared, MapMover, norms
from cnnviz.core.padding_reach import padding_reach
from cnnviz.core.trace import TracedNetwork
from cnnviz.core.transforms import (
    Between,
    MapGrid,
    Sampling,
    Transform,
    border_fill,
    image_grid,
    move_images,
    sample,
    sampling,
)

KEPT_SHIFTS = 80
"""Shifts of which is kept how they move maps: all that a slider has, so that its way back is faster."""
KEPT_PIXELS = 2**21
"""Of large images fewer: at most as many as have so many pixels together."""


@dataclass(frozen=True)
class LayerError:
    """One layer under one transform.

    Attributes
    ----------
    error : float
        ‖f(Tx) − T f(x)‖ / ‖f(x)‖ over the cells compared; NaN where there is none, and ``reason`` says why.
    share : float
        Share of the cells that are compared.
    notes : tuple of str
        What was assumed.
    """

    layer: str
    error: float
    share: float
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class MapPair:
    """The map of one channel, f(Tx) and T f(x), each (h, w), and the cells that are compared, bool (h, w)."""

    moved: Tensor
    expected: Tensor
    cells: Cells

    @property
    def difference(self) -> Tensor:
        return self.moved - self.expected


@dataclass(frozen=True, eq=False)
class LiveErrors:
    """All layers in order of execution, and the maps of the one that was asked for, if it has any."""

    layers: tuple[LayerError, ...]
    maps: MapPair | None


class LiveEquivariance:
    """Compares all layers of one network; where their cells lie is worked out once."""

    def __init__(self, network: TracedNetwork) -> None:
        self._network = network
        self.placed = place_layers(network.graph)
        shape = network.graph[INPUT].output_shape
        self._image = image_grid(shape[1], shape[2]) if len(shape) == 3 else image_grid(1, 1)
        self._reached: dict[bool, Mapping[str, Cells]] = {}
        self._places: OrderedDict[tuple[Transform, Compared], _Places] = OrderedDict()

    def compare(
        self,
        values: Mapping[str, Tensor],
        image: Tensor,
        transform: Transform,
        *,
        compared: Compared = "known",
        black: float | Sequence[float] = 0.0,
        maps_of: tuple[str, int] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> LiveErrors:
        """One forward pass of the moved image; each layer is compared as it comes.

        Parameters
        ----------
        values : mapping of str to Tensor (1, …)
            The outputs of the layers for ``image``.
        image : Tensor (1, C, H, W)
            Ready for the network.
        compared
            As of ``equivariance_steps``.
        black : float, or one for each channel
            What a border of "zeros" fills in.
        maps_of : (str, int), optional
            The layer and the channel whose maps are wanted.
        """
        places = self._places_of(transform, compared)
        found: dict[str, LayerError] = {}
        pairs: list[MapPair] = []

        def see(name: str, value: Tensor) -> None:
            placed = self.placed.get(name)
            if placed is None or placed.grid is None or name not in values or value.is_complex():
                return
            before, after = (_as_maps(each, placed.grid) for each in (values[name], value))
            expected = places.moved(placed, before)
            counted = places.counted(placed, before)
            found[name] = _error(placed, before, after, expected, counted, compared)
            if maps_of is not None and maps_of[0] == name:
                channel = min(maps_of[1], len(after) - 1)
                pairs.append(MapPair(after[channel].clone(), expected[channel], counted.cells))

        moved = move_images(image, transform, black)
        self._network.stream(moved, see, cancelled=cancelled)
        layers = tuple(found.get(name) or self._missing(name) for name in self._network.graph.names)
        return LiveErrors(layers, pairs[-1] if pairs else None)

    def _places_of(self, transform: Transform, compared: Compared) -> "_Places":
        key = transform, compared
        found = self._places.get(key)
        if found is not None:
            self._places.move_to_end(key)
            return found
        found = _Places(self._image, transform, compared, self._reach(transform) if compared == "inside" else None)
        if transform.is_shift:  # what turns or zooms has a matrix for each grid, too large to be kept
            self._places[key] = found
            height, width = self._image.shape
            while len(self._places) > max(1, min(KEPT_SHIFTS, KEPT_PIXELS // (height * width))):
                self._places.popitem(last=False)
        return found

    def _reach(self, transform: Transform) -> Mapping[str, Cells]:
        periodic = transform.border == "wrap"
        if periodic not in self._reached:
            self._reached[periodic] = padding_reach(self._network.graph, periodic=periodic)
        return self._reached[periodic]

    def _missing(self, name: str) -> LayerError:
        reason = self.placed[name].reason or "this input does not reach the layer"
        return LayerError(name, math.nan, 0.0, reason)


@dataclass(frozen=True, eq=False)
class _Way:
    """How maps on one grid are moved: shifts by the mover, all else by weights, as a sparse matrix if there is one."""

    mover: MapMover
    how: Sampling | None
    matrix: Any


@dataclass(frozen=True, eq=False)
class _Counted:
    """The cells that are compared: their share, and a mask where they are not all."""

    cells: Cells
    share: float
    mask: Tensor | None


class _Places:
    """How one transform moves maps, by their grid, and which of their cells are compared."""

    def __init__(
        self, image: MapGrid, transform: Transform, compared: Compared, reached: Mapping[str, Cells] | None
    ) -> None:
        self._transform, self._compared, self._reached = transform, compared, reached
        self._foreign = None if reached is None else ImageCells(image, [transform])
        self._between: Between = "bicubic" if compared == "inside" else "fourier"
        self._ways: dict[MapGrid, _Way] = {}
        self._cells: dict[MapGrid | str, _Counted] = {}

    def moved(self, placed: PlacedLayer, maps: Tensor) -> Tensor:
        """T of maps (C, h, w)."""
        way = self._way(placed, maps)
        fill = border_fill(maps[None], self._transform.border) if self._compared == "all" else None
        if way.how is None:
            return way.mover.move(maps, [0])[0]
        if way.matrix is None or fill is not None:
            return sample(maps[None], way.how, fill)[0]
        columns = np.ascontiguousarray(maps.flatten(1).numpy().T)
        return torch.from_numpy(way.matrix @ columns).T.reshape(maps.shape)

    def counted(self, placed: PlacedLayer, like: Tensor) -> _Counted:
        """The cells of the layer that count."""
        # padding reaches each layer in its own way; else all layers on one grid are alike
        key = placed.grid if self._reached is None else placed.layer
        assert key is not None
        if key not in self._cells:
            cells = self._cells_of(placed, like)
            mask = None if cells.all() else torch.from_numpy(cells).to(like.device)
            self._cells[key] = _Counted(cells, float(cells.mean()), mask)
        return self._cells[key]

    def _cells_of(self, placed: PlacedLayer, like: Tensor) -> Cells:
        mover = self._way(placed, like).mover
        if self._reached is None or self._foreign is None:
            found = mover.known
        else:
            reach = self._reached.get(placed.layer, np.ones(mover.grid.shape, bool))
            found = inside(mover, reach, placed.field, self._foreign)
        return np.asarray(found[0])

    def _way(self, placed: PlacedLayer, like: Tensor) -> _Way:
        grid = placed.grid
        assert grid is not None
        if grid not in self._ways:
            self._ways[grid] = self._made(grid, like)
        return self._ways[grid]

    def _made(self, grid: MapGrid, like: Tensor) -> _Way:
        mover = MapMover(grid, [self._transform], self._compared)
        if self._transform.is_shift:
            return _Way(mover, None, None)
        how = sampling(grid, self._transform, self._between, open_ended=self._compared != "all")
        return _Way(mover, how, _sparse(how, like) if how.rows is None and like.device.type == "cpu" else None)


def _sparse(how: Sampling, like: Tensor) -> Any:
    """The weights of all taps as one matrix (h·w, h·w): on a CPU many times faster than gathering tap by tap."""
    from scipy.sparse import csr_matrix

    size = how.known.size
    sources = np.concatenate([np.zeros(0, np.int64), *(places.ravel() for places, _ in how.taps)])
    weights = np.concatenate([np.zeros(0), *(weights.ravel() for _, weights in how.taps)])
    targets = np.tile(np.arange(size), len(how.taps))
    return csr_matrix((weights.astype(like.numpy().dtype), (targets, sources)), shape=(size, size))


def _as_maps(value: Tensor, grid: MapGrid) -> Tensor:
    single = value if value.dtype in (torch.float32, torch.float64) else value.float()
    return single.detach()[0].reshape(-1, *grid.shape)


def _error(
    placed: PlacedLayer, before: Tensor, after: Tensor, expected: Tensor, counted: _Counted, compared: Compared
) -> LayerError:
    mask, share = counted.mask, counted.share
    distance, scale = float(norms((after - expected)[None], mask)), float(norms(before[None], mask))
    reason = ""
    if share == 0:
        left = "padding and what comes in reach all of them" if compared == "inside" else "none comes from the map"
        reason = f"no cell remains to be compared: {left}"
    elif not math.isfinite(scale) or not math.isfinite(distance):
        reason = "its values are not finite"
    elif scale == 0:
        whole = bool((before == 0).all())
        reason = "its maps are zero everywhere" if whole else "its maps are zero in all cells that are compared"
    error = math.nan if reason else distance / scale
    return LayerError(placed.layer, error, share, reason, placed.notes)
