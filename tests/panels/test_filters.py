"""Filters: whose kernels, and which numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PyQt6.QtCore import Qt
from torch import nn

from cnnviz.panels.filters_view import FiltersView
from cnnviz.scene.document import Document
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.number_grid import NumberGrid

SIZE = (1, 8, 8)


def deep(channels: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 5, 1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(5 * 4 * 4, 7),
        nn.ReLU(),
        nn.Linear(7, 2),
    )


@pytest.mark.parametrize(
    ("selected", "owner"),
    [("0", "0"), ("1", "0"), ("2", "0"), ("3", "3"), ("5", "3"), ("7", "6"), ("11", "11"), ("10", "9")],
)
def test_a_layer_without_kernels_shows_those_of_the_nearest_before_it(computed, selected, owner):
    result = computed("filters", deep(), SIZE, {"selection.layer": selected, "selection.channel": 3})
    assert (result.selected, result.owner) == (selected, owner)


def test_the_input_has_no_kernels_and_says_what_to_do(refused):
    words = refused("filters", deep(), SIZE, {"selection.layer": "input"})
    assert "select a convolution" in words


@pytest.mark.parametrize("layer", ["0", "1", "2"])
def test_the_unit_of_a_relu_or_pool_marks_the_filter_that_feeds_it(computed, layer):
    network = deep()
    result = computed("filters", network, SIZE, {"selection.layer": layer, "selection.channel": 2})
    assert result.channel == 2
    np.testing.assert_array_equal(result.kernel_values, network[0].weight[2, 0].detach())


def test_a_flattened_layer_marks_no_filter(computed):
    assert computed("filters", deep(), SIZE, {"selection.layer": "7"}).channel is None


def tile(result, index):
    top, left, height, width = result.mosaic.tile_rect(index)
    return result.mosaic.indices[top : top + height, left : left + width]


@pytest.mark.parametrize("channel", [0, 2])
def test_deeper_kernels_are_paged_by_input_channel(computed, channel):
    network = deep()
    edits = {"selection.layer": "3", "selection.channel": 1, "panels.filters.input_channel": channel}
    result = computed("filters", network, SIZE, edits)
    weights = network[3].weight.detach()[:, channel]
    assert (result.bank.form, result.bank.input_channels, result.input_channel) == ("tiles", 4, channel)
    np.testing.assert_array_equal(result.kernel_values, weights[1])
    high = float(weights.abs().max())
    assert result.mosaic.range_of(0) == pytest.approx((-high, high))
    for index in range(6):
        np.testing.assert_allclose((tile(result, index) - 126.0) / 126 * high, weights[index], atol=high / 126)


def test_all_input_channels_together_are_their_mean(computed):
    network = deep()
    edits = {"selection.layer": "3", "panels.filters.input_channel": "all", "selection.channel": 4}
    result = computed("filters", network, SIZE, edits)
    assert result.input_channel is None
    np.testing.assert_allclose(result.kernel_values, network[3].weight.detach()[4].mean(0), atol=1e-7)


def test_an_input_channel_that_the_layer_does_not_have_is_its_last(computed):
    result = computed("filters", deep(), SIZE, {"selection.layer": "3", "panels.filters.input_channel": 99})
    assert result.input_channel == 3


@pytest.mark.parametrize("scale", ["own", "shared"])
def test_kernels_may_have_their_own_scale(computed, scale):
    network = deep()
    edits = {"selection.layer": "3", "panels.filters.scale": scale}
    result = computed("filters", network, SIZE, edits)
    weights = network[3].weight.detach()[:, 0].abs()
    for index in range(6):
        high = float(weights[index].max() if scale == "own" else weights.max())
        assert result.mosaic.range_of(index)[1] == pytest.approx(high)


@pytest.mark.parametrize("scale", ["auto", "own", "shared"])
def test_three_input_channels_are_in_colour(computed, scale):
    network = deep(3)
    result = computed("filters", network, (3, 8, 8), {"panels.filters.scale": scale, "selection.channel": 1})
    weights = network[0].weight.detach().numpy()
    assert (result.bank.form, result.mosaic) == ("colour", None)
    assert result.scale == ("shared" if scale == "shared" else "own")
    for index in range(4):
        part = weights if scale == "shared" else weights[index]
        wanted = (weights[index] - part.min()) / (part.max() - part.min()) * 255
        left = index * 4
        np.testing.assert_allclose(result.colours[:3, left : left + 3].transpose(2, 0, 1), wanted, atol=0.51)
    np.testing.assert_allclose(result.kernel_values, weights[1].mean(0), atol=1e-7)


def test_one_of_three_input_channels_is_signed(computed):
    network = deep(3)
    result = computed("filters", network, (3, 8, 8), {"panels.filters.input_channel": 1})
    assert (result.bank.form, result.input_channel) == ("tiles", 1)
    np.testing.assert_array_equal(result.kernel_values, network[0].weight.detach()[0, 1])


def test_a_1x1_convolution_and_a_linear_layer_are_matrices(computed):
    network = deep()
    for layer, channel, weights in (("6", 4, network[6].weight[:, :, 0, 0]), ("11", 1, network[11].weight)):
        result = computed("filters", network, SIZE, {"selection.layer": layer, "selection.channel": channel})
        assert result.bank.form == "matrix"
        np.testing.assert_array_equal(result.bank.images[0], weights.detach())
        np.testing.assert_array_equal(result.kernel_values, weights.detach()[channel : channel + 1])


def test_a_linear_layer_on_flattened_maps_is_shown_as_kernels_over_whole_maps(computed):
    network = deep()
    edits = {"selection.layer": "9", "selection.channel": 6, "panels.filters.input_channel": 3}
    result = computed("filters", network, SIZE, edits)
    assert result.shape == (7, 5, 4, 4)
    np.testing.assert_array_equal(result.kernel_values, network[9].weight.detach().reshape(7, 5, 4, 4)[6, 3])


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_that_are_no_numbers_are_counted(computed, channels):
    network = deep(channels)
    with torch.no_grad():
        network[0].weight[0, 0, 0, 0] = float("nan")
        network[0].weight[1, 0, 1, 1] = float("inf")
    result = computed("filters", network, (channels, 8, 8))
    assert (result.nan, result.infinite) == (1, 1)
    if channels == 1:
        assert tile(result, 0)[0, 0] == 253
        assert tile(result, 1)[1, 1] == 254
    else:
        assert result.colours[0, 0, 0] == 128, "NaN is grey"
        assert np.ptp(result.colours[:, :3]) == 255, "the other weights of the kernel keep their scale"


def test_filters_that_do_nothing_are_found(computed):
    network = deep()
    with torch.no_grad():
        network[3].weight[2] = 0
    result = computed("filters", network, SIZE, {"selection.layer": "3"})
    assert result.bank.dead.tolist() == [False, False, True, False, False, False]


def test_kernels_in_three_dimensions_are_refused_in_words(refused):
    class Volumes(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(1, 2, 3, padding=1)
            self.head = nn.Linear(2 * 8 * 8 * 2, 2)

        def forward(self, x):
            return self.head(self.conv(x.unsqueeze(2).expand(-1, -1, 2, -1, -1)).flatten(1))

    assert "three-dimensional" in refused("filters", Volumes(), SIZE, {"selection.layer": "conv"})


@pytest.mark.parametrize(
    "first", [nn.ConvTranspose2d(1, 3, 3), nn.Conv2d(1, 4, 3, groups=1, dilation=2), nn.Conv2d(1, 4, (1, 5))]
)
def test_other_convolutions_are_shown(computed, first):
    network = nn.Sequential(first, nn.Flatten(), nn.LazyLinear(2))
    network(torch.zeros(1, *SIZE))
    result = computed("filters", network, SIZE)
    assert len(result.bank.norms) == first.out_channels
    assert result.kernel_values.shape == tuple(first.weight.shape[2:])


def test_of_a_file_that_is_no_whole_network_each_layer_can_be_chosen(tmp_path):
    from cnnviz.data.image_store import ImageStore
    from cnnviz.data.pipeline import InputPipeline
    from cnnviz.engine.computation import Computation
    from cnnviz.engine.delivery import Request
    from cnnviz.engine.failures import FailuresHub
    from cnnviz.panels import PANELS
    from cnnviz.scene.document import Document

    torch.manual_seed(0)
    heads = {"conv.weight": torch.randn(4, 3, 5, 5), "a.weight": torch.randn(2, 4, 3, 3), "b.weight": torch.randn(5, 4)}
    torch.save(heads | {"c.weight": torch.randn(3, 4, 1, 1)}, tmp_path / "heads.pt")
    document = Document()
    document.edit("network.source", f"file:{tmp_path / 'heads.pt'}")
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

    def shown(panel, **edits):
        document.edit_many(edits)
        request = Request(document.scene, document.version, frozenset({panel}))
        *_, delivery = computation.run(request, lambda: False, lambda: False)
        return delivery.results.get(panel) or delivery.errors[panel]

    first = shown("filters")
    assert (first.owner, first.shape) == ("conv", (4, 3, 5, 5))
    assert [name for name, _ in first.loose] == ["conv", "a", "b", "c"]
    second = shown("filters", **{"panels.filters.loose": "a", "selection.channel": 1})
    np.testing.assert_allclose(second.kernel_values, heads["a.weight"][0, 0].numpy(), rtol=1e-6)
    assert shown("filters", **{"panels.filters.loose": "b"}).bank.form == "matrix"
    assert shown("activations").shape[0] == 4
    assert "no whole network" in shown("prediction")


@pytest.mark.parametrize("scale", ["shared", "own"])
def test_the_numbers_of_a_kernel_stand_on_the_colours_of_the_bar(computed, scale):
    network = deep()
    with torch.no_grad():
        network[3].weight[0] *= 10
    edits = {"selection.layer": "3", "selection.channel": 1, "panels.filters.scale": scale}
    result = computed("filters", network, SIZE, edits)
    weights = network[3].weight.detach()[:, 0]
    high = float((weights if scale == "shared" else weights[1]).abs().max())
    assert (result.kernel.low, result.kernel.high) == pytest.approx((-high, high))
    wanted = 126 + 126 * weights[1].numpy() / high
    np.testing.assert_allclose(result.kernel.indices.astype(float), wanted, atol=0.51)


def test_the_row_of_a_matrix_stands_on_its_colours(computed):
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 5, 1), nn.Flatten(), nn.Linear(5 * 64, 2))
    result = computed("filters", network, SIZE, {"selection.layer": "1", "selection.channel": 2})
    assert result.bank.form == "matrix"
    weights = network[1].weight.detach().flatten(1).numpy()
    wanted = 126 + 126 * weights[2] / np.abs(weights).max()
    np.testing.assert_allclose(result.kernel.indices[0].astype(float), wanted, atol=0.51)


@pytest.mark.parametrize(
    ("channels", "edits", "words"),
    [
        (1, {}, "filter 2"),
        (3, {}, "filter 2, mean of its 3 input channels"),
        (3, {"panels.filters.input_channel": 1}, "filter 2, input channel 1"),
    ],
)
def test_it_is_said_of_what_the_numbers_are(computed, on_screen, channels, edits, words):
    result = computed("filters", deep(channels), (channels, 8, 8), {"selection.channel": 2} | edits)
    view = on_screen(FiltersView(Document()), 360, 420)
    view.show_result(result)
    (grid,), (bar,) = view.findChildren(NumberGrid), view.findChildren(ColourBar)
    assert words in [label.text() for label in view.findChildren(ElidedLabel) if label.isVisible()]
    assert grid.toolTip() == f"Weights of {words}"
    view.resize(280, 240)
    assert not grid.isVisible()
    assert bar.isVisible() == (result.colours is None), "kernels in colour are in none of its colours"
    view.resize(700, 200)
    assert grid.isVisible()
    assert grid.x() > 300, "in a wide panel it stands beside the bank"


def test_a_layer_of_a_file_is_found_by_typing(computed, on_screen, qtbot):
    from cnnviz.ui.searchable_choice import SearchableComboBox

    document = Document()
    view = on_screen(FiltersView(document), 360, 420)
    result = computed("filters", deep(), SIZE)
    view.show_result(result)
    assert not view.findChildren(SearchableComboBox), "a whole network's layer is chosen in its own panel"
    loose = (("head.conv", "4 × 3 × 5 × 5"), ("head.dense", "5 × 4"), ("tail.conv", "2 × 4 × 3 × 3"))
    view.show_result(replace(result, loose=loose, owner="head.conv"))
    (choice,) = view.findChildren(SearchableComboBox)
    choice.lineEdit().setText("tail")
    qtbot.keyClick(choice.lineEdit(), Qt.Key.Key_Return)
    assert document.scene.panel("filters").loose == "tail.conv"
    view.show_result(result)
    assert not choice.isVisible()
