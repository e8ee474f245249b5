"""Every layer of the networks that ship is explained."""

import pytest
import torch

from cnnviz.checkpoints.open import open_network, shipped_networks
from cnnviz.core.trace import prepare
from cnnviz.panels.network_layer_words import explain


@pytest.mark.parametrize("name", shipped_networks())
def test_every_layer_of_a_shipped_network_is_explained(name):
    opened = open_network(name)
    graph = prepare(opened.module, torch.zeros(1, *opened.card.input_size)).graph
    for layer in graph.layers:
        assert not explain(layer.kind).startswith("An operation of the kind"), layer.kind


def test_an_unknown_kind_is_named():
    assert "Fourier" in explain("Fourier")
