"""Which part of each residual block is silent, for every panel that speaks of blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.network_changes import NetworkChange
    from cnnviz.engine.observation import LoadedNetwork

BLOCK_STATES = ("as loaded", "branch silent", "shortcut silent")


def states_of(network: LoadedNetwork) -> dict[str | None, str]:
    """State of the blocks that are changed, by the name of their sum; None stands for all others."""
    from cnnviz.core.network_changes import Silence

    return {each.layer: f"{each.part} silent" for each in network.changes if isinstance(each, Silence)}


def state_of(states: Mapping[str | None, str], layer: str) -> str:
    """State of the block whose sum is ``layer``."""
    return states.get(layer, states.get(None, BLOCK_STATES[0]))


def block_name(graph: LayerGraph, layer: str) -> str:
    """What contains the sum ``layer``: in a ResNet ``layer1.0``."""
    containers = graph[layer].block
    return containers[-1] if containers else layer


def with_states(changes: tuple[NetworkChange, ...], states: Mapping[str, str]) -> tuple[NetworkChange, ...]:
    """``changes`` with all blocks in these states, by the name of their sum."""
    from cnnviz.core.network_changes import Silence

    others = tuple(each for each in changes if not isinstance(each, Silence))
    own = tuple(
        Silence(layer, "branch" if state == BLOCK_STATES[1] else "shortcut")
        for layer, state in states.items()
        if state != BLOCK_STATES[0]
    )
    return others + own
