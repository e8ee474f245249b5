"""The pooling panel in the real window: typing, pointing, swapping the network's pooling and putting it back."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLabel, QLineEdit

from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.pooling_examples import EXAMPLES
from cnnviz.panels.pooling import PoolingResult, pooled_numbers
from cnnviz.panels.pooling_view import PoolingView
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ComboBox, IconButton
from cnnviz.ui.figure import rendered


@pytest.fixture
def program(start, scene_of, small, settle):
    opened = start(scene_of(small))
    opened.window.show_panel("pooling")
    settle(opened)
    return opened


@pytest.fixture
def panel(program):
    return program.window.docks["pooling"].view


def point(grid, row, column):
    QTest.mouseMove(grid, grid.cell_rect(row, column).center())


def said(panel):
    return [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]


def choose(box, key):
    box.setCurrentIndex(box.findData(key))
    box.activated.emit(box.currentIndex())


def test_pointing_at_an_output_frames_its_window_and_says_how_it_came_about(panel, named):
    detector, pooled = named(panel, "Detector stage"), named(panel, "Pooled stage")
    point(pooled, 0, 1)
    assert detector.frame == (0, 2, 2, 2)
    assert "max of 2 4 7 8 = 8" in said(panel)
    after = named(panel, "Pooled stage after the shift")
    point(after, 0, 0)
    assert detector.frame is None
    assert named(panel, "Detector stage after the shift").frame == (0, 0, 2, 2)
    assert "max of 4 1 8 5 = 8" in said(panel)


def test_dragging_over_the_numbers_moves_the_window(panel, named, drag):
    detector = named(panel, "Detector stage")
    centres = [detector.cell_rect(*cell).center() for cell in ((0, 0), (1, 1), (3, 3))]
    drag(detector, [(each.x(), each.y()) for each in centres])
    assert detector.frame == (2, 2, 2, 2)
    assert named(panel, "Pooled stage").frame == (1, 1, 1, 1)


def test_a_typed_number_is_pooled_at_once_and_undone_in_one_step(program, panel, named, settle, latest):
    detector = named(panel, "Detector stage")
    QTest.mouseClick(detector, Qt.MouseButton.LeftButton, pos=detector.cell_rect(0, 0).center())
    (field,) = detector.findChildren(QLineEdit)
    QTest.keyClicks(field, "9")
    QTest.keyClick(field, Qt.Key.Key_Return)
    settle(program)
    np.testing.assert_array_equal(latest["pooling"].numbers.pooled.values, [[9, 8], [3, 4]])
    program.document.undo()
    assert program.document.scene.panel("pooling").numbers == EXAMPLES["blocks"].detector


def test_a_number_typed_after_the_shift_is_changed_where_it_comes_from(program, panel, named):
    shifted = named(panel, "Detector stage after the shift")
    shifted.edited.emit(0, 1, 5.5)
    assert program.document.scene.panel("pooling").numbers[0][0] == 5.5
    program.document.edit("panels.pooling.entering", 0.0)
    shifted.edited.emit(2, 0, -3.0)
    assert program.document.scene.panel("pooling").entering == -3.0


def test_examples_and_sizes_are_chosen_from_lists(program, panel, settle, latest):
    boxes = {box.toolTip(): box for box in panel.findChildren(ComboBox)}
    examples, sizes = boxes["Examples of the lectures"], boxes["Rows × columns of the grid"]
    assert examples.value() == "blocks"
    choose(examples, "shift")
    settle(program)
    assert latest["pooling"].numbers.pooled_share == 0.5
    assert examples.value() == "shift"
    choose(sizes, "2×2")
    settle(program)
    assert program.document.scene.panel("pooling").numbers == ((0.1, 1.0), (0.0, 0.0))
    assert examples.value() == ""


def test_numbers_are_saved_as_a_picture_and_as_a_table(panel):
    (figure,) = panel.figures()
    rows = figure.csv().splitlines()
    assert rows[1:5] == ["1.0,1.0,2.0,4.0", "5.0,6.0,7.0,8.0", "3.0,2.0,1.0,0.0", "1.0,2.0,3.0,4.0"]
    assert rows[6:8] == ["6.0,8.0", "3.0,4.0"]
    assert rendered(figure, ".png").startswith(b"\x89PNG")


# this network


@pytest.fixture
def on_maps(program, panel, settle):
    program.document.edit("panels.pooling.view", "network")
    settle(program)
    return panel


def test_a_pooling_is_swapped_in_place_and_put_back(program, on_maps, named, settle, latest, small):
    choose(named(on_maps, "Kind of pool"), "average")
    settle(program)
    assert program.document.scene.changes == (SwapPooling("average", "pool"),)
    with torch.no_grad():
        maps = small.relu(small.conv(torch.from_numpy(latest["input"].rendered.edited)[None]))
    wanted = F.avg_pool2d(maps, 2)[0, 0].numpy()
    shown = latest["pooling"].maps.stages[1].before
    np.testing.assert_allclose(shown.indices / 252 * shown.high, wanted, atol=shown.high / 252 + 1e-6)
    (back,) = [each for each in on_maps.findChildren(IconButton) if each.toolTip() == "Put pool back as it was"]
    back.click()
    settle(program)
    assert program.document.scene.changes == ()
    assert named(on_maps, "Kind of pool").value() == "own"


def test_the_blur_of_a_swapped_pooling_can_be_set(program, on_maps, named, settle):
    choose(named(on_maps, "Kind of pool"), "blur_max")
    settle(program)
    (blur,) = [each for each in on_maps.findChildren(QLabel) if each.text() == "blur" and each.isVisible()]
    blur.parentWidget()._edit(5)
    settle(program)
    assert program.document.scene.changes == (SwapPooling("blur_max", "pool", taps=5),)


def test_putting_one_of_all_back_leaves_the_others_swapped(start, scene_of, settle, named):
    from torch import nn

    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    program = start(scene_of(network, classes=8))
    program.window.show_panel("pooling")
    program.document.edit("panels.pooling.view", "network")
    settle(program)
    panel = program.window.docks["pooling"].view
    choose(named(panel, "Kind of every pooling"), "l2_mean")
    settle(program)
    assert program.document.scene.changes == (SwapPooling("l2_mean"),)
    choose(named(panel, "Kind of 1"), "own")
    settle(program)
    assert program.document.scene.changes == (SwapPooling("l2_mean", "3"),)
    choose(named(panel, "Kind of every pooling"), "own")
    assert program.document.scene.changes == ()


def test_strides_are_blurred_where_nothing_pools(start, scene_of, settle, named):
    from torch import nn

    layers = (nn.Conv2d(1, 2, 3, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, 2, 1), nn.Flatten(), nn.Linear(8, 2))
    program = start(scene_of(nn.Sequential(*layers)))
    program.window.show_panel("pooling")
    program.document.edit("panels.pooling.view", "network")
    settle(program)
    panel = program.window.docks["pooling"].view
    choose(named(panel, "Kind of every stride"), "blur")
    settle(program)
    assert program.document.scene.changes == (SwapPooling("blur_average", window=1),)
    assert [named(panel, f"Kind of {name}").value() for name in ("0", "2", "every stride")] == ["blur"] * 3
    choose(named(panel, "Kind of 0"), "max")
    settle(program)
    assert program.document.scene.changes[-1] == SwapPooling("max", "0")
    choose(named(panel, "Kind of every stride"), "own")
    assert program.document.scene.changes == ()
    assert len({named(panel, f"Kind of {name}").width() for name in ("0", "2")}) == 1
    kinds = named(panel, "Kind of 0")
    assert kinds.findData("strided") == -1


def test_the_pointer_on_a_map_is_everyones(program, on_maps, named):
    view = named(on_maps, "Pooled stage, input as it is")
    view.hovered.emit((0, 1, 2))
    pointer = program.document.scene.pointer
    assert (pointer.layer, pointer.row, pointer.column) == ("pool", 1, 2)
    view.hovered.emit(None)
    assert program.document.scene.pointer is None


def test_shares_that_run_lay_nothing_out(program, on_maps, settle, heard, latest):
    program.document.edit("input.edits.shift_columns", 1.0)
    settle(program)
    laid_out = heard(program.window, QEvent.Type.LayoutRequest)
    shares = set()
    for shift in (2.0, -3.0, 0.5):
        program.document.edit("input.edits.shift_columns", shift)
        settle(program)
        shares.add(latest["pooling"].maps.stages[0].share)
    assert len(shares) > 1
    assert laid_out == []


def tune(panel, name, value):
    (label,) = [each for each in panel.findChildren(QLabel) if each.text() == name and each.isVisible()]
    label.parentWidget()._edit(value)


def test_window_stride_and_padding_of_a_swapped_pooling_are_free(start, scene_of, settle, named, latest):
    from torch import nn

    conv = nn.Conv2d(1, 4, 3, padding=1)
    network = nn.Sequential(conv, nn.MaxPool2d(2), nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    program = start(scene_of(network, classes=4))
    program.window.show_panel("pooling")
    program.document.edit_many({"panels.pooling.view": "network", "selection.layer": "1"})
    settle(program)
    panel = program.window.docks["pooling"].view
    choose(named(panel, "Kind of 1"), "average")
    settle(program)
    for name, value in (("window", 3), ("stride", 1), ("padding", 1)):
        tune(panel, name, value)
        settle(program)
    assert program.document.scene.changes == (SwapPooling("average", "1", window=3, stride=1, padding=1),)
    with torch.no_grad():
        maps = conv(torch.from_numpy(latest["input"].rendered.edited)[None])
    wanted = F.avg_pool2d(maps, 3, 1, 1, count_include_pad=False)[0, 0].numpy()
    stage = latest["pooling"].maps.stages[1]
    low, high = stage.before.range_of(0)
    assert stage.shape == (8, 8)
    np.testing.assert_allclose(low + stage.before.indices * (high - low) / 252, wanted, atol=(high - low) / 250)


def test_a_stride_that_dense_layers_refuse_is_told_and_not_taken(program, on_maps, named, settle):
    choose(named(on_maps, "Kind of pool"), "average")
    settle(program)
    tune(on_maps, "stride", 1)
    settle(program)
    assert program.document.scene.changes == (SwapPooling("average", "pool"),)
    (words,) = program.window.notices.texts()
    assert "head" in words


def test_the_maps_of_the_network_are_saved_as_a_picture_and_as_a_table(on_maps, latest, small):
    (figure,) = on_maps.figures()
    assert rendered(figure, ".svg").startswith(b"<?xml")
    rows = figure.csv().splitlines()
    stage = latest["pooling"].maps.stages[1]
    place = rows.index('"pooled: pool, channel 0, input as it is",0')
    saved = np.array([[float(cell) for cell in row.split(",")] for row in rows[place + 1 : place + 1 + stage.shape[0]]])
    with torch.no_grad():
        image = torch.from_numpy(latest["input"].rendered.edited)[None]
        pooled = F.max_pool2d(small.relu(small.conv(image)), 2)[0, 0].numpy()
    np.testing.assert_allclose(saved, pooled, rtol=1e-4)


@pytest.mark.parametrize(("width", "height"), [(404, 460), (540, 345), (340, 290), (640, 500)])
def test_numbers_are_written_in_every_grid_however_low_the_panel(qtbot, width, height, named):
    document = Document()
    view = PoolingView(document)
    qtbot.addWidget(view)
    view.resize(width, height)
    view.show()
    view.show_result(PoolingResult(numbers=pooled_numbers(document.scene.panel("pooling"))))
    QApplication.processEvents()
    for name in ("Detector stage", "Pooled stage", "Detector stage after the shift", "Pooled stage after the shift"):
        grid = named(view, name)
        cell = grid.cell_rect(1, 1)
        assert min(cell.width(), cell.height()) >= 12, name
        assert grid.rect().contains(cell), name
