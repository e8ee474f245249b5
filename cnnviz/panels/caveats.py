"""What is to be said of a network beside any measurement of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.graph import LayerGraph


def way_words(graph: LayerGraph) -> str:
    """Of networks whose layers were found by running them once; else empty."""
    if graph.method != "hooks":
        return ""
    return "The network's way may depend on the values: its layers are those of one run."


def unseen_words(graph: LayerGraph, layer: str) -> str:
    """Where what ``layer`` is given is not what the layer before it gives; else empty."""
    if layer not in graph.unseen:
        return ""
    return f"Between {graph[layer].inputs[0]} and {layer} the network computes something that the graph does not show."


def answer_words(graph: LayerGraph) -> str:
    """Which of several outputs is the network's answer; empty where there is one alone."""
    return "" if graph.outputs == 1 else f"The network gives {graph.outputs} outputs: the first is its answer."
