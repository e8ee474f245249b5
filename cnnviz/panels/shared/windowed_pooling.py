"""Which layers of a network pool windows, and which of them a panel speaks of; without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnviz.engine.observation import selected_layer
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from cnnviz.core.graph import Layer, LayerGraph


def poolings(graph: LayerGraph) -> tuple[Layer, ...]:
    """All layers that pool images, windows first and global ones too, in order of execution."""
    return tuple(
        layer
        for layer in graph
        if "Pool" in layer.kind and layer.inputs and len(graph[layer.inputs[0]].output_shape) == 3
    )


def is_windowed(layer: Layer) -> bool:
    return layer.geometry is not None and not layer.kind.startswith("Adaptive") and "Unpool" not in layer.kind


def next_pooling(graph: LayerGraph, name: str) -> Layer | None:
    """The layer ``name`` itself or the nearest after it that pools windows; None where data meets none any more."""
    order = {layer.name: place for place, layer in enumerate(graph)}
    waiting, seen = [name], {name}
    while waiting:
        waiting.sort(key=order.__getitem__)
        layer = graph[waiting.pop(0)]
        if "Pool" in layer.kind and is_windowed(layer) and layer.inputs:
            return layer
        for consumer in graph.consumers(layer.name):
            if consumer.name not in seen:
                seen.add(consumer.name)
                waiting.append(consumer.name)
    return None


def chosen_layer(scene: Scene, graph: LayerGraph, name: str | None) -> Layer | None:
    """The pooling called ``name``, else the next after the selected layer, else the last; None without any."""
    found = poolings(graph)
    by_name = {layer.name: layer for layer in found}
    if name in by_name:
        return by_name[name]
    if not found:
        return None
    return next_pooling(graph, selected_layer(scene, graph).name) or found[-1]
