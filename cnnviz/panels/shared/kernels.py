"""Which weights stand for a layer's filters, for every panel that shows some."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.graph import Layer
    from cnnviz.engine.observation import LoadedNetwork


def owner_of_kernels(network: LoadedNetwork, selected: Layer) -> Layer:
    """The selected layer where it has kernels, else the nearest before it that has some."""
    from cnnviz.core.filters import NoFilters

    graph = network.graph
    seen: set[str] = set()
    waiting = [selected]
    while waiting:
        layer = waiting.pop(0)
        weight = network.weight(layer)
        if weight is not None and (layer.kind.startswith("Conv") or layer.kind == "Linear"):
            return layer
        for name in layer.inputs:
            if name not in seen:
                seen.add(name)
                waiting.append(graph[name])
    raise NoFilters(f"{selected.name} has no kernels, and no layer before it has; select a convolution.")


def loose_layer(network: LoadedNetwork, chosen: str | None) -> tuple[str, Tensor, str]:
    """Name, weight and kind of a layer of a file that is no whole network: the chosen one, else the one that runs."""
    names = network.loose
    runs = next((layer.module_path for layer in network.graph if layer.module_path in names), None)
    name = chosen if chosen in names else runs or _first_kernels(network)
    layer = network.module.get_submodule(name)
    return name, layer.get_parameter("weight").detach(), type(layer).__name__


def _first_kernels(network: LoadedNetwork) -> str:
    modules = network.module
    kernels = (name for name in network.loose if modules.get_submodule(name).get_parameter("weight").dim() == 4)
    return next(kernels, network.loose[0])


def as_kernels(network: LoadedNetwork, layer: Layer) -> tuple[Tensor, str]:
    """The weight of ``layer``; that of a linear layer on flattened maps as the kernels over whole maps that it is."""
    from cnnviz.core.filters import linear_after_flatten

    weight = network.weight(layer)
    assert weight is not None
    if layer.kind != "Linear" or not layer.inputs:
        return weight, layer.kind
    before = network.graph[layer.inputs[0]]
    while before.inputs and before.kind in ("Flatten", "Dropout"):
        before = network.graph[before.inputs[0]]
    shape = before.output_shape
    if len(shape) == 3 and shape[1] * shape[2] > 1 and shape[0] * shape[1] * shape[2] == weight.shape[1]:
        return linear_after_flatten(weight, (shape[0], shape[1], shape[2])), "Conv2d"
    return weight, layer.kind
