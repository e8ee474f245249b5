"""Where a network adds a branch to a shortcut, and what it gives when one of the two is silent."""

from dataclasses import dataclass

from torch import Tensor, nn

from cnnviz.core.graph import Layer, LayerGraph
from cnnviz.core.stand_in import StandIn


@dataclass(frozen=True)
class ResidualBlock:
    """A sum of two layers that come from one.

    Attributes
    ----------
    layer : str
        The sum.
    fork : str
        The last layer that both come from.
    branch, shortcut : str
        The two that are added; the shortcut has fewer layers on its way from the fork, mostly none: then it is the
        fork.
    hands_on : bool
        Whether the shortcut is what the fork gives, as it is; else it is brought to another size, or projected.
    """

    layer: str
    fork: str
    branch: str
    shortcut: str
    hands_on: bool = True


def residual_blocks(graph: LayerGraph) -> tuple[ResidualBlock, ...]:
    """The blocks in order of execution.

    Where two ways are equally long, the one without a window is the shortcut, such as a 1×1 convolution beside a 3×3
    one; where both or none have a window the sum is no block: neither of them is a shortcut.
    """
    found = (_block(graph, layer) for layer in graph if layer.kind == "Add" and len(layer.inputs) == 2)
    return tuple(block for block in found if block is not None)


def _block(graph: LayerGraph, layer: Layer) -> ResidualBlock | None:
    first, second = layer.inputs
    ways = _distances(graph, first), _distances(graph, second)
    place = {name: index for index, name in enumerate(graph.names)}
    common = ways[0].keys() & ways[1].keys()
    if not common:
        return None
    fork = max(common, key=place.__getitem__)
    longer = [(way[fork], _has_window(graph, name, fork)) for way, name in zip(ways, layer.inputs, strict=True)]
    if longer[0] == longer[1]:
        return None
    branch, shortcut = (first, second) if longer[0] > longer[1] else (second, first)
    before = shortcut
    while before != fork and graph[before].kind == "Identity":
        (before,) = graph[before].inputs
    return ResidualBlock(layer.name, fork, branch, shortcut, before == fork)


def _has_window(graph: LayerGraph, layer: str, fork: str) -> bool:
    """Whether a layer from behind ``fork`` up to ``layer`` reads more than one cell of a map."""
    waiting, seen = [layer], {fork}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        geometry = graph[name].geometry
        if geometry is not None and max(geometry.kernel_size) > 1:
            return True
        waiting += graph[name].inputs
    return False


def _distances(graph: LayerGraph, layer: str) -> dict[str, int]:
    """The layers that ``layer`` comes from, itself among them, and the most layers on the way from there."""
    found = {layer: 0}
    for name in reversed(graph.names):  # in order of execution, so that all readers of a layer come before it
        if name in found:
            for source in graph[name].inputs:
                found[source] = max(found.get(source, 0), found[name] + 1)
    return found


class OneOfTwo(StandIn, nn.Module):
    """A sum of two of which one is silent: what is left is handed on as it is."""

    layer_kind = "Add"

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.kept = kept
        self.layer_summary = "Add, one silent"

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        # a copy: what works in place on a sum must not reach what is handed on
        return (first, second)[self.kept].clone()
