"""What is to be said of a network beside any measurement of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.graph import LayerGraph


def graph_words(graph: LayerGraph) -> str:
    """Of several outputs, and of layers that were found by running the network once; else empty."""
    words = []
    if graph.outputs > 1:
        words.append(f"The network gives {graph.outputs} outputs: the first is its answer.")
    if graph.method == "hooks":
        words.append("The network's way may depend on the values: its layers are those of one run.")
    return " ".join(words)


def unseen_words(graph: LayerGraph, layer: str) -> str:
    """Where what ``layer`` is given is not what the layer before it gives; else empty."""
    if layer not in graph.unseen:
        return ""
    return f"Between {graph[layer].inputs[0]} and {layer} the network computes something that the graph does not show."
