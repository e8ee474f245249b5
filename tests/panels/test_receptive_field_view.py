"""The widget of the receptive field panel in the real window."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QBoxLayout, QLabel
from torch import nn

from cnnviz.panels.receptive_field_lines import FieldLine
from cnnviz.panels.receptive_field_table_view import FieldTable
from cnnviz.ui.controls import Segmented
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.theme import theme

PANEL = "receptive-field"


@pytest.fixture
def program(start, scene_of, settle):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(),
        nn.Linear(4 * 64, 3),
    )  # fmt: skip
    opened = start(scene_of(network, (1, 16, 16)))
    opened.window.use_workspace("receptive-field")
    settle(opened)
    return opened


def test_ranges_are_brief_where_there_is_little_room_and_nothing_scrolls(qtbot):
    lines = tuple(
        FieldLine(f"decoder.blocks.{at}.block.1", "Conv2d", size, stride, "54 | 54", "−0.5, −0.5")
        for at, (size, stride) in enumerate([("3×3", "1"), ("whole (varies, 108×108 … 116×116)", "varies, 0 … 8")])
    )
    table = FieldTable()
    qtbot.addWidget(table)
    table.resize(theme().px(390), theme().px(200))
    table.set_lines(lines, 0)
    table.show()
    texts = [table.model().index(1, column).data() for column in range(1, 5)]
    assert texts == ["whole (108 … 116)", "0 … 8", "54 | 54", "−0.5"]
    assert table.horizontalScrollBar().maximum() == 0
    table.resize(theme().px(800), theme().px(200))
    assert [table.model().index(1, column).data() for column in (1, 2)] == [lines[1].size, lines[1].stride]


@pytest.fixture
def view(program):
    return program.window.docks[PANEL].view


def click_row(table, row):
    where = table.row_rect(row).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def test_a_click_in_the_table_selects_the_layer_everywhere(program, view, settle, latest, pixels):
    (table,) = view.findChildren(FieldTable)
    click_row(table, 4)
    settle(program)
    assert program.document.scene.selection.layer == "3"
    assert latest["input"].field.height == 8, "3 + 1, and 2 · 2 more"
    assert view.subtitle == "3 · 8×8 px, stride 2"
    QTest.keyClick(table, Qt.Key.Key_Up)
    settle(program)
    assert program.document.scene.selection.layer == "2"
    rect = table.row_rect(3)
    marked, plain = (pixels(table.viewport())[table.row_rect(row).bottom() - 1, rect.left() + 2] for row in (3, 2))
    assert marked != plain


def test_a_click_in_the_curve_selects_the_layer(program, view, settle):
    (show,) = [each for each in program.window.docks[PANEL].findChildren(Segmented) if each.value() == "table"]
    QTest.mouseClick(show.button("curve"), Qt.MouseButton.LeftButton)
    settle(program)
    (plot,) = view.findChildren(CurvePlot)
    axes = plot.axes()
    there = QPoint(round(float(axes.across(2.0))), round(axes.frame.center().y()))
    QTest.mouseClick(plot.canvas(), Qt.MouseButton.LeftButton, pos=there)
    settle(program)
    assert program.document.scene.selection.layer == "3"
    assert [each.name for each in plot.curves.series] == ["by theory", "effective, 90 % of Σ|g|"]
    program.document.undo()
    assert program.document.scene.selection.layer is None


def test_the_heat_is_as_bright_as_the_gradient(program, view, named, pixels, latest, settle):
    program.document.edit_many({"selection.layer": "3", "selection.channel": 1})
    settle(program)
    heat = latest[PANEL].heat
    maps = named(view, "Effective field")
    picture, rect = pixels(maps), maps.tile_rect(0)
    table = theme().table("unsigned")
    top, left, height, width = heat.box
    indices = np.round(heat.heat[top : top + height, left : left + width] / heat.heat.max() * 252).astype(int)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            y, x = rect.y() + (row + 0.5) * rect.height() / height, rect.x() + (column + 0.5) * rect.width() / width
            near = table[max(indices[row, column] - 1, 0) : indices[row, column] + 2]
            assert picture[int(y), int(x)] in near


def test_the_halves_stand_below_each_other_in_a_narrow_panel(program, view):
    assert view.layout().direction() == QBoxLayout.Direction.LeftToRight
    program.window.docks[PANEL].setFloating(True)
    program.window.docks[PANEL].resize(420, 500)
    assert view.layout().direction() == QBoxLayout.Direction.TopToBottom
    program.window.docks[PANEL].setFloating(False)


def test_both_pictures_can_be_saved(view):
    assert [figure.title for figure in view.figures()] == ["Receptive field over depth", "Effective receptive field"]


def test_a_unit_that_no_pixel_acts_on_is_told_in_words(start, scene_of, settle, named):
    dead = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 3))
    with torch.no_grad():
        dead[0].bias.fill_(-1e3)
    program = start(scene_of(dead))
    program.document.edit("selection.layer", "2")
    program.window.use_workspace("receptive-field")
    settle(program)
    view = program.window.docks[PANEL].view
    view.resize(404, 400)
    assert not named(view, "Effective field").isVisible()
    (words,) = [each for each in view.findChildren(QLabel) if "no pixel changes the unit" in each.text()]
    assert words.isVisible()


def test_a_measured_width_above_theory_is_explained(start, scene_of, settle):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2), nn.Conv2d(2, 2, 3)
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 3))
    program = start(scene_of(network, (1, 8, 8)))
    program.window.show_panel(PANEL)
    program.document.edit_many({"selection.layer": "2", f"panels.{PANEL}.show": "curve"})
    settle(program)
    view = program.window.docks[PANEL].view
    theory, measured = view.findChildren(CurvePlot)[0].curves.series
    assert measured.y[-1] > theory.y[-1]
    said = " ".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())
    assert "it holds what comes through such layers, too" in said
    program.document.edit(f"panels.{PANEL}.show", "table")
    settle(program)
    said = " ".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())
    assert "such layers" not in said
