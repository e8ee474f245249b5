"""Chain builder: what the panel says of a chain, and what a click in it does."""

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLabel
from torch import nn

from cnnviz.panels.chain_builder import StageParams
from cnnviz.ui.controls import ComboBox, IconButton
from cnnviz.ui.sheet import Sheet

STAGES = "panels.chain-builder.stages"
NETWORK = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 3))


@pytest.fixture
def grown(delivered):
    def compute(stages):
        found = delivered(NETWORK, (1, 8, 8), {STAGES: stages}, panels=("chain-builder",))
        return found.results["chain-builder"]

    return compute


def test_three_small_kernels_see_what_a_large_one_sees_for_less(grown):
    small = grown((StageParams(),) * 3).last
    large = grown((StageParams(kernel_size=7),)).last
    assert small.size == large.size == 7
    assert (small.weights_so_far, large.weights_so_far) == (27 * 64**2, 49 * 64**2)
    assert small.weights_at_once == large.weights_so_far


def test_the_picture_shows_which_pixels_are_reached(grown):
    gridded = grown(tuple(StageParams(dilation=2) for _ in range(3)))
    assert gridded.ways.indices.shape == (13, 13)
    assert int((gridded.ways.indices > 0).sum()) == gridded.last.pixels_reached == 49
    dense = grown(tuple(StageParams(dilation=dilation) for dilation in (1, 2, 4)))
    assert (dense.ways.indices > 0).sum() == 225


def test_the_picture_is_the_root_of_the_share_of_ways(grown):
    result = grown((StageParams(), StageParams()))
    line = np.convolve(np.ones(3), np.ones(3))
    wanted = np.sqrt(np.outer(line, line) / 9)
    np.testing.assert_allclose(result.ways.indices / 252, wanted, atol=1 / 250)


def test_the_curve_begins_at_one_pixel_and_has_the_field_of_each_layer(grown):
    result = grown((StageParams(stride=2), StageParams(kind="pool", kernel_size=2, stride=2), StageParams()))
    assert result.curves.series[0].y.tolist() == [1, 3, 5, 13]
    assert [each.stride for each in result.stages] == [2, 4, 4]


@pytest.fixture
def panel(start, scene_of, small, settle):
    program = start(scene_of(small))
    dock = program.window.docks["chain-builder"]
    dock.show()
    dock.raise_()
    settle(program)
    return program, dock.view


def stages_of(program):
    return program.document.scene.panel("chain-builder").stages


def test_the_wheel_over_a_number_changes_it(panel, settle):
    program, view = panel
    (sheet,) = view.findChildren(Sheet)
    at = QPointF(sheet.visualRect(sheet.model().index(1, 1)).center())
    event = QWheelEvent(
        at, sheet.viewport().mapToGlobal(at), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(sheet.viewport(), event)
    settle(program)
    assert [each.kernel_size for each in stages_of(program)] == [3, 4, 3]
    assert view.subtitle == "8×8 px"
    program.document.undo()
    assert [each.kernel_size for each in stages_of(program)] == [3, 3, 3]


def test_a_number_is_typed_into_its_cell(panel, settle):
    program, view = panel
    (sheet,) = view.findChildren(Sheet)
    cell = sheet.visualRect(sheet.model().index(0, 3)).center()
    QTest.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    editor = QApplication.focusWidget()
    QTest.keyClicks(editor, "4")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    settle(program)
    assert [each.dilation for each in stages_of(program)] == [4, 1, 1]


def test_presets_layers_and_what_is_said(panel, settle):
    program, view = panel
    (presets,) = [box for box in view.window().findChildren(ComboBox) if box.findData("dilated-2-2-2") >= 0]
    presets.setCurrentIndex(presets.findData("dilated-2-2-2"))
    presets.activated.emit(presets.currentIndex())
    settle(program)
    assert [each.dilation for each in stages_of(program)] == [2, 2, 2]
    assert view.subtitle == "13×13 px"
    (add,) = [each for each in view.findChildren(IconButton) if "Add" in each.toolTip()]
    (remove,) = [each for each in view.findChildren(IconButton) if "away" in each.toolTip()]
    QTest.mouseClick(add, Qt.MouseButton.LeftButton)
    assert len(stages_of(program)) == 4
    for _ in range(5):
        QTest.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert len(stages_of(program)) == 1  # a chain keeps its last layer
    settle(program)
    assert any("36,864 weights in all" in label.text() for label in view.findChildren(QLabel))


def test_a_chain_that_grows_too_large_is_told(panel, settle):
    program, view = panel
    program.document.edit(STAGES, (StageParams(kernel_size=31, stride=8, dilation=32),) * 5)
    settle(program)
    assert "Take a smaller kernel" in view.message
