"""Network: which maps each column shows, and that they are those of the module."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnviz.panels.network import with_rows

SIZE = (1, 8, 8)


def tiles(column):
    """The values that a column's tiles stand for."""
    mosaic = column.mosaic
    high = float(mosaic.high)
    for index in range(mosaic.count):
        top, left, height, width = mosaic.tile_rect(index)
        picture = mosaic.indices[top : top + height, left : left + width].astype(float)
        yield (picture - 126) / 126 * high if mosaic.signed else picture / 252 * high


def test_each_layer_is_a_column_with_its_maps(computed, seen, noisy, small):
    result = computed("network", small, SIZE, noisy | {"selection.layer": "pool"})
    columns = {column.node.layer.name: column for column in result.columns}
    assert list(columns) == ["input", "conv", "relu", "pool", "flatten", "head"]
    with torch.no_grad():
        conv = small.conv(seen(SIZE, noisy))[0]
    maps = {"conv": conv, "relu": conv.clamp_min(0), "pool": functional.max_pool2d(conv.clamp_min(0), 2)}
    for name, wanted in maps.items():
        shown = list(tiles(columns[name]))
        assert columns[name].channels == (0, 1, 2, 3)
        assert columns[name].left_out == 0
        np.testing.assert_allclose(shown, wanted, atol=float(wanted.abs().max()) / 126)
    np.testing.assert_array_equal(result.image, seen(SIZE, noisy)[0])
    assert result.selected == "pool"
    assert result.parameters == sum(each.numel() for each in small.parameters())


def test_a_wide_layer_shows_its_strongest_maps_and_says_how_many_it_leaves_out(computed, seen, noisy):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 20, 3), nn.Flatten(), nn.Linear(20 * 36, 2))
    result = computed("network", network, SIZE, noisy | {"panels.network.maps": 5, "selection.layer": "2"})
    column = result.columns[1]
    with torch.no_grad():
        passed_on = network[0](seen(SIZE, noisy))[0].clamp_min(0).mean((1, 2))
    assert column.channels == tuple(sorted(passed_on.argsort(descending=True)[:5].tolist()))
    assert column.left_out == 15


def test_a_vector_is_a_strip_and_a_small_answer_bars(computed, small, noisy):
    result = computed("network", small, SIZE, noisy)
    flatten, head = result.columns[-2:]
    assert flatten.mosaic.tile_shape == (1, 1)
    assert flatten.mosaic.count == 64
    assert head.mosaic is None
    assert [score.index for score in head.scores] == [0, 1, 2]
    assert sum(score.probability for score in head.scores) == pytest.approx(1)


def test_large_maps_are_averaged_down(computed, seen):
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    edits = {"input.base": {"kind": "sample", "name": "camera"}}
    result = computed("network", network, (1, 256, 128), edits)
    column = result.columns[1]
    assert column.mosaic.tile_shape == (43, 22)
    with torch.no_grad():
        maps = network[0](seen((1, 256, 128), edits))
        # by hand: squares of 6 pixels, at the lower and right edge of what is left of them
        wanted = torch.stack(
            [
                torch.stack([maps[0, :, r : r + 6, c : c + 6].mean((1, 2)) for c in range(0, 128, 6)], 1)
                for r in range(0, 256, 6)
            ],
            1,
        )
    np.testing.assert_allclose(list(tiles(column)), wanted, atol=float(wanted.abs().max()) / 120)


@pytest.mark.parametrize(
    "network",
    [
        nn.Conv2d(1, 3, 3),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 2)),
        nn.Flatten(),
        nn.Sequential(nn.Conv2d(1, 1, 8), nn.Flatten()),
        nn.Sequential(nn.Conv2d(1, 600, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(600, 1000)),
    ],
    ids=["one layer, maps", "vectors alone", "no weights", "one output", "wide"],
)
def test_every_panel_has_an_answer_for_unusual_networks(delivered, network, noisy):
    delivery = delivered(network, SIZE, noisy)
    assert set(delivery.results) | set(delivery.errors) == {
        "input", "samples", "prediction", "network", "activations", "filters", "unit",
    }  # fmt: skip
    for message in delivery.errors.values():
        assert "could not be computed" not in message
        assert message.endswith(".")


class Dead(nn.Module):
    """An activation that is not finite."""

    __module__ = "torch.nn"

    def forward(self, x):
        return x / 0


def test_activations_that_are_not_finite_do_not_stop_any_panel(delivered, small, noisy):
    delivery = delivered(nn.Sequential(Dead(), small), SIZE, noisy | {"selection.layer": "0"})
    assert set(delivery.errors) == {"filters"}, "no kernels lie before it"
    assert delivery.results["activations"].statistics.infinite == 64
    assert delivery.results["network"].columns[1].mosaic.non_finite == 64


def test_folded_blocks_are_one_column(computed, noisy):
    network = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Sequential(nn.Flatten(), nn.Linear(72, 2)))
    unfolded = computed("network", network, SIZE, noisy)
    folded = computed("network", network, SIZE, noisy | {"panels.network.folded": ("0",)})
    assert len(folded.columns) == len(unfolded.columns) - 1
    assert folded.columns[1].node.block == "0"
    np.testing.assert_array_equal(folded.columns[1].mosaic.indices, unfolded.columns[2].mosaic.indices)


def test_a_row_stays_one_channel_through_layers_that_keep_channels(computed, noisy):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 20, 3), nn.BatchNorm2d(20), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 12, 3, padding=1)
    )
    result = computed("network", network, SIZE, noisy | {"panels.network.maps": 5})
    _, conv, norm, relu, pool, last = result.columns
    assert conv.channels == norm.channels == relu.channels == pool.channels
    assert (pool.left_out, last.left_out) == (15, 7)


def test_the_selected_channel_is_always_shown(computed, noisy):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 20, 3), nn.Flatten(), nn.Linear(20 * 36, 2))
    for channel in range(20):
        edits = noisy | {"panels.network.maps": 5, "selection.layer": "0", "selection.channel": channel}
        shown = computed("network", network, SIZE, edits).columns[1].channels
        assert channel in shown
        assert len(shown) == 5


@pytest.mark.parametrize("tile", [None, 1, 6])
def test_where_there_is_little_room_fewer_maps_are_shown_and_counted_and_the_marked_one_is_among_them(
    computed, noisy, tile
):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 36, 2))
    whole = computed("network", network, SIZE, noisy)
    few = with_rows(whole, 3, tile)
    assert with_rows(whole, 8, tile) is whole
    for before, after in zip(whole.columns[1:3], few.columns[1:3], strict=True):
        assert len(after.channels) == after.mosaic.count == 3
        assert after.left_out == 9
        for index, channel in enumerate(after.channels):
            row, left, height, width = before.mosaic.tile_rect(before.channels.index(channel))
            now, _, _, _ = after.mosaic.tile_rect(index)
            np.testing.assert_array_equal(
                after.mosaic.indices[now : now + height, left : left + width],
                before.mosaic.indices[row : row + height, left : left + width],
            )
    if tile is not None:
        assert whole.columns[1].channels[tile] in few.columns[1].channels
    assert few.columns[1].channels == few.columns[2].channels
    assert few.columns[3:] == whole.columns[3:]
