"""The program as a person uses it: a window, a pointer, keys; what is drawn is looked at."""

import os
import sys
import threading
import time

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.app import Program, install_hooks, qt_application
from cnnviz.data.source import Blank
from cnnviz.engine.failures import FailuresHub
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.scene.store import load_scene, restore_session
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.slider import SliderTrack

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
    behind_a_tab = {"checkpoint"}
    assert program.window.visible_panels() == set(program.window.docks) - behind_a_tab
    assert set(latest) == set(program.window.docks) - behind_a_tab
    assert latest["prediction"].scores[0].label == "5"
    assert latest["prediction"].scores[0].probability > 0.9
    for dock in program.window.docks.values():
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


def test_a_panel_that_cannot_be_seen_computes_nothing_until_it_is(start, settle, scene_of, gated, gate, latest, qtbot):
    program = start(scene_of(gated))
    for name in ("network", "activations", "unit", "prediction"):
        program.window.docks[name].close()
    qtbot.waitUntil(lambda: program.window.visible_panels() == {"input", "samples", "filters"})
    settle(program)
    passes = gate.passes
    latest.clear()
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert set(latest) == {"input"}
    assert gate.passes == passes
    program.window.docks["prediction"].show()
    qtbot.waitUntil(lambda: "prediction" in program.window.visible_panels())
    settle(program)
    assert "prediction" in latest
    assert gate.passes == passes + 1


def test_a_panel_behind_another_tab_computes_nothing(start, settle, scene_of, small, latest, qtbot):
    program = start(scene_of(small))
    docks = program.window.docks
    program.window.tabifyDockWidget(docks["filters"], docks["unit"])
    docks["filters"].raise_()
    qtbot.waitUntil(lambda: "unit" not in program.window.visible_panels())
    settle(program)
    latest.clear()
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert "unit" not in latest
    docks["unit"].raise_()
    qtbot.waitUntil(lambda: "unit" in program.window.visible_panels())
    settle(program)
    assert "unit" in latest


def test_the_other_theme_repaints_everything_in_its_colours(start, settle, scene_of, small, pixels):
    program = start(scene_of(small))
    dark = pixels(program.window)
    QTest.keyClick(program.window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    settle(program)
    light = pixels(program.window)
    assert program.document.scene.appearance.theme == "light"
    assert np.median(dark & 0xFF) < 60
    assert np.median(light & 0xFF) > 200
    QTest.keyClick(program.window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    settle(program)
    assert (pixels(program.window) == dark).mean() > 0.995


def test_the_font_grows_and_shrinks_within_its_bounds(start, settle, scene_of, small):
    program = start(scene_of(small))
    label = next(each for each in program.window.findChildren(ElidedLabel) if each.isVisible() and each.text())
    height = label.sizeHint().height()
    larger, smaller, normal = (program.controller.commands[name] for name in ("larger", "smaller", "normal"))
    for _ in range(20):
        larger.trigger()
    assert program.document.scene.appearance.font_scale == 2.0
    settle(program)
    assert label.sizeHint().height() > 1.6 * height
    for _ in range(40):
        smaller.trigger()
    assert program.document.scene.appearance.font_scale == 0.75
    normal.trigger()
    assert program.document.scene.appearance.font_scale == 1.0
    settle(program)
    assert label.sizeHint().height() == height
    assert not program.document.can_undo


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("network", ["shipped:mnist-lenet", "shipped:cifar-net", "small"])
def test_no_word_is_cut_off_at_1280_by_720(start, scene_of, small, network, theme):
    if network == "small":
        scene = scene_of(small)
    else:
        document = Document(actions.first_scene())
        actions.use_network(document, network, 1 if "mnist" in network else 3)
        scene = document.scene
    appearance = scene.appearance.model_copy(update={"theme": theme})
    program = start(scene.model_copy(update={"appearance": appearance}), size=(1280, 720))
    assert (program.window.width(), program.window.height()) == (1280, 720)
    labels = [each for each in program.window.findChildren(ElidedLabel) if not each.visibleRegion().isEmpty()]
    cut = {each.text(): each.shown_text() for each in labels if each.shown_text() != each.text()}
    assert len(labels) > 10
    assert cut == {}


def test_the_session_is_saved_on_closing_and_restored(start, settle, scene_of, small, tmp_path, qtbot):
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 33)
    program.window.docks["samples"].close()
    qtbot.waitUntil(lambda: "samples" not in program.window.visible_panels())
    program.document.edit("pointer", {"layer": "conv", "channel": 0, "row": 0, "column": 0})
    settle(program)
    program.window.close()
    scene, notice = restore_session(tmp_path / "state" / "session.json")
    assert notice is None
    assert scene.input.edits.rotation == 33
    assert scene.pointer is None
    again = start(scene, keep_session=True)
    assert again.window.visible_panels() == set(again.window.docks) - {"samples", "checkpoint"}


def test_the_session_is_saved_while_the_program_runs(start, scene_of, small, tmp_path, qtbot, monkeypatch):
    from cnnviz.ui import session

    monkeypatch.setattr(session, "SAVE_AFTER_MS", 10)
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 44)
    path = tmp_path / "state" / "session.json"
    qtbot.waitUntil(lambda: path.exists() and load_scene(path).input.edits.rotation == 44)


def test_a_session_still_being_saved_in_the_background_does_not_replace_the_last_one(
    start, scene_of, small, tmp_path, monkeypatch
):
    from cnnviz.scene.store import save_scene
    from cnnviz.ui import session

    begun, go_on = threading.Event(), threading.Event()

    def slow(scene, path):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            go_on.wait(30)
        save_scene(scene, path)

    monkeypatch.setattr(session, "save_scene", slow)
    monkeypatch.setattr(session, "SAVE_AFTER_MS", 0)
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 1)
    while not begun.is_set():
        QApplication.processEvents()
    program.document.edit("input.edits.rotation", 2)
    threading.Timer(0.1, go_on.set).start()
    program.window.close()
    assert load_scene(tmp_path / "state" / "session.json").input.edits.rotation == 2


def test_a_disk_that_is_full_does_not_keep_the_window_from_closing(start, scene_of, small, monkeypatch):
    from cnnviz.ui import session

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session, "save_scene", full)
    program = start(scene_of(small), keep_session=True)
    assert program.window.close()
    assert not program.window.isVisible()
    assert any("No space left" in text for text in program.window.notices.texts())


def test_closing_in_the_middle_of_a_pass(start, scene_of, gated, gate, tmp_path):
    program = start(scene_of(gated), keep_session=True)
    gate.hold()
    program.document.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    threading.Timer(0.2, gate.open.set).start()
    begun = time.monotonic()
    assert program.window.close()
    assert time.monotonic() - begun < 2
    assert "cnnviz-engine" not in {thread.name for thread in threading.enumerate() if thread.is_alive()}
    assert load_scene(tmp_path / "state" / "session.json").input.edits.brightness == 0.5


def test_a_pass_that_does_not_end_is_left_behind_with_the_process(start, scene_of, gated, gate, monkeypatch):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    program = start(scene_of(gated))
    gate.hold()
    program.document.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    program.window.close()
    assert left == [0]
    gate.open.set()


def test_an_unforeseen_error_becomes_a_notice_with_its_traceback(start, scene_of, small, monkeypatch):
    program = start(scene_of(small))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    install_hooks(program.failures)
    error = KeyError("in a slot")
    sys.excepthook(KeyError, error, None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, ValueError("in a thread"), None, None)))
    QApplication.processEvents()
    texts = program.window.notices.texts()
    assert len(texts) == 2
    assert "in a slot" in texts[0]
    assert "in a thread" in texts[1]


def test_ctrl_c_ends_the_program_and_is_no_failure(qapp, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    quits = []
    monkeypatch.setattr(QApplication, "quit", lambda *_: quits.append(1))
    hub = FailuresHub()
    heard = []
    hub.listen(heard.append)
    install_hooks(hub)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert (quits, heard) == ([1], [])


def test_there_is_one_application(qapp):
    assert qt_application() is qapp


def test_a_module_that_raises_says_so_in_its_panels_and_the_next_input_works(
    start, settle, scene_of, gated, gate, latest
):
    program = start(scene_of(gated))
    gate.error = RuntimeError("the kernel has a hole")
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    docks = program.window.docks
    for name in ("network", "activations", "unit", "prediction"):
        assert docks[name].view.state == "error"
        assert "the kernel has a hole" in docks[name].view.message
    assert docks["input"].view.state == "fresh"
    assert any("the kernel has a hole" in text for text in program.window.notices.texts())
    gate.error = None
    program.document.edit("input.edits.brightness", 0.25)
    settle(program)
    assert {dock.view.state for dock in docks.values()} == {"fresh"}
    assert latest["input"].rendered.edited.min() == pytest.approx(0.25)


def test_slow_work_is_said_and_the_saying_taken_back(start, settle, scene_of, gated, gate, qtbot):
    program = start(scene_of(gated))
    docks = program.window.docks
    gate.hold()
    program.document.edit("input.edits.brightness", 0.5)
    qtbot.waitUntil(lambda: docks["network"].view.state == "computing")
    gate.open.set()
    settle(program)
    assert {name: dock.view.state for name, dock in docks.items()} == dict.fromkeys(docks, "fresh")
