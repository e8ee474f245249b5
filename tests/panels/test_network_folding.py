"""Columns and edges of folded networks, against the paths of the unfolded graph."""

import pytest
import torch
from torch import nn

from cnnviz.core.trace import prepare
from cnnviz.panels.network_folding import MANY_LAYERS, automatic_folds, fold, foldable_blocks


class Residual(nn.Module):
    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.conv2(self.relu(self.conv1(x))) + x)


class Branching(nn.Module):
    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.stage = nn.Sequential(*(Residual() for _ in range(depth)))
        self.left = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU())
        self.right = nn.Sequential(nn.Conv2d(4, 2, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(4 * 64, 3)

    def forward(self, x):
        x = self.stage(self.stem(x))
        return self.head(torch.cat([self.left(x), self.right(x)], 1).flatten(1))


def graph_of(module: nn.Module, *size: int):
    return prepare(module.eval(), torch.zeros(1, *(size or (1, 8, 8)))).graph


@pytest.fixture
def branching():
    return graph_of(Branching())


def names(nodes):
    return [node.layer.name for node in nodes]


def test_unfolded_every_layer_is_a_column_with_its_own_inputs(branching):
    nodes = fold(branching, ())
    assert names(nodes) == list(branching.names)
    for node in nodes:
        assert {nodes[index].layer.name for index in node.inputs} == set(node.layer.inputs)
        assert (node.block, node.layers) == (None, 1)


def test_blocks_that_hold_several_layers_can_be_folded(branching):
    assert set(foldable_blocks(branching)) == {"stage", "stage.0", "stage.1", "left", "right"}


@pytest.mark.parametrize(
    "folded", [("stage",), ("stage.0",), ("stage.0", "stage.1"), ("left", "right"), ("stage", "stage.1")]
)
def test_folding_keeps_every_path_between_columns(branching, folded):
    nodes = fold(branching, folded)
    assert len(nodes) < len(branching.layers)
    assert sum(node.layers for node in nodes) == len(branching.layers)
    assert sum(node.parameters for node in nodes) == sum(layer.parameters for layer in branching.layers)
    plain = list(branching.names)
    ends = [plain.index(node.layer.name) for node in nodes]
    column_of = {name: next(i for i, end in enumerate(ends) if index <= end) for index, name in enumerate(plain)}
    edges = {(column_of[source], column_of[layer.name]) for layer in branching.layers for source in layer.inputs}
    assert {(source, index) for index, node in enumerate(nodes) for source in node.inputs} == {
        (a, b) for a, b in edges if a != b
    }
    assert all(source < index for index, node in enumerate(nodes) for source in node.inputs)


def test_a_folded_block_is_shown_by_its_last_layer(branching):
    nodes = fold(branching, ("stage",))
    (folded,) = [node for node in nodes if node.block == "stage"]
    members = [layer.name for layer in branching.layers if "stage" in layer.block]
    assert folded.layer.name == members[-1]
    assert folded.layers == len(members)
    assert folded.parameters == 2 * 2 * (4 * 4 * 9 + 4)


def test_blocks_that_the_network_does_not_have_fold_nothing(branching):
    assert fold(branching, ("of another network",)) == fold(branching, ())


def test_small_networks_are_not_folded_and_large_ones_until_they_fit():
    assert automatic_folds(graph_of(Branching(1))) == ()
    large = graph_of(Branching(12))
    assert len(large.layers) > MANY_LAYERS
    folds = automatic_folds(large)
    assert folds
    assert len(fold(large, folds)) <= MANY_LAYERS
    assert "stage" not in folds, "the innermost blocks are enough"
    huge = graph_of(Branching(30))
    assert "stage" in automatic_folds(huge)
