"""What panels compute from: a network, an input, and one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from cnnviz.core.network_changes import NetworkChange, describe
from cnnviz.scene.models import NetworkChoice, Scene, Selection

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from cnnviz.checkpoints.card import NetworkCard
    from cnnviz.core.field_reach import PixelReach
    from cnnviz.core.graph import Layer, LayerGraph
    from cnnviz.core.receptive_field import ReceptiveField, UnknownOperation
    from cnnviz.core.trace import TracedNetwork
    from cnnviz.data.pipeline import RenderedInput
    from cnnviz.engine.other_network import OtherNetworkHost


@dataclass(frozen=True, eq=False)
class LoadedNetwork:
    """A network on its device, ready to be traced.

    Attributes
    ----------
    asks : str
        What the person is to be asked before its answers mean anything.
    lacks : str
        Why it is no whole network, but layers of which at most the first reads images.
    changes : tuple of NetworkChange
        Those that were carried out on the network that was loaded.
    changed_layers, left : tuple of str
        Names of the layers that are others for it, and sentences about those that could not be changed.
    unchanged : LoadedNetwork or None
        The network that was loaded, where this one has changes; see ``base``.
    offer : int
        Which weights of a run that trains these are (:mod:`cnnviz.engine.training_weights`); 0 for any other network.
    """

    name: str
    choice: NetworkChoice
    card: NetworkCard
    traced: TracedNetwork
    device: torch.device
    generation: int
    asks: str = ""
    lacks: str = ""
    changes: tuple[NetworkChange, ...] = ()
    changed_layers: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    unchanged: LoadedNetwork | None = field(default=None, repr=False)
    offer: int = 0

    @cached_property
    def receptive_fields(self) -> Mapping[str, ReceptiveField | UnknownOperation]:
        """The fields of all layers, worked out once; in place of one that the graph does not tell, why not."""
        from cnnviz.core.receptive_field import receptive_fields

        return MappingProxyType(receptive_fields(self.graph))

    def receptive_field(self, layer: str) -> ReceptiveField | None:
        """The field of the units of ``layer``; None where the graph does not tell it."""
        found = self.receptive_fields[layer]
        return None if isinstance(found, ValueError) else found

    @cached_property
    def pixel_reach(self) -> PixelReach:
        """Which units of each layer see a pixel of the input, apart from what looks at the whole map."""
        from cnnviz.core.field_reach import PixelReach

        return PixelReach(self.receptive_fields, {layer.name: layer.output_shape for layer in self.graph})

    @property
    def source(self) -> str:
        return self.choice.source

    @property
    def base(self) -> LoadedNetwork:
        """The network as it was loaded, without changes; it shares its weights with this one."""
        return self if self.unchanged is None else self.unchanged

    @property
    def title(self) -> str:
        """The name and what is changed: ``"mnist-lenet · pooling: average"``."""
        return " · ".join(filter(None, (self.name, describe(self.changes))))

    @property
    def module(self) -> nn.Module:
        return self.traced.module

    @property
    def graph(self) -> LayerGraph:
        return self.traced.graph

    @property
    def loose(self) -> tuple[str, ...]:
        """Paths of all layers, also those that are in no graph, where it is no whole network; else empty."""
        return getattr(self.module, "names", ()) if self.lacks else ()

    def module_of(self, layer: Layer) -> nn.Module | None:
        """The module that computes ``layer``; None for an operation that has none."""
        return None if layer.module_path is None else self.module.get_submodule(layer.module_path)

    def weight(self, layer: Layer) -> Tensor | None:
        """The weight of ``layer``, detached, or None where it has none."""
        weight = getattr(self.module_of(layer), "weight", None)
        return None if weight is None else weight.detach()


@dataclass(frozen=True)
class Unit:
    """One cell of the selected layer's output; ``row`` and ``column`` are None where the output is a vector."""

    channel: int
    row: int | None
    column: int | None


@dataclass(frozen=True, eq=False)
class Observation:
    """One input seen by one network.

    Attributes
    ----------
    rendered : RenderedInput
        The image, ``(C, H, W)`` in [0, 1], before ``mean`` and ``std`` are applied.
    layer : Layer
        The selected layer, or the first convolution where the selection names none of this network's.
    values : mapping of str to Tensor
        Outputs ``(1, …)`` of at least the layers that were asked for.
    output : Tensor or None
        The network's answer; None where no panel asked for a forward pass.
    other : OtherNetworkHost or None
        Loads a second network for the same input.
    """

    network: LoadedNetwork
    rendered: RenderedInput
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layer: Layer
    values: Mapping[str, Tensor] = field(default_factory=dict)
    output: Tensor | None = None
    other: OtherNetworkHost | None = None

    def unit(self, selection: Selection) -> Unit:
        """The selected unit, moved into the layer's output where it lies outside of it."""
        shape = self.layer.output_shape
        channel = min(selection.channel, shape[0] - 1) if shape else 0
        if len(shape) != 3:
            return Unit(channel, None, None)
        row, column = (
            shape[axis] // 2 if at is None else min(at, shape[axis] - 1)
            for axis, at in ((1, selection.row), (2, selection.column))
        )
        return Unit(channel, row, column)


def dtype_of(module: nn.Module) -> torch.dtype:
    """The floating type that ``module`` takes: that of its weights."""
    import torch

    return next((each.dtype for each in module.parameters() if each.is_floating_point()), torch.float32)


def selected_layer(scene: Scene, graph: LayerGraph) -> Layer:
    """The layer that the scene selects, else the first convolution, else the first layer after the input."""
    by_name = {layer.name: layer for layer in graph.layers}
    chosen = by_name.get(scene.selection.layer or "")
    if chosen is not None:
        return chosen
    convolutions = [layer for layer in graph.layers if layer.kind.startswith("Conv")]
    return (convolutions or list(graph.layers[1:]) or list(graph.layers))[0]


def only_selected(scene: Scene, graph: LayerGraph) -> tuple[str, ...]:
    """What a panel asks for that reads the selected layer alone."""
    return (selected_layer(scene, graph).name,)
