"""Activations: the numbers are those of the module."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnviz.panels.activations_view import ActivationsView
from cnnviz.scene.document import Document
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.histogram_view import HistogramView
from cnnviz.ui.number_list import NumberList

SIZE = (1, 8, 8)


def select(layer: str, **more):
    return {"selection.layer": layer, **{f"selection.{name}": value for name, value in more.items()}}


@pytest.mark.parametrize("layer", ["conv", "relu", "pool", "flatten", "head"])
def test_the_values_are_the_modules_own(computed, seen, noisy, small, layer):
    result = computed("activations", small, SIZE, noisy | select(layer))
    image = seen(SIZE, noisy)
    with torch.no_grad():
        conv = functional.conv2d(image, small.conv.weight, small.conv.bias, padding=1)
        relu = conv.clamp_min(0)
        pool = functional.max_pool2d(relu, 2)
        flat = pool.reshape(1, -1)
        head = flat @ small.head.weight.T + small.head.bias
    wanted = {"conv": conv, "relu": relu, "pool": pool, "flatten": flat, "head": head}[layer][0]
    assert result.layer == layer
    assert result.shape == tuple(wanted.shape)
    np.testing.assert_allclose(result.values.reshape(wanted.shape), wanted, atol=1e-6)
    statistics = result.statistics
    assert statistics.mean == pytest.approx(float(wanted.mean()), abs=1e-6)
    assert statistics.std == pytest.approx(float(wanted.std(correction=0)), abs=1e-6)
    assert statistics.zeros == pytest.approx(float((wanted == 0).double().mean()))
    assert result.zero_after_relu == pytest.approx(float((wanted <= 0).double().mean()))
    counts, edges = result.histogram
    assert counts.sum() == wanted.numel()
    assert edges[0] <= float(wanted.min())
    assert edges[-1] >= float(wanted.max()) - 1e-6


def test_without_a_selection_it_is_the_first_convolution(computed, small):
    assert computed("activations", small, SIZE).layer == "conv"
    assert computed("activations", small, SIZE, select("of another network")).layer == "conv"


def test_without_a_convolution_it_is_the_first_layer(computed):
    assert computed("activations", nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), SIZE).layer == "0"


def test_each_map_may_have_its_own_scale(computed, noisy, small):
    shared = computed("activations", small, SIZE, noisy)
    own = computed("activations", small, SIZE, noisy | {"panels.activations.scale": "own"})
    for channel, values in enumerate(shared.values):
        assert own.mosaic.range_of(channel)[1] == pytest.approx(np.abs(values).max(), rel=1e-5)
        assert shared.mosaic.range_of(channel)[1] == pytest.approx(np.abs(shared.values).max(), rel=1e-5)


def test_a_unit_outside_the_layer_is_moved_into_it(computed, small):
    unit = computed("activations", small, SIZE, select("pool", channel=99, row=7, column=2)).unit
    assert (unit.channel, unit.row, unit.column) == (3, 3, 2)
    unit = computed("activations", small, SIZE, select("pool")).unit
    assert (unit.channel, unit.row, unit.column) == (0, 2, 2)
    unit = computed("activations", small, SIZE, select("head", channel=2)).unit
    assert (unit.channel, unit.row, unit.column) == (2, None, None)


class Spoils(nn.Module):
    """Puts NaN and infinity in known places."""

    __module__ = "torch.nn"  # one layer for the tracer

    def forward(self, x):
        x = x.clone()
        x[:, 0, 0, 0] = math.nan
        x[:, 1, :2, 0] = math.inf
        x[:, 2, 0, 0] = -math.inf
        return x


def test_values_that_are_no_numbers_are_counted_and_shown(computed, noisy, small):
    network = nn.Sequential(small.conv, Spoils(), nn.Flatten(), nn.Linear(256, 2))
    result = computed("activations", network, SIZE, noisy | select("1"))
    assert result.statistics.nan == 1
    assert result.statistics.infinite == 3
    assert np.isfinite(result.statistics.mean)
    assert result.mosaic.non_finite == 4
    top, left, _, _ = result.mosaic.tile_rect(0)
    assert result.mosaic.indices[top, left] == 253
    top, left, _, _ = result.mosaic.tile_rect(1)
    assert result.mosaic.indices[top, left] == 254


class Volumes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(1, 2, 3, padding=1)
        self.head = nn.Linear(2 * 8 * 8 * 2, 2)

    def forward(self, x):
        return self.head(self.conv(x.unsqueeze(2).expand(-1, -1, 2, -1, -1)).flatten(1))


def test_maps_in_three_dimensions_are_refused_in_words(refused):
    words = refused("activations", Volumes(), SIZE, select("conv"))
    assert "3-dimensional" in words
    assert "select" in words


class Tokens(nn.Module):
    """Answers from a sequence of vectors, as transformers do."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(1, 5, 4, stride=4)
        self.norm = nn.LayerNorm(5)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.norm(self.embed(x).flatten(2).transpose(1, 2)).mean(1))


def test_the_network_shows_the_middle_of_volumes(computed, seen, noisy):
    torch.manual_seed(0)  # with weights of both signs: else the maps are not signed
    network = Volumes().eval()
    result = computed("network", network, SIZE, noisy)
    (column,) = [column for column in result.columns if column.node.layer.name == "conv"]
    with torch.no_grad():
        maps = network.conv(seen(SIZE, noisy).unsqueeze(2).expand(-1, -1, 2, -1, -1))[0, :, 1]
    top, left, height, width = column.mosaic.tile_rect(1)
    shown = (column.mosaic.indices[top : top + height, left : left + width] - 126.0) / 126 * column.mosaic.high
    np.testing.assert_allclose(shown, maps[1], atol=column.mosaic.high / 126)


def test_a_sequence_of_vectors_is_a_row_of_cells_for_each(computed, seen, noisy):
    network = Tokens().eval()
    result = computed("activations", network, SIZE, noisy | select("norm"))
    with torch.no_grad():
        tokens = network.norm(network.embed(seen(SIZE, noisy)).flatten(2).transpose(1, 2))[0]
    assert result.values.shape == (4, 1, 5)
    np.testing.assert_allclose(result.values[:, 0], tokens, atol=1e-5)


def test_in_a_low_panel_the_colour_bar_stands_beside_histogram_and_numbers(computed, noisy, small, on_screen, qtbot):
    view = on_screen(ActivationsView(Document()), 600, 420)
    view.show_result(computed("activations", small, SIZE, noisy | {"selection.layer": "conv"}))
    bar, histogram, numbers = (view.findChild(kind) for kind in (ColourBar, HistogramView, NumberList))
    qtbot.waitUntil(lambda: bar.y() + bar.height() <= histogram.y())
    view.resize(600, view.minimumSizeHint().height() + 4)
    qtbot.waitUntil(lambda: bar.x() + bar.width() <= histogram.x())
    for part in (bar, histogram, numbers):
        assert part.y() + part.height() <= view.height(), "nothing is cut off"
