"""Padding: which cells it reaches, against a gradient; the switch; the curves before and after, against torch."""

import re

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel
from torch import nn

from cnnviz.core.network_changes import SwapPooling, SwitchPadding
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.controls import ElidedLabel, Segmented, Toggle
from cnnviz.ui.curve_painter import curve_colours, looks


@pytest.fixture
def programs(start, scene_of, settle):
    def make(module, layer):
        program = start(scene_of(module))
        program.document.edit("selection.layer", layer)
        dock = program.window.docks["padding"]
        dock.show()
        dock.raise_()
        settle(program)
        return program, dock.view

    return make


def choose(view, mode):
    segmented = view.findChildren(Segmented)[0]
    QTest.mouseClick(segmented.button(mode), Qt.MouseButton.LeftButton)


def switch(view, words):
    (toggle,) = [each for each in view.findChildren(Toggle) if words in each.text()]
    QTest.mouseClick(toggle, Qt.MouseButton.LeftButton, pos=QPoint(5, toggle.height() // 2))


def words(view):
    return " ".join(each.text() for each in view.findChildren(QLabel) if each.isVisible())


def test_the_cells_reached_are_those_that_change_with_the_padding(programs, small, latest):
    programs(small, "pool")
    result = latest["padding"]
    x = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        maps = [
            nn.functional.conv2d(nn.functional.pad(x, (1,) * 4, value=value), small.conv.weight)
            for value in (0.0, 1000.0, -1000.0)
        ]
    other = sum((maps[0] - each).abs() for each in maps[1:]).sum(1) > 1e-3
    pooled = nn.functional.max_pool2d(other.float(), 2)[0].numpy()
    np.testing.assert_array_equal(result.large.indices > 0, pooled > 0)
    shares = {each.layer: each.share for each in result.reached}
    assert shares == pytest.approx({"conv": float(other.float().mean()), "relu": 28 / 64, "pool": 12 / 16})
    tile = result.tiles.tile_rect(2)
    drawn = result.tiles.indices[tile[0] : tile[0] + 12, tile[1] : tile[1] + 12] > 0
    np.testing.assert_array_equal(drawn, np.kron(pooled, np.ones((3, 3))) > 0)


def test_the_border_of_a_large_map_is_seen_on_all_sides_of_its_tile(programs, latest):
    torch.manual_seed(0)
    programs(nn.Sequential(nn.Upsample(scale_factor=5), nn.Conv2d(1, 2, 3, padding=1), nn.Flatten()), "1")
    result = latest["padding"]
    names = [each.layer for each in result.reached]
    top, left, height, width = result.tiles.tile_rect(names.index("1"))
    drawn = result.tiles.indices[top : top + height, left : left + width] > 0
    assert result.reached[names.index("1")].share == pytest.approx(1 - 38**2 / 40**2)
    expected = np.ones_like(drawn)
    expected[1:-1, 1:-1] = False
    np.testing.assert_array_equal(drawn, expected)


def test_periodic_padding_makes_the_error_rounding_and_the_curves_show_both(programs, small, latest, settle):
    program, view = programs(small, "pool")
    assert "padding that is not periodic reaches its cells" in words(view)
    choose(view, "circular")
    settle(program)
    assert program.document.scene.changes == (SwitchPadding("circular"),)
    assert re.search(r"its mean error is \S+: (rounding|it moves along exactly)\.", words(view))
    assert "Padding reaches no cell of pool" in words(view)
    curves = {each.name: each for each in latest["padding"].curves.series}
    assert set(curves) == {"as it was loaded", "padding: periodic"}
    now, loaded = curve_colours(2)  # as in every plot of both
    assert looks(latest["padding"].curves) == {"padding: periodic": now, "as it was loaded": loaded}
    after, before = curves["padding: periodic"], curves["as it was loaded"]
    even = after.x % 2 == 0
    assert after.y[even].max() < 1e-5
    assert before.y[even & (before.x != 0)].min() > 1e-3
    choose(view, "own")
    settle(program)
    assert program.document.scene.changes == ()
    assert looks(latest["padding"].curves) == {"as it is": now}


def test_the_curve_is_the_mean_over_the_input_and_the_samples(programs, small, latest):
    from cnnviz.panels.shared.sample_inputs import _inputs
    from cnnviz.panels.shared.transform_sweep import MOST_SAMPLES

    programs(small, "pool")
    assert latest["padding"].done == 1
    curve = latest["padding"].curves.series[0]
    samples = torch.from_numpy(_inputs((1, 8, 8), "crop", "auto"))[:MOST_SAMPLES]
    errors = []
    with torch.no_grad():
        for image in samples:
            before = small.pool(small.relu(small.conv(image[None])))
            after = small.pool(small.relu(small.conv(image[None].roll(2, 3))))
            errors.append(float((after - before.roll(1, 3)).norm() / before.norm()))
    at = int(np.flatnonzero(curve.x == 2)[0])
    first = MOST_SAMPLES + 1
    input_error = first * curve.y[at] - sum(errors)
    # What is left of the mean for the input must itself be an error, and the spread must be that of all eight.
    assert 0 < input_error < 2
    spread = np.std([*errors, input_error])
    assert curve.high[at] - curve.y[at] == pytest.approx(spread, rel=1e-3)


def test_blurred_pooling_is_swapped_in_and_taken_back(programs, small, latest, settle):
    program, view = programs(small, "pool")
    switch(view, "blur")
    settle(program)
    assert program.document.scene.changes == (SwapPooling("blur_max"),)
    assert len(latest["padding"].curves.series) == 2
    switch(view, "blur")
    settle(program)
    assert program.document.scene.changes == ()


def test_strides_are_blurred_where_nothing_pools(programs, latest, settle):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    program, view = programs(network, "0")
    switch(view, "blur the strides")
    settle(program)
    assert program.document.scene.changes == (SwapPooling("blur_average", window=1),)
    after, before = (latest["padding"].curves.series[place] for place in (1, 0))
    assert (before.name, after.name) == ("as it was loaded", "pooling: blurred")
    between = list(after.x).index(1.0)
    assert after.y[between] < before.y[between]


def test_a_network_without_padding_is_offered_some(programs, latest, settle):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    program, view = programs(network, "0")
    assert "has no padding: there is nothing to switch" in words(view)
    assert not view.findChildren(Segmented)[0].isEnabled()
    switch(view, "where there is none")
    settle(program)
    assert program.document.scene.changes == (SwitchPadding("zeros", same=True),)
    assert {each.layer: each.size for each in latest["padding"].reached}["0"] == (8, 8)
    assert view.findChildren(Segmented)[0].isEnabled()
    choose(view, "reflect")
    settle(program)
    assert program.document.scene.changes == (SwitchPadding("reflect", same=True),)


def test_padding_that_is_given_does_not_stop_a_linear_layer(programs, latest, settle):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 6 * 6, 3))
    program, view = programs(network, "0")
    switch(view, "where there is none")
    settle(program)
    assert program.document.scene.changes == (SwitchPadding("zeros", same=True),)
    assert "of 8×8 cells 2 hands on the middle 6×6" in words(view)
    assert "28 of 64 cells of 0, 44 %: the bright ones" in words(view)
    assert "nothing to switch" not in words(view)
    (below,) = [each for each in view.findChildren(ElidedLabel) if "deviation" in each.text()]
    assert below.text() == f"Mean over {latest['padding'].images} images ± deviation"
    assert latest["padding"].images == 8  # the input and seven samples


def test_sizes_that_the_strides_do_not_divide_are_told(programs, settle):
    torch.manual_seed(0)
    first, second = (nn.Conv2d(each, 2, 3, padding=1, padding_mode="circular") for each in (1, 2))
    network = nn.Sequential(first, nn.MaxPool2d(3), second, nn.Flatten(), nn.Linear(8, 3))
    _, view = programs(network, "2")
    assert "2 cells at steps of 3 px do not go round the 8 px of the image" in words(view)


def test_a_click_on_a_share_selects_the_layer_and_a_vector_is_told(programs, small, settle):
    program, view = programs(small, "head")
    assert "head has no map" in words(view)
    (bars,) = view.findChildren(BarList)
    QTest.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(10, bars.row_height() // 2))
    settle(program)
    assert program.document.scene.selection.layer == "conv"
    assert "Cells of conv that padding reaches" in [figure.title for figure in view.figures()]
