"""Padding: what the network reads beyond its borders, which cells that reaches, and what it does to equivariance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.core.choices import Direction
from cnnviz.core.subsampling import subsampling
from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec, Rest
from cnnviz.panels.shared.caveats import graph_words
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.core.curves import Curves, Series
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import LoadedNetwork, Observation
    from cnnviz.panels.shared.transform_sweep import KeptSweep

REST_S = 0.12
TILE = 12
"""Side of the small maps."""
ROUNDING = 1e-5


class PaddingParams(PanelParams):
    direction: Direction = Field("columns", description="along which the curves shift")
    curves: bool = Field(True, description="measure the curves, which may take long")


@dataclass(frozen=True)
class Reached:
    """Which share of a layer's cells padding reaches; ``size`` are its rows and columns."""

    layer: str
    share: float
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class PaddingResult:
    """
    Attributes
    ----------
    padded, pooled : bool
        Whether there is padding to switch, and pooling to blur, in the network as it was loaded.
    averages : bool
        Whether all of its pooling takes averages.
    strided : bool
        Whether it has no pooling, but strides in the place of which something could blur.
    reached : tuple of Reached
        Layers with maps, in order of execution.
    tiles : Mosaic or None
        One for each of ``reached``: 1 where padding reaches the cell.
    large : Mosaic or None
        Of the selected layer.
    words : str
        What is seen, in sentences.
    curves : Curves or None
        Before and after the changes, where there are any.
    images : int
        Over which the curves are the mean.
    """

    network: str
    layer: str
    padded: bool
    pooled: bool
    averages: bool
    strided: bool
    reached: tuple[Reached, ...]
    tiles: Mosaic | None
    large: Mosaic | None
    words: str
    curves: Curves | None = None
    done: float = 0.0
    images: int = 0


_kept: list[KeptSweep] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[PaddingResult | Rest]:
    """Which cells padding reaches at once; then, when the hand rests, the curves before and after."""
    from cnnviz.core.execution import Cancelled as PassCancelled
    from cnnviz.panels.shared.transform_sweep import begin_sweep, sweep_key, sweep_of

    params = cast(PaddingParams, scene.panel("padding"))
    network, layer = observation.network, observation.layer.name
    shape = observation.rendered.edited.shape
    first = _first(network, layer)
    sweep = sweep_of("shift", params.direction, "wrap", (shape[1], shape[2]))
    networks = [network] if network.base is network else [network, network.base]
    networks = [each for each in networks if layer in each.graph]
    keys = [sweep_key(observation, each, sweep, "known", (layer,)) for each in networks]
    _kept[:] = [each for each in _kept if each.key in keys]
    known = {each.key: each for each in _kept}
    yield _with_curves(first, [known[key] for key in keys if key in known], network)
    if not params.curves or all(key in known and known[key].done >= 1 for key in keys):
        return
    yield Rest(REST_S)
    for key, each in zip(keys, networks, strict=True):
        if key not in known:
            known[key] = begin_sweep(scene, observation, each, sweep, "known", (layer,))
    sweeps = [known[key] for key in keys]
    _kept[:] = sweeps
    try:
        while sum(each.step(cancelled) for each in sweeps):  # each a step further
            yield _with_curves(first, sweeps, network)
    except PassCancelled:
        _kept.clear()
        raise ComputeCancelled from None


def _first(network: LoadedNetwork, layer: str) -> PaddingResult:
    import numpy as np
    import torch

    from cnnviz.core.mosaic import columns_for, mosaic

    reach = _reach(network)
    graph, base = network.graph, network.base.graph
    found = [(name, cells) for name, cells in reach.items() if cells.size > 1 and name != "input"]
    tiles = None
    if found:
        stack = torch.from_numpy(np.stack([_block(cells) for _, cells in found])).float()
        tiles = mosaic(stack, columns_for(len(found), (TILE, TILE), 3.0), signed=False)
    own = reach.get(layer)
    large = None
    if own is not None and own.size > 1:
        large = mosaic(torch.from_numpy(own)[None].float(), columns=1, signed=False, gap=0)
        large = replace(large, high=1.0)
    poolings = [each for each in base if each.kind in ("MaxPool2d", "AvgPool2d", "LPPool2d")]
    return PaddingResult(
        network.name,
        layer,
        is_padded(base),
        bool(poolings),
        bool(poolings) and all(each.kind == "AvgPool2d" for each in poolings),
        not poolings and any(subsampling(each, base) for each in base),
        tuple(Reached(name, float(cells.mean()), (cells.shape[0], cells.shape[1])) for name, cells in found),
        tiles,
        large,
        " ".join(filter(None, (_reach_words(graph, layer, own), _middle_words(network), graph_words(graph)))),
    )


_reaches: list[tuple[LayerGraph, dict[str, np.ndarray]]] = []
"""Of the last network: no input changes it."""


def _reach(network: LoadedNetwork) -> dict[str, np.ndarray]:
    from cnnviz.core.padding_reach import padding_reach

    if not _reaches or _reaches[0][0] is not network.graph:
        _reaches[:] = [(network.graph, dict(padding_reach(network.graph, periodic=True)))]
    return _reaches[0][1]


def _block(cells: np.ndarray) -> np.ndarray:
    """The map at the size of a tile: each cell a block, or each block bright where any of its cells is reached."""
    import numpy as np

    rows, columns = (np.arange(TILE) * size // TILE for size in cells.shape)
    return np.logical_or.reduceat(np.logical_or.reduceat(cells, rows, axis=0), columns, axis=1)


def is_padded(graph: LayerGraph) -> bool:
    """Whether any layer reads beyond the border of its map."""
    return any(each.geometry is not None and any(sum(pair) > 0 for pair in each.geometry.padding) for each in graph)


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] * shape[2] > 1


def _reach_words(graph: LayerGraph, layer: str, cells: np.ndarray | None) -> str:
    if not any(_is_map(each.output_shape) for each in graph if each.inputs):
        return "No layer of this network has a map, so that there is no border to pad: open one with convolutions."
    if len(graph[layer].output_shape) != 3 or (cells is not None and cells.size == 1):
        return f"{layer} has no map: select a layer with rows and columns."
    if cells is None:
        return f"Which cells of {layer} padding reaches is not known."
    if not cells.any():
        periodic = any(each.geometry is not None and each.geometry.padding_mode == "circular" for each in graph)
        why = ": being periodic, it holds what a wrapped image has there" if periodic and is_padded(graph) else ""
        return f"Padding reaches no cell of {layer}{why}."
    if cells.all():
        return f"Padding reaches every cell of {layer}."
    count = f"{int(cells.sum()):,} of {cells.size:,} cells of {layer}, {cells.mean() * 100:.0f} %"
    return f"Padding reaches {count}: the bright ones."


def _middle_words(network: LoadedNetwork) -> str:
    """Which part of maps that have grown a linear layer reads; empty where none was made to."""
    graph = network.graph
    flat = [graph[name] for name in network.changed_layers if name in graph and graph[name].kind == "Flatten"]
    cut = next((each for each in flat if each.geometry is not None and any(map(any, each.geometry.padding))), None)
    if cut is None:
        return ""
    rows, columns = graph[cut.inputs[0]].output_shape[1:]
    return f"Maps are larger now: of {rows}×{columns} cells {cut.name} hands on {cut.summary}."


def _with_curves(first: PaddingResult, sweeps: list[KeptSweep], network: LoadedNetwork) -> PaddingResult:
    from cnnviz.core.curves import AS_IT_IS, AS_LOADED
    from cnnviz.core.network_changes import describe

    measured = [each for each in sweeps if each.result is not None]
    if not measured:
        return first
    done = sum(each.done for each in sweeps) / (2 if network.base is not network else 1)
    lines: list[Series] = []
    looks = ((describe(network.changes) or "as it is", AS_IT_IS), ("as it was loaded", AS_LOADED))
    for kept, (name, hue) in zip(sweeps, looks, strict=False):
        line = _line(kept, first.layer, name, hue)
        lines += [] if line is None else [line]
    if not lines:
        return replace(first, done=done, words=f"{first.words} {_why_no_line(measured[0], first.layer)}".strip())
    words = f"{first.words} {_rounding_words(network, sweeps[0], first)}".strip()
    curves = _curves(sweeps[0], first.layer, lines)
    return replace(first, curves=curves, done=done, words=words, images=_images(sweeps[0], first.layer))


def _images(kept: KeptSweep, layer: str) -> int:
    import numpy as np

    return 0 if kept.result is None else int((~np.isnan(kept.result[layer].error)).any(1).sum())


def _line(kept: KeptSweep, layer: str, name: str, hue: int) -> Series | None:
    import numpy as np

    from cnnviz.core.curves import series

    found = None if kept.result is None else kept.result[layer]
    if found is None or found.reason or np.isnan(found.error).all():
        return None
    x, seen = np.array(kept.sweep.strengths), ~np.isnan(found.mean)
    several = bool((~np.isnan(found.error)).any(1).sum() > 1)
    return series(name, x[seen], found.mean[seen], found.spread[seen] if several else None, hue=hue)


def _why_no_line(kept: KeptSweep, layer: str) -> str:
    found = None if kept.result is None else kept.result[layer]
    if found is None:
        return ""
    return " ".join(f"{each[:1].upper()}{each[1:].rstrip('.')}." for each in (found.reason, *found.notes) if each)


def _curves(kept: KeptSweep, layer: str, lines: list[Series]) -> Curves:
    from cnnviz.core.curves import Curves
    from cnnviz.panels.shared.transform_sweep import strides

    title = f"Equivariance error of {layer}, before and after"
    return Curves(title, kept.sweep.x_label, "relative error", tuple(reversed(lines)), strides(kept, layer))


def _rounding_words(network: LoadedNetwork, kept: KeptSweep, first: PaddingResult) -> str:
    """Whether the error at a shift by the stride is rounding, and if not, why."""
    import numpy as np

    found = None if kept.result is None else kept.result[first.layer]
    if found is None or found.grid is None or found.grid.shape == (1, 1):
        return ""
    grid, direction = found.grid, kept.sweep.direction
    axes = {"rows": (0,), "columns": (1,), "both": (0, 1)}[direction]
    stride = max(grid.stride[axis] for axis in axes)
    at = np.flatnonzero(np.array(kept.sweep.strengths) == stride)
    if not at.size or np.isnan(found.mean[at[0]]):
        return ""
    error = float(found.mean[at[0]])
    mean = "mean " if _images(kept, first.layer) > 1 else ""
    begin = f"Shifted by the stride of {stride:g} px, its {mean}error is {error:.2g}"
    if error < ROUNDING:
        return f"{begin}: {'it moves along exactly' if error == 0 else 'rounding'}."
    uneven = [axis for axis in axes if not grid.closes(axis)]
    if uneven:
        axis = uneven[0]
        size, step = grid.image[axis], grid.stride[axis]
        return f"{begin}: {grid.shape[axis]} cells at steps of {step:g} px do not go round the {size} px of the image."
    reached = next((each.share for each in first.reached if each.layer == first.layer), 0.0)
    if reached:
        return f"{begin}: padding that is not periodic reaches its cells."
    return f"{begin}."


SPEC = PanelSpec(
    id="padding",
    title="Padding",
    area="right",
    params=PaddingParams,
    depends=("network", "input", "layer"),
    compute=compute,
    view="cnnviz.panels.padding_view:PaddingView",
    tip="What is read beyond the borders, switched live: which cells it reaches, and what it does to equivariance.",
)
