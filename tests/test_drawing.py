"""The program as a person uses it, by pointer and keys: what is drawn is looked at, and the panels follow."""

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.app import Program
from cnnviz.data.source import Blank
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.slider import SliderTrack
from cnnviz.ui.stroke_driver import wait_until

SEVEN = [(0.25 + 0.05 * step, 0.25) for step in range(11)] + [
    (0.75 - 0.03 * step, 0.25 + 0.05 * step) for step in range(11)
]
"""A 7 as a hand draws it: (column, row) as shares of the canvas."""


def canvas_of(program: Program):
    return program.window.docks["input"].view.canvas


@pytest.fixture
def draw(drag):
    """Draws through shares (column, row) of the canvas."""

    def stroke(program: Program, shares, button=Qt.MouseButton.LeftButton) -> None:
        rect = canvas_of(program).image_rect()
        drag(
            canvas_of(program),
            [(rect.x() + x * rect.width(), rect.y() + y * rect.height()) for x, y in shares],
            button,
        )

    return stroke


@pytest.fixture
def at(pixels):
    """The brightness 0 … 255 that the canvas shows at (column, row) as shares of it."""

    def look(program: Program, x: float, y: float) -> int:
        rect = canvas_of(program).image_rect()
        shown = pixels(canvas_of(program))
        return int(shown[round(rect.y() + y * rect.height()), round(rect.x() + x * rect.width())] & 0xFF)

    return look


@pytest.fixture
def blank(scene_of, small) -> Scene:
    """An empty canvas before a small network, without an outline over it."""
    document = Document(scene_of(small))
    actions.use_blank(document)
    document.edit("panels.input.show_field", False)
    return document.scene


def test_the_first_start_shows_an_example_and_its_answer(start, latest, pixels, named):
    program = start(actions.first_scene())
    panels = program.window.workspace.panels
    assert program.window.visible_panels() == set(panels)
    assert set(latest) == set(panels)
    assert latest["prediction"].scores[0].label == "5"
    assert latest["prediction"].scores[0].probability > 0.9
    for dock in (program.window.docks[name] for name in panels):
        assert dock.view.state == "fresh"
        assert dock.view.message == ""
        assert len(np.unique(pixels(dock.view))) > 5, f"{dock.objectName()} shows nothing"
    assert program.window.notices.texts() == []


def test_a_drawn_7_is_answered_7_with_all_panels_following_and_one_undo_brings_the_example_back(
    start, latest, settle, draw, at, pixels, named
):
    program = start(actions.first_scene())
    before = program.document.scene
    diagram = program.window.docks["network"].view.diagram
    maps = named(program.window, "Feature maps")
    prediction = program.window.docks["prediction"].view
    was = {widget: pixels(widget) for widget in (canvas_of(program), diagram, maps, prediction)}

    draw(program, SEVEN)
    settle(program)

    (stroke,) = program.document.scene.input.drawing.strokes
    assert len(stroke.points) >= len(SEVEN)
    assert not program.document.scene.example
    assert latest["prediction"].scores[0].label == "7"
    assert at(program, 0.5, 0.25) > 200
    assert at(program, 0.4, 0.5) < 30, "the example is still there"
    for widget, pictured in was.items():
        assert (pixels(widget) != pictured).any(), f"{type(widget).__name__} does not follow"

    program.controller.commands["undo"].trigger()
    settle(program)
    assert program.document.scene.input == before.input
    assert program.document.scene.example
    assert latest["prediction"].scores[0].label == "5"
    assert not program.document.can_undo


def test_what_the_canvas_shows_is_what_the_network_gets(start, settle, draw, latest, pixels, blank):
    program = start(blank)
    draw(program, [(0.3, 0.3), (0.7, 0.6)])
    settle(program)
    canvas = canvas_of(program)
    image = latest["input"].rendered.edited
    shown = pixels(canvas)
    for row in range(8):
        for column in range(8):
            point = canvas.point_of(row + 0.5, column + 0.5)
            # beside the middle of the pixel, where the brush's ring is not drawn
            grey = int(shown[round(point.y()), round(point.x())] & 0xFF)
            if abs(row - 4.8) > 2 or abs(column - 5.6) > 2:
                assert grey == pytest.approx(image[0, row, column] * 255, abs=12)


def test_the_right_button_erases(start, settle, draw, at, blank):
    program = start(blank)
    draw(program, [(0.1, 0.5), (0.9, 0.5)])
    settle(program)
    assert at(program, 0.55, 0.55) > 200
    draw(program, [(0.1, 0.5), (0.9, 0.5)], Qt.MouseButton.RightButton)
    settle(program)
    assert at(program, 0.55, 0.55) < 30
    assert [stroke.tool for stroke in program.document.scene.input.drawing.strokes] == ["brush", "eraser"]


def test_the_eraser_brings_back_what_lies_below(start, settle, draw, at, blank):
    program = start(blank)
    program.document.edit("input.base", Blank(value=0.5))
    draw(program, [(0.1, 0.5), (0.9, 0.5)])
    QTest.keyClick(program.window, Qt.Key.Key_E)
    draw(program, [(0.1, 0.5), (0.9, 0.5)])
    settle(program)
    assert 100 < at(program, 0.5, 0.5) < 160


def test_filling_colours_the_connected_region_alone(start, settle, draw, at, blank):
    program = start(blank)
    draw(program, [(0.5, -0.2), (0.5, 1.2)])
    QTest.keyClick(program.window, Qt.Key.Key_F)
    draw(program, [(0.1, 0.5)])
    settle(program)
    assert at(program, 0.1, 0.1) > 200
    assert at(program, 0.95, 0.1) < 30
    program.document.undo()
    settle(program)
    assert at(program, 0.1, 0.1) < 30


def test_the_move_tool_shifts_by_what_was_dragged_in_one_undo_entry(start, settle, draw, at, blank):
    program = start(blank)
    draw(program, [(0.3, -0.2), (0.3, 1.2)])
    QTest.keyClick(program.window, Qt.Key.Key_M)
    draw(program, [(0.2, 0.5), (0.3, 0.5), (0.45, 0.5)])
    settle(program)
    edits = program.document.scene.input.edits
    assert edits.shift_columns == pytest.approx(0.25 * 8, abs=0.05)
    assert edits.shift_rows == pytest.approx(0, abs=0.05)
    assert at(program, 0.55, 0.1) > 200
    program.document.undo()
    assert program.document.scene.input.edits.shift_columns == 0


def test_drawing_on_a_turned_picture_lands_under_the_pointer(start, settle, draw, at, blank):
    program = start(blank)
    program.document.edit("input.edits.rotation", 90)
    settle(program)
    draw(program, [(0.25, 0.25)])
    settle(program)
    assert at(program, 0.22, 0.22) > 150
    assert at(program, 0.78, 0.22) < 30


def test_undo_in_the_middle_of_a_stroke_ends_it(start, settle, blank):
    program = start(blank)
    canvas = canvas_of(program)
    program.document.append("input.drawing.strokes", {"points": ((1.0, 1.0),)})
    middle = canvas.rect().center()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    program.document.undo()
    QTest.mouseMove(canvas, middle + QPoint(20, 20))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle)
    settle(program)
    (stroke,) = program.document.scene.input.drawing.strokes
    assert stroke.points == ((1.0, 1.0),)


def test_the_wheel_on_the_canvas_sizes_the_brush_and_is_no_undo_entry(start, blank, qtbot):
    program = start(blank)
    canvas = canvas_of(program)
    before = program.document.scene.panel("input").diameter
    turn(canvas, 2)
    assert program.document.scene.panel("input").diameter == pytest.approx(before * 1.1**2, abs=0.06)
    assert not program.document.can_undo


def turn(widget, steps: int, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    at = QPointF(widget.rect().center())
    event = QWheelEvent(
        at, widget.mapToGlobal(at), QPoint(), QPoint(0, 120 * steps), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def slider(program: Program, name: str) -> SliderTrack:
    (found,) = [track for track in program.window.findChildren(SliderTrack) if track.accessibleName() == name]
    return found


def test_a_dragged_slider_acts_live_as_one_undo_entry_and_a_double_click_resets_it(
    start, settle, drag, latest, scene_of, small
):
    program = start(scene_of(small), size=(1600, 1400))
    track = slider(program, "brightness")
    scroll = track
    while scroll is not None and not hasattr(scroll, "ensureWidgetVisible"):
        scroll = scroll.parentWidget()
    scroll.ensureWidgetVisible(track)
    before = latest["input"].rendered.edited
    start_at = track.handle_centre()
    y = start_at.y()
    drag(track, [(start_at.x() + step, y) for step in range(0, 30, 5)])
    settle(program)
    bright = program.document.scene.input.edits.brightness
    assert bright > 0.05
    np.testing.assert_allclose(latest["input"].rendered.edited, np.clip(before + bright, 0, 1), atol=1e-5)
    program.document.undo()
    assert program.document.scene.input.edits.brightness == 0
    assert not program.document.can_undo
    program.document.redo()
    QTest.mouseDClick(track, Qt.MouseButton.LeftButton, pos=track.handle_centre().toPoint())
    assert program.document.scene.input.edits.brightness == 0


def test_hovering_is_no_undo_entry_and_outlines_what_the_unit_sees(start, settle, named, scene_of, small, latest):
    program = start(scene_of(small))
    maps = named(program.window, "Feature maps")
    inside = maps.tile_rect(1).center()
    QTest.mouseMove(maps, inside)
    settle(program)
    pointer = program.document.scene.pointer
    assert (pointer.layer, pointer.channel) == ("conv", 1)
    field = latest["input"].field
    assert (field.row, field.column, field.height, field.width) == (pointer.row - 1, pointer.column - 1, 3, 3)
    assert not program.document.can_undo
    QApplication.sendEvent(maps, QEvent(QEvent.Type.Leave))
    assert program.document.scene.pointer is None


def test_a_click_on_a_map_selects_its_unit_everywhere(start, settle, named, scene_of, small, latest):
    program = start(scene_of(small))
    maps = named(program.window, "Feature maps")
    rect = maps.tile_rect(2)
    QTest.mouseClick(
        maps, Qt.MouseButton.LeftButton, pos=rect.topLeft() + QPoint(rect.width() // 16, rect.height() * 15 // 16)
    )
    settle(program)
    selection = program.document.scene.selection
    assert (selection.layer, selection.channel, selection.row, selection.column) == ("conv", 2, 7, 0)
    unit = latest["unit"]
    assert (unit.channel, unit.row, unit.column) == (2, 7, 0)
    assert unit.value == pytest.approx(float(latest["activations"].values[2, 7, 0]))
    assert latest["filters"].channel == 2
    program.document.undo()
    assert program.document.scene.selection.channel == 0


def test_a_click_on_a_column_of_the_network_selects_its_layer(start, settle, scene_of, small, latest):
    program = start(scene_of(small))
    diagram = program.window.docks["network"].view.diagram
    QTest.mouseClick(diagram, Qt.MouseButton.LeftButton, pos=QPoint(diagram.width() // 2, 20))
    settle(program)
    chosen = program.document.scene.selection.layer
    assert chosen in ("conv", "relu", "pool", "flatten")
    assert latest["activations"].layer == chosen
    QTest.keyClick(diagram, Qt.Key.Key_Right)
    settle(program)
    order = [column.node.layer.name for column in latest["network"].columns]
    assert program.document.scene.selection.layer == order[order.index(chosen) + 1]


def test_with_a_slow_network_the_canvas_shows_the_stroke_before_the_answer(
    start, settle, at, scene_of, gated, gate, drag
):
    document = Document(scene_of(gated))
    actions.use_blank(document)
    document.edit("panels.input.show_field", False)
    program = start(document.scene)
    canvas = canvas_of(program)

    def point(x):
        rect = canvas.image_rect()
        return QPointF(rect.x() + x * rect.width(), rect.y() + 0.5 * rect.height()).toPoint()

    def stroke_held_up(*xs):
        gate.hold()
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=point(xs[0]))
        for x in xs[1:]:
            QTest.mouseMove(canvas, point(x))
        gate.wait_for_pass()
        QTest.qWait(60)

    stroke_held_up(0.1, 0.3)  # the first tells that the network is slow
    gate.open.set()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=point(0.3))
    settle(program)
    stroke_held_up(0.6, 0.75, 0.9)
    whole = wait_until(lambda: at(program, 0.7, 0.55) > 200 and at(program, 0.93, 0.55) > 200, 25)
    assert whole, "the stroke waits for the network"
    shown = program.stage.shown_version
    assert shown < program.document.version
    before = program.window.docks["input"].view.canvas.grab().toImage()
    gate.open.set()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=point(0.9))
    settle(program)
    assert canvas.grab().toImage() == before, "the preview was another picture than the answer's"
