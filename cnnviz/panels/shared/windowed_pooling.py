"""Which layers of a network pool windows or leave cells out, and which a panel speaks of; without torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.subsampling import subsampling
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


def has_windows(graph: LayerGraph) -> bool:
    """Whether any layer pools windows; where none does, strides are what can be swapped."""
    return any(is_windowed(layer) for layer in poolings(graph))


def next_pooling(graph: LayerGraph, name: str) -> Layer | None:
    """The layer ``name`` itself or the nearest after it that pools windows; None where data meets none any more."""
    return _next(graph, name, lambda layer: "Pool" in layer.kind and is_windowed(layer))


def next_stride(graph: LayerGraph, name: str) -> Layer | None:
    """As ``next_pooling``, of layers that leave cells out."""
    return _next(graph, name, lambda layer: subsampling(layer, graph) is not None)


def _next(graph: LayerGraph, name: str, fits: Callable[[Layer], bool]) -> Layer | None:
    order = {layer.name: place for place, layer in enumerate(graph)}
    waiting, seen = [name], {name}
    while waiting:
        waiting.sort(key=order.__getitem__)
        layer = graph[waiting.pop(0)]
        if fits(layer) and layer.inputs:
            return layer
        for consumer in graph.consumers(layer.name):
            if consumer.name not in seen:
                seen.add(consumer.name)
                waiting.append(consumer.name)
    return None


def chosen_layer(scene: Scene, graph: LayerGraph, name: str | None) -> Layer | None:
    """The one called ``name``, else the next after the selected layer that pools or leaves cells out, else the last.

    None without any.
    """
    swapped = {change.layer for change in scene.changes if isinstance(change, SwapPooling)}
    found = poolings(graph)
    strides = tuple(each for each in graph if subsampling(each, graph) or each.name in swapped)
    by_name = {layer.name: layer for layer in (*found, *strides)}
    if name in by_name:
        return by_name[name]
    if not by_name:
        return None
    selected = selected_layer(scene, graph).name
    return next_pooling(graph, selected) or next_stride(graph, selected) or (found or strides)[-1]
