"""What the network's own pooling does to the map of the selected channel, before and after the input is shifted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.subsampling import subsampling
from cnnviz.engine.input_tensor import as_input
from cnnviz.panels.shared.caveats import graph_words, unseen_words
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.panels.shared.own_passes import outputs
from cnnviz.panels.shared.unshifted_input import is_shifted, unshifted
from cnnviz.panels.shared.windowed_pooling import chosen_layer, is_windowed, poolings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from cnnviz.core.graph import Layer
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation
    from cnnviz.engine.panel import Cancelled
    from cnnviz.scene.models import Scene


@dataclass(frozen=True)
class PoolingEntry:
    """One pooling of the network, or one layer that leaves cells out.

    Attributes
    ----------
    own : str
        What it is without changes: ``"Max 2×2"``, ``"Conv 3×3 /2"``.
    change : SwapPooling or None
        What it was swapped for.
    windowed : bool
        Whether it has a window; without one it is swapped for maximum or average alone.
    leaves_out : bool
        Whether it is no pooling: it leaves cells out, and is taken at every cell where something pools in its place.
    """

    layer: str
    own: str
    now: str
    change: SwapPooling | None
    windowed: bool
    window: int
    stride: int
    padding: int
    leaves_out: bool = False


@dataclass(frozen=True, eq=False)
class StageMaps:
    """The maps of one stage, one tile each, in one scale; ``changed`` is 1 where they differ beyond the tolerance.

    ``layer`` is whose cells they are; "" for those of a convolution at stride 1, which no layer gives.
    """

    layer: str
    title: str
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
    moved = _stages_of(observation, layer, observation.values)
    still = moved
    if is_shifted(scene.input.edits):
        image = as_input(unshifted(scene, observation)[None], observation)
        still = _stages_of(observation, layer, outputs(observation.network.traced, image, (before, after), cancelled))
    channels = len(feature_maps(moved[0]))
    channel = min(scene.selection.channel, channels - 1)
    dense = _is_convolution(layer)
    named = (("", f"{after} at stride 1") if dense else (before, before)), (after, after)
    stages = tuple(
        _stage(*names, one, other, channel, tolerance) for names, one, other in zip(named, still, moved, strict=True)
    )
    odd = [title for (_, title), each in zip(named, moved, strict=True) if not bool(each.isfinite().all())]
    why = f"{' and '.join(odd)} give values that are not finite; they count as changed." if odd else ""
    words = (_stride_words(observation, layer), unseen_words(graph, after), graph_words(graph), why)
    return MapsResult(entries, layer.name, channel, stages, " ".join(each for each in words if each))


def _is_convolution(layer: Layer) -> bool:
    """Whether its own maps at stride 1 are what is pooled, rather than those that it reads."""
    return layer.kind == "Conv2d"


def _stages_of(observation: Observation, layer: Layer, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """What is pooled, and what it is made to."""
    before, after = values[layer.inputs[0]], values[layer.name]
    if not _is_convolution(layer):
        return before, after
    from torch import nn

    from cnnviz.core.pooled_convolution import dense_maps

    return dense_maps(cast(nn.Conv2d, observation.network.module_of(layer)), before).detach(), after


def _stride_words(observation: Observation, layer: Layer) -> str:
    """What takes the place of what, where no layer of the network pools windows."""
    base = observation.network.base.graph
    if layer.name not in base.names or subsampling(base[layer.name], base) is None:
        return ""
    rows, columns = cast("tuple[int, int]", subsampling(base[layer.name], base))
    step = f"{rows}×{columns}" if rows != columns else str(rows)
    if layer.name in observation.network.changed_layers and _change_of(layer, observation) is not None:
        return f"{layer.name} is taken at every cell and then pooled."
    return f"{layer.name} moves on by {step} cells and leaves out what lies between."


def pooling_entries(observation: Observation) -> tuple[PoolingEntry, ...]:
    """All poolings that the network has or had before it was changed, and all layers that leave cells out."""
    network = observation.network
    base = network.base.graph
    pooling = {layer.name for layer in poolings(network.graph)}
    found = []
    for layer in network.graph:
        own = base[layer.name] if layer.name in base.names else layer
        change, geometry = _change_of(own, observation), own.geometry
        stride = subsampling(own, base)
        if stride is not None:
            found.append(
                PoolingEntry(
                    layer.name, _words(own, stride), _words(layer), change, True, stride[0], stride[0], 0, True
                )
            )
        elif layer.name in pooling:
            sizes = (0, 1, 0)
            if geometry is not None:
                sizes = geometry.kernel_size[0], geometry.stride[0], geometry.padding[0][0]
            found.append(PoolingEntry(layer.name, _words(own), _words(layer), change, is_windowed(own), *sizes))
    return tuple(found)


def _change_of(own: Layer, observation: Observation) -> SwapPooling | None:
    swaps = [change for change in observation.network.changes if isinstance(change, SwapPooling)]
    mine = [change for change in swaps if change.layer in (None, own.name)]
    return mine[-1] if mine and own.name in observation.network.changed_layers else None


def _words(layer: Layer, stride: tuple[int, int] | None = None) -> str:
    if layer.kind == "Slice" and stride is not None and layer.geometry is None:
        return f"Slice /{stride[0]}"
    return layer.summary or layer.kind


def _no_pooling(observation: Observation) -> str:
    name = observation.network.name
    if not any(layer.kind.startswith("Conv") for layer in observation.network.graph):
        return f"{name} has no feature maps, so there is nothing to pool; open another network."
    instead = "no pooling, and no stride that pooling could take the place of"
    return f"{name} has {instead}. Look at “numbers”, or open a network that pools."


def _stage(name: str, title: str, still: Tensor, moved: Tensor, channel: int, tolerance: float) -> StageMaps:
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
        title,
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
