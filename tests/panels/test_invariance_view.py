"""The invariance panel in the real window."""

import csv

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, Qt
from PyQt6.QtTest import QTest

from cnnviz.ui.controls import Segmented
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import rendered


@pytest.fixture
def program(start, scene_of, small, settle):
    opened = start(scene_of(small))
    opened.window.show_panel("invariance")
    settle(opened)
    return opened


@pytest.fixture
def panel(program):
    return program.window.docks["invariance"].view


def choice(panel, key):
    (found,) = [each for each in panel.findChildren(Segmented) if key in each._keys]
    return found


def test_dragging_the_line_shifts_the_input_and_the_curves_stay(program, panel, settle, latest):
    (plot,) = panel.findChildren(CurvePlot)
    before = plot.curves
    axes = plot.axes()
    at = QPoint(round(float(axes.across(5.0))), round(axes.frame.center().y()))
    QTest.mouseClick(plot.canvas(), Qt.MouseButton.LeftButton, pos=at)
    settle(program)
    assert program.document.scene.input.edits.shift_columns == pytest.approx(5.0, abs=0.5)
    assert latest["invariance"].curves is before
    assert latest["invariance"].cursor == program.document.scene.input.edits.shift_columns


def test_a_drag_of_the_line_is_one_step_and_paints_the_plot_once_an_edit(program, panel, settle, drag, heard):
    (plot,) = panel.findChildren(CurvePlot)
    axes, canvas = plot.axes(), plot.canvas()
    row = axes.frame.center().y()
    drag(canvas, [(float(axes.across(x)), row) for x in (1.0, 3.0, 6.0)])
    settle(program)
    assert program.document.scene.input.edits.shift_columns == 6.0
    program.document.undo()
    assert program.document.scene.input.edits.shift_columns == 0.0
    settle(program)
    seen = heard(canvas, QEvent.Type.Paint)
    for shift in (1.0, 2.0, 3.0):
        program.document.edit("input.edits.shift_columns", shift)
        settle(program)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("subject", "pictures", "has_plot"),
    [("shift", 0, True), ("warp", 1, True), ("channels", 2, True), ("pyramids", 3, False), ("size", 0, True)],
)
def test_each_subject_has_its_pictures_and_plot(program, panel, settle, latest, subject, pictures, has_plot):
    QTest.mouseClick(choice(panel, "warp").button(subject), Qt.MouseButton.LeftButton)
    settle(program)
    result = latest["invariance"]
    assert (result.subject, len(result.pictures)) == (subject, pictures)
    (plot,) = panel.findChildren(CurvePlot)
    assert plot.isVisible() == has_plot
    assert len(panel.figures()) == int(has_plot) + (pictures > 0)
    assert panel.state == "fresh"
    assert panel.layout().minimumHeightForWidth(404) <= 420  # a dock of 420×500, and two more lines of words
    assert program.window.notices.texts() == []
    program.document.undo()
    assert choice(panel, "warp").value() == "shift"


def test_the_warps_strength_is_dragged_in_the_plot(program, panel, settle):
    program.document.edit("panels.invariance.subject", "warp")
    settle(program)
    (plot,) = panel.findChildren(CurvePlot)
    plot.cursor_moved.emit(3.14)
    assert program.document.scene.panel("invariance").strength == pytest.approx(3.1)
    plot.cursor_moved.emit(99.0)
    assert program.document.scene.panel("invariance").strength == 8


def test_the_curves_are_saved_as_a_table(panel):
    (figure,) = panel.figures()
    head, *lines = figure.csv().splitlines()
    assert head.startswith('shift (input pixels),input pixels,not pooled,maximum,average,"L2, root of sum"')
    assert len(lines) == 33


def test_the_legend_has_room_for_curves_that_came_after_the_window_was_laid_out(panel, named):
    (plot,) = panel.findChildren(CurvePlot)
    assert len(plot.legend.boxes()) == 10
    assert plot.legend.height() >= plot.legend.boxes()[-1].bottom()


def test_the_pyramids_are_saved_as_a_picture_and_as_a_table(program, panel, settle, latest):
    program.document.edit("panels.invariance.subject", "pyramids")
    settle(program)
    (figure,) = panel.figures()
    assert rendered(figure, ".png").startswith(b"\x89PNG")
    assert b"Laplacian" in rendered(figure, ".svg")
    rows = list(csv.reader(figure.csv().splitlines()))
    head = rows.index(["Gaussian: smoothed and halved", "8×8"])
    image = latest["input"].rendered.edited.mean(0)
    saved = np.array([[float(cell) for cell in row] for row in rows[head + 1 : head + 9]])
    np.testing.assert_allclose(saved, image, atol=1 / 252)
