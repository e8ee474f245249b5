"""Which layers the diagram shows: blocks folded into one column, and edges through what is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.graph import Layer, LayerGraph

# more layers than this and the outermost blocks are folded at first
MANY_LAYERS = 24


@dataclass(frozen=True)
class Node:
    """A column: one layer, or the last layer of a folded block.

    ``inputs`` are indices of the columns that it reads.
    """

    layer: Layer
    inputs: tuple[int, ...]
    block: str | None
    layers: int
    parameters: int


def foldable_blocks(graph: LayerGraph) -> tuple[str, ...]:
    """Paths of all containers that hold more than one layer, in order of execution."""
    members: dict[str, int] = {}
    for layer in graph.layers:
        for path in layer.block:
            members[path] = members.get(path, 0) + 1
    return tuple(path for path, count in members.items() if count > 1)


def automatic_folds(graph: LayerGraph) -> tuple[str, ...]:
    """No block where all layers fit; else the innermost blocks until they fit, at the worst the outermost ones."""
    if len(graph.layers) <= MANY_LAYERS:
        return ()
    blocks = foldable_blocks(graph)
    depth = {path: path.count(".") for path in blocks}
    for level in sorted(set(depth.values()), reverse=True):
        folds = tuple(path for path in blocks if depth[path] >= level)
        if len(fold(graph, folds)) <= MANY_LAYERS:
            return folds
    return blocks


_last: list[tuple[LayerGraph, tuple[str, ...], tuple[Node, ...]]] = []
"""What was folded last: the same network is asked for twice at every frame."""


def fold(graph: LayerGraph, folded: tuple[str, ...]) -> tuple[Node, ...]:
    """The columns of the diagram, in order of execution.

    A run of consecutive layers inside one folded block is one column, shown by its last layer.
    """
    if not (_last and _last[0][0] is graph and _last[0][1] == folded):
        _last[:] = [(graph, folded, tuple(_columns(graph, folded)))]
    return _last[0][2]


def _columns(graph: LayerGraph, folded: tuple[str, ...]) -> list[Node]:
    closed = set(folded)
    groups: list[tuple[str | None, list[Layer]]] = []
    for layer in graph.layers:
        block = next((path for path in layer.block if path in closed), None)
        if block is not None and groups and groups[-1][0] == block:
            groups[-1][1].append(layer)
        else:
            groups.append((block, [layer]))
    column_of = {layer.name: index for index, (_, layers) in enumerate(groups) for layer in layers}
    nodes = []
    for index, (block, layers) in enumerate(groups):
        sources = {column_of[name] for layer in layers for name in layer.inputs} - {index}
        nodes.append(
            Node(
                layers[-1],
                tuple(sorted(sources)),
                block if len(layers) > 1 else None,
                len(layers),
                sum(layer.parameters for layer in layers),
            )
        )
    return nodes
