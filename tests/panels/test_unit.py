"""Unit: one cell, its map, and what it saw."""

import numpy as np
import pytest
import torch

from cnnviz.panels.unit_view import UnitView
from cnnviz.scene.document import Document
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.numbers import format_number

SIZE = (1, 8, 8)


def test_the_value_is_the_modules_own(computed, seen, noisy, small):
    where = {"selection.layer": "conv", "selection.channel": 3, "selection.row": 2, "selection.column": 5}
    result = computed("unit", small, SIZE, noisy | where)
    with torch.no_grad():
        maps = small.conv(seen(SIZE, noisy))[0]
    assert (result.layer, result.channel, result.row, result.column) == ("conv", 3, 2, 5)
    assert result.value == pytest.approx(float(maps[3, 2, 5]), abs=1e-6)
    np.testing.assert_allclose(result.values, maps[3], atol=1e-6)
    patch = seen(SIZE, noisy)[0, :, 1:4, 4:7]
    np.testing.assert_array_equal(result.crop, patch)
    with torch.no_grad():
        by_hand = float((small.conv.weight[3] * patch).sum() + small.conv.bias[3])
    assert result.value == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(
    ("row", "column", "box", "crop"),
    [
        (0, 0, (-1, -1, 3, 3), np.s_[0:2, 0:2]),
        (7, 4, (6, 3, 3, 3), np.s_[6:8, 3:6]),
        (0, 7, (-1, 6, 3, 3), np.s_[0:2, 6:8]),
    ],
)
def test_at_the_border_the_crop_is_what_lies_in_the_image(computed, seen, noisy, small, row, column, box, crop):
    where = {"selection.layer": "conv", "selection.row": row, "selection.column": column}
    result = computed("unit", small, SIZE, noisy | where)
    field = result.field
    assert (field.row, field.column, field.height, field.width) == box
    np.testing.assert_array_equal(result.crop, seen(SIZE, noisy)[0].numpy()[:, *crop])


def test_a_unit_of_a_vector_has_no_place(computed, seen, noisy, small):
    result = computed("unit", small, SIZE, noisy | {"selection.layer": "head", "selection.channel": 1})
    with torch.no_grad():
        assert result.value == pytest.approx(float(small(seen(SIZE, noisy))[0, 1]), abs=1e-6)
    assert result.field is None
    assert result.crop is None
    assert result.values.shape == (1, 1)


def test_zero_stays_in_the_middle_of_the_colours_for_a_map_without_negative_values(computed, small):
    with torch.no_grad():
        small.conv.bias[:] = torch.tensor([5.0, -5.0, 0.0, 0.0])
    result = computed("unit", small, SIZE, {"selection.layer": "conv", "selection.channel": 0})
    assert result.values.min() > 0
    assert result.mosaic.signed


def test_a_field_that_lies_in_the_padding_alone_has_no_crop(computed):
    from torch import nn

    network = nn.Sequential(nn.Conv2d(1, 1, 1, padding=2), nn.Flatten(), nn.Linear(144, 2))
    result = computed("unit", network, SIZE, {"selection.row": 0, "selection.column": 0})
    assert (result.field.row, result.field.height) == (-2, 1)
    assert result.crop is None


def test_a_value_that_is_no_number_is_shown_as_it_is(computed, small):
    with torch.no_grad():
        small.conv.weight[2, 0, 0, 0] = float("nan")
    result = computed("unit", small, SIZE, {"selection.layer": "conv", "selection.channel": 2})
    assert np.isnan(result.value)
    assert result.mosaic.non_finite > 0


def test_a_colour_bar_tells_what_the_map_and_the_numbers_are_coloured_by(computed, noisy, small, on_screen, qtbot):
    result = computed("unit", small, SIZE, noisy | {"selection.layer": "conv", "selection.channel": 3})
    view = on_screen(UnitView(Document()), 350, 460)
    view.show_result(result)
    (bar,), (grid,) = view.findChildren(ColourBar), view.findChildren(NumberGrid)
    largest = format_number(float(np.abs(result.values).max()), 2)
    assert bar.text() == f"−{largest} 0 +{largest}"
    assert grid.y() > bar.y() + bar.height()
    view.resize(800, 220)
    qtbot.waitUntil(lambda: grid.x() > bar.x() + bar.width())  # in a wide panel it stands beside the map
