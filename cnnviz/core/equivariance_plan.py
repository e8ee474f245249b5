"""What has to be worked out once before f(T x) is compared with T f(x), whatever the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from cnnviz.core.cell_mask import CellMask, Cells
from cnnviz.core.cells_inside import ImageCells, inside
from cnnviz.core.graph import INPUT
from cnnviz.core.interpolation import Floats
from cnnviz.core.interpolation_floor import InterpolationFloor
from cnnviz.core.kept_maps import SpareMaps
from cnnviz.core.map_grids import PlacedLayer, place_layers
from cnnviz.core.map_motion import Compared, MapMover
from cnnviz.core.map_windows import Scratch
from cnnviz.core.padding_reach import padding_reach
from cnnviz.core.trace import TracedNetwork
from cnnviz.core.transforms import MapGrid, Transform, image_grid

MEMORY = 192 * 2**20
"""Bytes that the maps of all layers together may take in one forward pass."""
LARGEST_BATCH = 64
KEEPS_EQUAL = frozenset(("ReLU", "ReLU6", "LeakyReLU", "Hardtanh", "Threshold", "Identity"))
"""Kinds of layers that give equal values for equal values, to the last bit: each is compared, chosen or scaled by
itself. Of those with an exponential that does not hold, since a processor works several out at a time in another way
than the few that are left over."""
WORTH_CHANNELS_LAST = 4
"""Images in a pass from which on convolutions, and comparing, are faster with all channels of a pixel together."""


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """What comparing one layer needs, whatever the image.

    Attributes
    ----------
    placed : PlacedLayer
    mover : MapMover
    cells : array of bool (transforms, h, w)
        Those that are compared.
    everywhere : bool
        Whether these are all, under every transform.
    shares : array (transforms,)
        Share of the cells that are compared.
    floor : InterpolationFloor or None
    static : array of bool (h, w) or None
        Those that are compared between unrelated images; None if these are all.
    follows : str or None
        The layer before, on the same cells: where nothing moves it off T f(x) by even a bit, this layer is not either.
    """

    placed: PlacedLayer
    mover: MapMover
    cells: Cells
    everywhere: bool
    shares: Floats
    floor: InterpolationFloor | None
    static: Cells | None
    follows: str | None


class EquivariancePlan:
    """What is compared with what, for one network and one list of transforms.

    Parameters
    ----------
    As of ``equivariance_steps``.
    """

    def __init__(
        self,
        network: TracedNetwork,
        transforms: Sequence[Transform],
        layers: Sequence[str] | None = None,
        compared: Compared = "known",
        *,
        floor: bool = True,
        nearest: bool = True,
        chance: bool = True,
    ) -> None:
        self.network, self.transforms, self.compared = network, tuple(transforms), compared
        self.floor, self.nearest, self.chance = floor, nearest, chance
        graph = network.graph
        names = graph.names if layers is None else tuple(layers)
        for name in names:
            graph[name]
        placed = place_layers(graph)
        self.placed = [placed[name] for name in names]
        height, width = graph[INPUT].output_shape[1:] if len(graph[INPUT].output_shape) == 3 else (1, 1)
        self.image = image_grid(height, width)
        self.input_mover = MapMover(self.image, self.transforms, "all")
        wrapped = all(each.border == "wrap" for each in self.transforms)
        reach = padding_reach(graph, periodic=wrapped) if compared == "inside" else {}
        foreign = ImageCells(self.image, self.transforms) if compared == "inside" else None
        self.notes: list[str] = []
        self.layers: dict[str, LayerPlan] = {}
        self._unknown: set[str] = set()
        self._scratch = Scratch()
        self._movers: dict[MapGrid, tuple[MapMover, InterpolationFloor | None]] = {}
        for each in self.placed:
            if each.grid is not None:
                self.layers[each.layer] = self._layer(each, reach.get(each.layer), foreign)
        self._orders: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._notes: dict[str, tuple[str, ...]] = {}
        self.spare = SpareMaps()
        # Layers whose output the network changes in place later on: those known, and those that a pass finds.
        self.at_once = set(network.overwritten)
        self._masks: dict[tuple[int, tuple[int, ...]], CellMask | None] = {}
        # Of all layers, measured or not: a pass over larger batches leaves the processor's caches.
        values = sum(int(np.prod(layer.output_shape)) for layer in graph)
        self.batch = int(np.clip(MEMORY // max(4 * values, 1), 1, LARGEST_BATCH))
        if graph.method == "hooks":
            self.batch = 1
            self.notes.append("The network's way may depend on the values: the images go through it one by one.")
        # A graph that torch.export made may have written down that the maps lie channel by channel.
        self.channels_last = graph.method == "torch.fx" and self.input_mover.shifts
        self.channels_last &= min(self.batch, len(self.transforms)) >= WORTH_CHANNELS_LAST

    def _layer(self, placed: PlacedLayer, reached: Cells | None, foreign: ImageCells | None) -> LayerPlan:
        assert placed.grid is not None
        grid = placed.grid
        if grid not in self._movers:
            mover = MapMover(grid, self.transforms, self.compared, self._scratch)
            self._movers[grid] = mover, InterpolationFloor(mover) if self.floor else None
        mover, floor = self._movers[grid]
        static, cells = None, mover.known
        if foreign is not None:
            if reached is None:
                reached = np.ones(grid.shape, bool)
                self._unknown.add(placed.layer)
            cells, static = inside(mover, reached, placed.field, foreign), ~reached if reached.any() else None
        shares = np.asarray(cells.mean((1, 2)))
        follows = self._follows(placed.layer, mover, cells)
        return LayerPlan(placed, mover, cells, bool(cells.all()), shares, floor, static, follows)

    def _follows(self, name: str, mover: MapMover, cells: Cells) -> str | None:
        graph = self.network.graph
        layer = graph[name]
        if layer.kind not in KEEPS_EQUAL or graph.method == "hooks" or len(layer.inputs) != 1:
            return None
        before = self.layers.get(layer.inputs[0])
        same = before is not None and before.mover is mover and np.array_equal(before.cells, cells)
        same = same and graph[layer.inputs[0]].output_shape == layer.output_shape
        return layer.inputs[0] if same else None

    def ordered(self, which: tuple[int, ...]) -> tuple[int, ...]:
        """Transforms in the order in which they cost least.

        What the shifts move in lies on after on in memory; and where there are several passes, shifts that lie equally
        between the cells of the large early maps go together, so that those maps are interpolated once for them.
        """
        if which not in self._orders:
            strides = sorted({stride for grid in self._movers for stride in grid.stride if stride})
            apart = [stride for stride in strides if stride > 1][:3] if len(which) > self.batch else []

            def place(index: int) -> tuple[float, ...]:
                each = self.transforms[index]
                between = [round(shift % stride, 9) for stride in apart for shift in (each.rows, each.columns)]
                return (*between, -each.rows, -each.columns)

            self._orders[which] = tuple(sorted(which, key=place))
        return self._orders[which]

    def mask(self, name: str, which: tuple[int, ...], like: Tensor) -> CellMask | None:
        """The cells that are compared under each of ``which``; None if all are."""
        each = self.layers[name]
        if each.everywhere:
            return None
        key = id(each.cells), which  # layers on one grid have the same cells
        mask = self._masks.get(key)
        if key not in self._masks or (mask is not None and not mask.fits(like)):
            cells = each.cells[list(which)]
            mask = self._masks[key] = None if cells.all() else CellMask(cells, like)
        return mask

    def notes_of(self, name: str) -> tuple[str, ...]:
        """In words, what was assumed of a layer and what is left out."""
        if name not in self._notes:
            self._notes[name] = self._notes_of(name)
        return self._notes[name]

    def _notes_of(self, name: str) -> tuple[str, ...]:
        notes = list(self.layers[name].placed.notes)
        if name in self._unknown:
            notes.append("Which cells padding reaches is not known here.")
        empty = int((~self.layers[name].cells.any((1, 2))).sum())
        if empty:
            inside_only = self.compared == "inside"
            left = "padding and what comes in reach all" if inside_only else "none of them comes from the map"
            notes.append(f"No cell remains for {empty} of {len(self.transforms)} transforms: {left}.")
        return tuple(notes)
