"""What a layer pools, so that the same maps can be pooled in every other way."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from cnnviz.core.choices import PoolingKind
from cnnviz.core.edit_plan import CannotChange, SliceEdit, about_the_centre, make_plan
from cnnviz.core.graph import Layer, LayerGraph
from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.pooled_convolution import PooledConv2d, dense_maps
from cnnviz.core.pooling import Pool2d, Pooling
from cnnviz.core.subsampling import subsampling

_KINDS: dict[str, PoolingKind] = {"MaxPool2d": "max", "AvgPool2d": "average", "LPPool2d": "l2_sum", "Slice": "strided"}


@dataclass(frozen=True, eq=False)
class PoolingFeed:
    """The maps that a layer pools, or of which it leaves cells out.

    Attributes
    ----------
    source : str
        The layer whose output ``maps`` takes.
    title : str
        What the maps are: ``source``, or a convolution at stride 1.
    pooling : Pooling
        With a window that other kinds can have, too.
    own : str
        What the layer itself does with them, in a few words.
    maps : function of Tensor (N, C, H, W)
        From the output of ``source`` to what is pooled.
    """

    source: str
    title: str
    pooling: Pooling
    own: str
    maps: Callable[[Tensor], Tensor]


def pooling_feed(module: nn.Module, graph: LayerGraph, layer: Layer) -> PoolingFeed:
    """What ``layer`` of a network pools, as the network is now; raises CannotChange where it has no window of maps."""
    called = None if layer.module_path is None else module.get_submodule(layer.module_path)
    if layer.kind == "Conv2d" and isinstance(called, nn.Conv2d):
        convolution = called
        pooling, own = _of_stride(layer, graph), f"moves on by {_step(layer)} cells"
        if isinstance(called, PooledConv2d):
            own = f"is {called.pooling.summary()}"
            pooling = called.pooling if max(called.pooling.kernel_size) > 1 else pooling
        return PoolingFeed(
            layer.inputs[0],
            f"{layer.name} at stride 1",
            pooling,
            own,
            lambda maps: dense_maps(convolution, maps).detach(),
        )
    if isinstance(called, Pool2d):
        found: object = called.pooling
    else:
        edits = make_plan(module, graph, (SwapPooling(_KINDS.get(layer.kind, "max"), layer.name),)).edits
        found = edits.get(layer.name)
        found = found.pooling if isinstance(found, SliceEdit) else found
    if not isinstance(found, Pooling):
        raise CannotChange(f"{layer.name} has no window.")
    own = f"is {found.summary()}"
    if layer.kind == "Slice" and max(found.kernel_size) == 1:
        found = _of_stride(layer, graph)
    return PoolingFeed(layer.inputs[0], layer.inputs[0], found, own, lambda maps: maps)


def _of_stride(layer: Layer, graph: LayerGraph) -> Pooling:
    """Windows that touch each other in the place of a stride; as “strided” they keep what the layer keeps."""
    stride = subsampling(layer, graph)
    if stride is None:
        raise CannotChange(f"{layer.name} leaves no cells out.")
    kept = Pooling("strided", (1, 1), stride)
    return replace(kept, kernel_size=stride, padding=about_the_centre(kept, stride))


def _step(layer: Layer) -> str:
    steps = (1,) if layer.geometry is None else layer.geometry.stride
    return "×".join(str(step) for step in dict.fromkeys(steps))
