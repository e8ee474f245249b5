"""Residual blocks: what a block gets, what its branch adds, what it gives; and what is left when a part is silent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.shared.block_states import BLOCK_STATES, block_name, state_of, states_of
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.core.residual_blocks import ResidualBlock
    from cnnviz.engine.observation import LoadedNetwork, Observation


class ResidualParams(PanelParams):
    """Nothing to set: which block is shown is the selected layer, what of it is silent a change of the network."""


@dataclass(frozen=True)
class BlockShare:
    """One block: the layer that adds, its name, which part is silent, and ‖f(x)‖ / ‖x‖, NaN where x is 0."""

    layer: str
    name: str
    state: str
    share: float


@dataclass(frozen=True, eq=False)
class BlockPart:
    """One of the three: a layer's maps.

    Attributes
    ----------
    symbol : str
        ``x``, ``P(x)`` of a projection, ``f(x)``, or ``out``.
    values : array (C, h, w)
    norm : float
        Euclidean.
    """

    symbol: str
    layer: str
    mosaic: Mosaic
    values: np.ndarray
    norm: float


@dataclass(frozen=True, eq=False)
class ResidualResult:
    """
    Attributes
    ----------
    blocks : tuple of BlockShare
        All of the network, in order of execution; ``current`` is the one whose parts are shown.
    parts : tuple of BlockPart
        Shortcut, branch and sum, under one colour scale.
    left : float
        ‖out − shortcut‖; with the shortcut silent ‖out − branch‖.
    words : str
        What the block does, with its numbers.
    """

    blocks: tuple[BlockShare, ...]
    current: int
    parts: tuple[BlockPart, BlockPart, BlockPart]
    left: float
    words: str

    @property
    def state(self) -> str:
        return self.blocks[self.current].state


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> ResidualResult:
    from cnnviz.core.mosaic import mosaics_together
    from cnnviz.core.residual_blocks import residual_blocks

    network = observation.network
    blocks = residual_blocks(network.graph)
    if not blocks:
        raise ValueError(
            "This network adds no branch to a shortcut. Open cifar-net, which has two such blocks, or the "
            "checkpoint of a ResNet."
        )
    current = _of_layer(blocks, network.graph, observation.layer.name)
    block = blocks[current]
    names = (block.shortcut, block.branch, block.layer)
    values = [feature_maps(observation.values[name]) for name in names]
    mosaics = mosaics_together(values)
    short = "x" if block.hands_on else "P(x)"
    parts = [
        BlockPart(symbol, name, mosaic, maps.float().cpu().numpy(), _norm(observation, name))
        for symbol, name, mosaic, maps in zip((short, "f(x)", "out"), names, mosaics, values, strict=True)
    ]
    shares = _shares(network, observation, blocks)
    kept = values[1] if shares[current].state == BLOCK_STATES[2] else values[0]
    left = float((values[2] - kept).float().norm())
    return ResidualResult(shares, current, (parts[0], parts[1], parts[2]), left, _words(shares[current], parts, left))


def _of_layer(blocks: tuple[ResidualBlock, ...], graph: LayerGraph, layer: str) -> int:
    """The first block that has not been added up before ``layer``, else the last."""
    place = {name: index for index, name in enumerate(graph.names)}
    return next((i for i, each in enumerate(blocks) if place[each.layer] >= place[layer]), len(blocks) - 1)


def _norm(observation: Observation, layer: str) -> float:
    return float(observation.values[layer].float().norm())


def _shares(
    network: LoadedNetwork, observation: Observation, blocks: tuple[ResidualBlock, ...]
) -> tuple[BlockShare, ...]:
    states = states_of(network)
    rows = []
    for block in blocks:
        before, added = _norm(observation, block.shortcut), _norm(observation, block.branch)
        share = added / before if before > 0 else math.nan
        name = block_name(network.graph, block.layer)
        rows.append(BlockShare(block.layer, name, state_of(states, block.layer), share))
    return tuple(rows)


def _words(block: BlockShare, parts: list[BlockPart], left: float) -> str:
    shortcut = parts[0]
    symbol, number = shortcut.symbol, "0" if left == 0 else f"{left:.3g}"
    if block.state == BLOCK_STATES[1]:
        if symbol == "x":
            return f"‖out − x‖ = {number}: without its branch the block hands on what it gets, the identity."
        return (
            f"‖out − P(x)‖ = {number}: the projection is left, since sizes differ; in other blocks it is the identity."
        )
    if block.state == BLOCK_STATES[2]:
        return f"‖out − f(x)‖ = {number}: without its shortcut it is a block of a plain network."
    share = "" if math.isnan(block.share) else f", {block.share:.0%} of ‖{symbol}‖".replace("%", "\u00a0%")
    return f"‖out − {symbol}‖ = {number}{share}: that is what the branch adds. Silence it, and see what is left."


def layers(scene: Scene, graph: LayerGraph) -> tuple[str, ...]:
    """The three of each block."""
    from cnnviz.core.residual_blocks import residual_blocks

    return tuple(name for block in residual_blocks(graph) for name in (block.shortcut, block.branch, block.layer))


SPEC = PanelSpec(
    id="residual",
    title="Residual blocks",
    area="centre",
    params=ResidualParams,
    depends=("network", "input", "layer"),
    compute=compute,
    layers=layers,
    view="cnnviz.panels.residual_view:ResidualView",
    tip="A block gives f(x) + x: what its branch makes of what it gets, and what it gets. Each can be silenced.",
)
