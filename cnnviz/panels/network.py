"""Network: a column per layer, with its strongest feature maps, live."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.network_folding import Node, automatic_folds, fold, foldable_blocks
from cnnviz.panels.shared.class_scores import class_scores
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.scene.actions import is_paper
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.field_reach import ReachTable
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.core.prediction import ClassScore
    from cnnviz.engine.observation import Observation

# maps larger than this are averaged down: a thumbnail is never drawn larger
THUMBNAIL_PX = 48
ONE_TO_ONE = re.compile(
    r"ReLU|ReLU6|LeakyReLU|PReLU|ELU|GELU|SiLU|Sigmoid|Tanh|Hard.*|.*Pool2d|BatchNorm2d|InstanceNorm2d|Dropout.*|Identity"
)
# an answer of more classes is shown as a vector like any other layer
MOST_CLASS_BARS = 12


class NetworkParams(PanelParams):
    maps: int = Field(8, ge=1, le=32, description="feature maps shown of each layer, the strongest")
    folded: tuple[str, ...] | None = Field(
        None, description="blocks drawn as one column; none: all outermost blocks of a network with many layers"
    )


@dataclass(frozen=True, eq=False)
class Column:
    """One layer, or one folded block, in the diagram.

    Attributes
    ----------
    mosaic : Mosaic or None
        The shown channels, one below the other; None for the input, for an answer of few classes,
        and for a layer that was not reached.
    channels : tuple of int
        Which channel each tile shows, ascending.
    left_out : int
        Channels that are not shown.
    scores : tuple of ClassScore
        The class probabilities, in the order of the classes, where the column is the network's answer.
    reach : ReachTable or None
        Which units of its maps see a pixel of the input.
    reached : bool
        Whether this input came to the layer, which in a network whose flow depends on it not each does.
    """

    node: Node
    mosaic: Mosaic | None
    channels: tuple[int, ...]
    left_out: int
    scores: tuple[ClassScore, ...] = ()
    reach: ReachTable | None = None
    reached: bool = True


@dataclass(frozen=True, eq=False)
class NetworkResult:
    columns: tuple[Column, ...]
    image: np.ndarray
    paper: bool
    parameters: int
    macs: int
    method: str
    notes: tuple[str, ...]
    blocks: tuple[str, ...]
    folded: tuple[str, ...]
    selected: str
    channel: int


def folds(scene: Scene, graph: LayerGraph) -> tuple[str, ...]:
    params = cast(NetworkParams, scene.panel("network"))
    return automatic_folds(graph) if params.folded is None else params.folded


def shown_layers(scene: Scene, graph: LayerGraph) -> list[str]:
    return [node.layer.name for node in fold(graph, folds(scene, graph)) if node.layer.kind != "Input"]


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> NetworkResult:
    params = cast(NetworkParams, scene.panel("network"))
    graph = observation.network.graph
    folded = folds(scene, graph)
    nodes = fold(graph, folded)
    selected = observation.layer.name
    channel = observation.unit(scene.selection).channel
    columns: list[Column] = []
    for node in nodes:
        last = node is nodes[-1]
        marked = channel if node.layer.name == selected else None
        columns.append(_column(node, observation, params.maps, columns, marked, last=last))
    return NetworkResult(
        tuple(columns),
        observation.rendered.edited,
        is_paper(scene),
        graph.parameters,
        graph.macs,
        graph.method,
        graph.notes,
        foldable_blocks(graph),
        folded,
        selected,
        channel,
    )


def _column(
    node: Node, observation: Observation, most: int, before: list[Column], marked: int | None, *, last: bool
) -> Column:
    from cnnviz.core.mosaic import mosaic
    from cnnviz.core.thumbnails import thumbnails

    if node.layer.kind == "Input":
        return Column(node, None, (), 0)
    value = observation.values.get(node.layer.name)
    if value is None:
        return Column(node, None, (), 0, reached=False)
    while value.dim() > 4:  # of volumes the slice in the middle
        value = value.select(2, value.shape[2] // 2)
    if last and value.dim() == 2 and 1 < value.shape[1] <= MOST_CLASS_BARS:
        return Column(node, None, tuple(range(value.shape[1])), 0, _scores_in_order(observation))
    maps = feature_maps(value)
    # a vector is drawn as one strip of cells, not as a few of its units
    if maps.shape[1:].numel() == 1:
        channels = tuple(range(min(maps.shape[0], MOST_CELLS)))
    else:
        channels = _followed(node, before, maps.shape[0]) or _strongest(maps, most)
        if marked is not None and marked not in channels:
            channels = tuple(sorted((*channels[:-1], marked)))
    gap = 1 if maps.shape[1:].numel() > 1 else 0
    shown = mosaic(thumbnails(maps, channels, THUMBNAIL_PX), columns=1, scale="shared", gap=gap)
    reach = observation.network.pixel_reach.table(node.layer.name)
    return Column(node, shown, channels, maps.shape[0] - len(channels), reach=reach)


def with_rows(result: NetworkResult, rows: int, tile: int | None) -> NetworkResult:
    """The same with at most ``rows`` maps in each column, the same tiles in all, with tile ``tile`` among them."""
    if all(len(column.channels) <= rows or not _is_stacked(column) for column in result.columns):
        return result
    first = max((tile or 0) - rows + 1, 0)
    return replace(result, columns=tuple(_cut(column, first, rows) for column in result.columns))


def _is_stacked(column: Column) -> bool:
    """Whether it shows maps one below the other, not a vector's cells or bars."""
    return column.mosaic is not None and column.mosaic.tile_shape != (1, 1)


def _cut(column: Column, first: int, rows: int) -> Column:
    mosaic = column.mosaic
    if mosaic is None or not _is_stacked(column) or len(column.channels) <= rows:
        return column
    first = min(first, len(column.channels) - rows)
    row = mosaic.tile_shape[0] + mosaic.gap
    shown = replace(mosaic, indices=mosaic.indices[first * row : (first + rows) * row], count=rows)
    channels = column.channels[first : first + rows]
    return replace(column, mosaic=shown, channels=channels, left_out=column.left_out + len(column.channels) - rows)


MOST_CELLS = 128


def keeps_channels(node: Node) -> bool:
    """Whether each map of the column comes from the map of the same channel before it, and from no other."""
    return node.block is None and len(node.inputs) == 1 and ONE_TO_ONE.fullmatch(node.layer.kind) is not None


def _followed(node: Node, before: list[Column], count: int) -> tuple[int, ...]:
    """The channels of the column before, where this one goes on with them, so that a row stays one channel."""
    if not keeps_channels(node):
        return ()
    source = before[node.inputs[0]]
    return source.channels if len(source.channels) + source.left_out == count else ()


def _strongest(maps: Tensor, most: int) -> tuple[int, ...]:
    from cnnviz.core.activations import strongest

    if maps.shape[0] <= most:
        return tuple(range(maps.shape[0]))
    # by what a ReLU would pass on, so that the rows go on in the columns after it
    return tuple(sorted(strongest(maps, most, passed_on=True)))


def _scores_in_order(observation: Observation) -> tuple[ClassScore, ...]:
    scores = class_scores(observation, MOST_CLASS_BARS)
    return tuple(sorted(scores, key=lambda score: score.index))


SPEC = PanelSpec(
    id="network",
    title="Network",
    area="centre",
    params=NetworkParams,
    depends=("network", "input", "unit"),
    compute=compute,
    layers=shown_layers,
    view="cnnviz.panels.network_view:NetworkView",
    tip="The layers in order of execution. Click a column to select its layer, a map to select its channel.",
)
