"""Equivariance: what the panel computes, against torch's own roll, and what a hand does in it."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QEvent, QPoint, Qt
from PyQt6.QtTest import QTest
from torch import nn

from cnnviz.bench.measure import bare_drag
from cnnviz.bench.measure import drag as bench_drag
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.controls import ElidedLabel, Segmented, Toggle
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.mosaic_view import MosaicView

SIZE = (1, 8, 8)
PATH = "panels.equivariance"


@pytest.fixture
def programs(start, scene_of):
    def make(module, layer):
        program = start(scene_of(module))
        program.document.edit("selection.layer", layer)
        dock = program.window.docks["equivariance"]
        dock.show()
        dock.raise_()
        return program, dock.view

    return make


@pytest.fixture
def panel(programs, small, settle):
    program, view = programs(small, "pool")
    settle(program)
    return program, view


def periodic():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, padding_mode="circular"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(48, 3),
    ).eval()


def test_the_maps_and_the_numbers_are_torchs(panel, latest, small, settle):
    program, _ = panel
    program.document.edit_many({f"{PATH}.shift": 2.0, "selection.channel": 1})
    settle(program)
    result = latest["equivariance"]
    x = torch.from_numpy(latest_input(latest))[None]
    with torch.no_grad():
        stages = small.pool(small.relu(small.conv(x))), small.pool(small.relu(small.conv(x.roll(2, 3))))
    expected = stages[0].roll(1, 3)
    np.testing.assert_array_equal(result.moved, x.roll(2, 3)[0])
    np.testing.assert_allclose(result.maps.values[0], stages[1][0, 1], atol=1e-6)
    np.testing.assert_allclose(result.maps.values[1], expected[0, 1], atol=1e-6)
    np.testing.assert_allclose(result.maps.values[2], (stages[1] - expected)[0, 1], atol=1e-6)
    wanted = float((stages[1] - expected).norm() / stages[0].norm())
    assert result.selected.error == pytest.approx(wanted, rel=1e-4)
    assert result.maps.mosaic.signed


def latest_input(latest):
    """The pixels that the network is given, unmoved: from the result, moved back."""
    result = latest["equivariance"]
    return np.roll(result.moved, -2, axis=2)


def test_the_curves_are_those_of_many_passes(panel, latest, small, settle):
    program, _ = panel
    program.document.edit(f"{PATH}.shift", 2.0)
    settle(program)
    result = latest["equivariance"]
    assert result.done == 1
    x = torch.from_numpy(latest_input(latest))[None]
    own = {each.name: each for each in result.curves.series}["this input"]
    assert own.x.tolist() == list(range(-7, 8))
    with torch.no_grad():
        before = small.pool(small.relu(small.conv(x)))
        for at, shift in enumerate(own.x):
            if shift % 2 == 0:  # whole cells: nothing is interpolated
                after = small.pool(small.relu(small.conv(x.roll(int(shift), 3))))
                wanted = float((after - before.roll(int(shift) // 2, 3)).norm() / before.norm())
                assert own.y[at] == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    places = sorted(mark.value for mark in result.curves.marks if mark.axis == "x")
    assert places == [-6, -4, -2, 0, 2, 4, 6]  # the effective stride of the pooling is 2


def test_the_dips_at_the_stride_go_down_to_rounding_with_periodic_padding(programs, latest, settle):
    program, _ = programs(periodic(), "2")
    settle(program)
    own = latest["equivariance"].curves.series[0]
    even = own.x % 2 == 0
    assert own.y[even].max() < 1e-5
    assert own.y[~even].min() > 1e-3


def test_curves_are_kept_while_only_the_strength_moves(panel, latest, settle, monkeypatch):
    from cnnviz.panels.shared import transform_sweep

    program, _ = panel
    begun = []
    begin = transform_sweep.begin_sweep
    monkeypatch.setattr(transform_sweep, "begin_sweep", lambda *given: begun.append(1) or begin(*given))
    for shift in (1.0, 3.5, -2.0):
        program.document.edit(f"{PATH}.shift", shift)
        settle(program)
        assert latest["equivariance"].done == 1
    assert begun == []
    program.document.edit(f"{PATH}.border", "zeros")
    settle(program)
    assert begun == [1]


def test_a_step_of_a_drag_paints_the_plot_once_and_lays_nothing_out(panel, settle, heard, latest):
    program, view = panel
    (plot,) = view.findChildren(CurvePlot)
    program.document.edit(f"{PATH}.shift", 1.0)
    settle(program)
    painted = heard(plot.canvas(), QEvent.Type.Paint)
    laid_out = heard(program.window, QEvent.Type.LayoutRequest)
    errors = set()
    for shift in (3.0, 5.0, 6.5):
        program.document.edit(f"{PATH}.shift", shift)
        settle(program)
        errors.add(latest["equivariance"].selected.error)
    assert (len(errors), len(painted), len(laid_out)) == (3, 3, 0)


def test_the_bare_loop_of_the_bench_shows_what_a_drag_shows(panel, settle, pixels):
    """It paints and computes all that a step of the drag does: the same picture comes of it."""
    program, view = panel
    settle(program)
    times = bench_drag(program, 6)
    settle(program)
    assert np.isfinite(times).all()
    assert program.document.scene.panel("equivariance").shift == -5.5
    dragged = pixels(view)
    program.document.edit(f"{PATH}.shift", 4.0)
    settle(program)
    assert (pixels(view) != dragged).any()
    assert len(bare_drag(program, 6)) == 6
    np.testing.assert_array_equal(pixels(view), dragged)


def test_the_cursor_in_the_plot_drags_the_strength_as_one_step(panel, settle, drag):
    program, view = panel
    (plot,) = view.findChildren(CurvePlot)
    axes, canvas = plot.axes(), plot.canvas()
    row = axes.frame.center().y()
    drag(canvas, [(float(axes.across(x)), row) for x in (-5.0, -1.0, 6.0)])
    assert program.document.scene.panel("equivariance").shift == 6.0
    program.document.undo()
    assert program.document.scene.panel("equivariance").shift == 4.0
    settle(program)


def test_a_click_on_a_bar_selects_its_layer(panel, settle):
    program, view = panel
    (bars,) = view.findChildren(BarList)
    QTest.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(10, round(1.5 * bars.row_height())))
    settle(program)
    assert program.document.scene.selection.layer == "conv"
    assert view.subtitle == "conv, channel 0"


def words(view):
    from PyQt6.QtWidgets import QLabel

    shown = [each.text() for each in view.findChildren(ElidedLabel) if each.isVisible()]
    return " ".join(shown + [each.text() for each in view.findChildren(QLabel) if each.isVisible()])


def test_a_layer_without_maps_and_one_that_is_zero_are_named(programs, small, settle, named):
    with torch.no_grad():
        small.conv.bias.fill_(-100)
    program, view = programs(small, "head")
    settle(program)
    assert "There is no map" in words(view)
    assert not named(view, "Picture of difference").isVisible()
    program.document.edit("selection.layer", "relu")
    settle(program)
    assert "Its maps are zero everywhere." in words(view)
    assert "no error to be told" in words(view)
    (bars,) = view.findChildren(BarList)
    assert "relu: its maps are zero everywhere" in bars.toolTip()


def test_what_is_left_out_is_said_and_left_empty(panel, latest, settle):
    program, view = panel
    (toggle,) = view.findChildren(Toggle)
    program.document.edit("selection.layer", "conv")
    QTest.mouseClick(toggle, Qt.MouseButton.LeftButton, pos=QPoint(5, toggle.height() // 2))
    settle(program)
    result = latest["equivariance"]
    # A shift by 4 columns, wrapped: the outermost cells read padding, and so do those that they are compared with.
    left_out = np.isnan(result.maps.values[2])
    wanted = np.ones((8, 8), bool)
    wanted[1:-1, [1, 2, 5, 6]] = False
    np.testing.assert_array_equal(left_out, wanted)
    assert "38 % of the cells are compared" in words(view)
    assert all(picture.isVisible() for picture in view.findChildren(MosaicView))


def test_each_transform_has_its_control(panel, settle, latest):
    program, view = panel
    kind = view.findChildren(Segmented)[0]
    for name, label in (("rotate", "rotation (degrees)"), ("zoom", "zoom"), ("flip", "flip")):
        QTest.mouseClick(kind.button(name), Qt.MouseButton.LeftButton)
        settle(program)
        assert latest["equivariance"].curves.x_label == label
    assert any(figure.title.startswith("Equivariance error of every layer") for figure in view.figures())
    assert latest["equivariance"].curves.x_names == ("horizontal", "vertical")
    x = latest["equivariance"].moved
    assert x.shape == SIZE
