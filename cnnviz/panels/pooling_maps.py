"""What the network's own pooling does to the map of the selected channel, before and after the input is shifted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.core.network_changes import SwapPooling
from cnnviz.engine.input_tensor import as_input
from cnnviz.panels.shared.caveats import graph_words, unseen_words
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.panels.shared.own_passes import outputs
from cnnviz.panels.shared.unshifted_input import is_shifted, unshifted
from cnnviz.panels.shared.windowed_pooling import chosen_layer, is_windowed, poolings

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.graph import Layer
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation
    from cnnviz.engine.panel import Cancelled
    from cnnviz.scene.models import Scene


@dataclass(frozen=True)
class PoolingEntry:
    """One pooling of the network.

    Attributes
    ----------
    own : str
        What it is without changes: ``"Max 2×2"``.
    change : SwapPooling or None
        What it was swapped for.
    windowed : bool
        Whether it has a window; without one it is swapped for maximum or average alone.
    """

    layer: str
    own: str
    now: str
    change: SwapPooling | None
    windowed: bool
    window: int
    stride: int
    padding: int


@dataclass(frozen=True, eq=False)
class StageMaps:
    """The maps of one stage, one tile each, in one scale; ``changed`` is 1 where they differ beyond the tolerance."""

    layer: str
    shape: tuple[int, int]
    before: Mosaic
    after: Mosaic
    changed: Mosaic
    share: float
    layer_share: float
    values: np.ndarray

    @property
    def signed(self) -> bool:
        return self.before.signed


@dataclass(frozen=True, eq=False)
class MapsResult:
    """
    Attributes
    ----------
    stages : tuple of StageMaps
        Detector and pooled; empty where the network has no pooling of maps.
    why : str
        Why there are no stages, or what is wrong with their values; else empty.
    """

    entries: tuple[PoolingEntry, ...]
    chosen: str | None
    channel: int
    stages: tuple[StageMaps, ...] = ()
    why: str = ""


def pooled_maps(
    scene: Scene, observation: Observation, name: str | None, tolerance: float, cancelled: Cancelled
) -> MapsResult:
    graph = observation.network.graph
    entries = pooling_entries(observation)
    layer = chosen_layer(scene, graph, name)
    if layer is None:
        return MapsResult((), None, 0, why=_no_pooling(observation))
    before, after = layer.inputs[0], layer.name
    if not {before, after} <= {*observation.values}:
        why = f"This input does not reach {after}: another way through the network was taken. Choose another input."
        return MapsResult(entries, after, 0, why=why)
    moved = {each: observation.values[each] for each in (before, after)}
    still = moved
    if is_shifted(scene.input.edits):
        image = as_input(unshifted(scene, observation)[None], observation)
        still = outputs(observation.network.traced, image, (before, after), cancelled)
    channels = len(feature_maps(moved[before]))
    channel = min(scene.selection.channel, channels - 1)
    stages = tuple(_stage(each, still[each], moved[each], channel, tolerance) for each in (before, after))
    odd = [each for each in (before, after) if not bool(moved[each].isfinite().all())]
    why = f"{' and '.join(odd)} give values that are not finite; they count as changed." if odd else ""
    words = (unseen_words(graph, after), graph_words(graph), why)
    return MapsResult(entries, layer.name, channel, stages, " ".join(each for each in words if each))


def pooling_entries(observation: Observation) -> tuple[PoolingEntry, ...]:
    """All poolings that the network has or had before it was changed."""
    network = observation.network
    base = network.base.graph
    found = []
    for layer in poolings(network.graph):
        own = base[layer.name] if layer.name in base.names else layer
        change = _change_of(own, network.changed_layers, observation)
        geometry = own.geometry
        sizes = (0, 1, 0) if geometry is None else (geometry.kernel_size[0], geometry.stride[0], geometry.padding[0][0])
        found.append(PoolingEntry(layer.name, _words(own), _words(layer), change, is_windowed(own), *sizes))
    return tuple(found)


def _change_of(own: Layer, changed: tuple[str, ...], observation: Observation) -> SwapPooling | None:
    swaps = [change for change in observation.network.changes if isinstance(change, SwapPooling)]
    mine = [change for change in swaps if change.layer in (None, own.name)]
    return mine[-1] if mine and own.name in changed else None


def _words(layer: Layer) -> str:
    return layer.summary or layer.kind


def _no_pooling(observation: Observation) -> str:
    kinds = {layer.kind for layer in observation.network.graph}
    strided = any(
        layer.kind.startswith("Conv") and layer.geometry is not None and max(layer.geometry.stride) > 1
        for layer in observation.network.graph
    )
    if not any(kind.startswith("Conv") for kind in kinds):
        return f"{observation.network.name} has no feature maps, so there is nothing to pool; open another network."
    instead = "; its convolutions with a stride make its maps smaller" if strided else ""
    return f"{observation.network.name} has no pooling{instead}. Look at “numbers”, or open a network that pools."


def _stage(name: str, still: Tensor, moved: Tensor, channel: int, tolerance: float) -> StageMaps:
    import torch

    from cnnviz.core.invariance import changed_cells, share_changed
    from cnnviz.core.mosaic import mosaic

    one, other = feature_maps(still), feature_maps(moved)
    # the scale of both maps together, so that a shift does not change the colours
    pair = torch.stack([one[channel], other[channel]])
    signed = bool((pair < 0).any())
    most = pair.abs().nan_to_num(0, 0, 0).amax(dim=0)
    ground = most.max().expand_as(most)
    first, second = (
        _first(mosaic(torch.stack([each, ground]), columns=2, scale="shared", signed=signed, gap=0)) for each in pair
    )
    changed = changed_cells(one[channel], other[channel], tolerance)
    return StageMaps(
        name,
        (int(pair.shape[-2]), int(pair.shape[-1])),
        first,
        second,
        mosaic(changed[None].float(), columns=1, signed=False, gap=0),
        share_changed(one[channel], other[channel], tolerance),
        share_changed(one, other, tolerance),
        np.stack([*pair.double().cpu().numpy(), changed.cpu().numpy()]),
    )


def _first(both: Mosaic) -> Mosaic:
    """The first of two tiles in the scale of both."""
    width = both.tile_shape[1]
    return replace(both, indices=np.ascontiguousarray(both.indices[:, :width]), columns=1, count=1)
