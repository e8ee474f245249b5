"""The window by the keyboard alone: where Tab stops, in which order, and what the arrow keys do there."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QTabBar

from cnnviz.ui.dock import Dock
from cnnviz.ui.theme import DARK


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def dock_of(widget):
    while widget is not None and not isinstance(widget, Dock):
        widget = widget.parentWidget()
    return widget


def tour(program):
    """What gets the focus as Tab is pressed, once round."""
    found = []
    for _ in range(200):
        QTest.keyClick(QApplication.focusWidget() or program.window, Qt.Key.Key_Tab)
        if QApplication.focusWidget() in found:
            return found
        found.append(QApplication.focusWidget())
    raise AssertionError("Tab does not come round")


def test_tab_goes_from_the_bar_through_the_panels_as_they_are_read_each_with_its_menu_last(program):
    stops = tour(program)
    bar = program.controller.bar
    assert stops[:3] == [bar.file, bar.network, bar.input]
    panels = list(dict.fromkeys(dock.objectName() for dock in map(dock_of, stops) if dock is not None))
    assert panels == ["input", "samples", "prediction", "network", "activations", "filters", "unit"]
    for name in panels:
        of_panel = [stop for stop in stops if dock_of(stop) is program.window.docks[name]]
        assert of_panel[-1] is program.window.docks[name].title_bar.menu_button
    first = [
        next(stop for stop in stops if dock_of(stop) is program.window.docks[name]) for name in ("input", "network")
    ]
    assert [each.accessibleName() for each in first] == ["Input canvas", "Network diagram"]
    QTest.keyClick(stops[0], Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is stops[-1]


@pytest.mark.parametrize("workspace", ["explore", "checkpoint"])
def test_each_stop_says_what_it_is(program, settle, workspace):
    program.window.use_workspace(workspace)
    settle(program)
    silent = [
        f"{type(stop).__name__} in {dock_of(stop).objectName()}"
        for stop in tour(program)
        if not isinstance(stop, QTabBar) and not (stop.accessibleName() or getattr(stop, "text", str)())
    ]
    assert silent == []


def test_f6_goes_from_panel_to_panel_and_back(program):
    seen = []
    for keys in ("F6", "F6", "F6", "Shift+F6"):
        key, modifiers = Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier if "Shift" in keys else Qt.KeyboardModifier(0)
        QTest.keyClick(program.window, key, modifiers)
        seen.append(dock_of(QApplication.focusWidget()).objectName())
    assert seen == ["input", "samples", "prediction", "samples"]


def test_a_floating_panel_has_an_order_of_its_own(program, qtbot):
    dock = program.window.docks["filters"]
    dock.setFloating(True)
    qtbot.waitUntil(lambda: dock.isWindow() and dock.isVisible())
    dock.activateWindow()
    first, *_, menu = dock.tab_stops()
    menu.setFocus()
    QTest.keyClick(menu, Qt.Key.Key_Tab)
    assert dock.focusWidget() is first
    assert all(dock_of(stop) is not dock for stop in tour(program) if not dock.isAncestorOf(stop))


@pytest.mark.parametrize(("panel", "name"), [("input", "canvas"), ("network", "diagram")])
def test_canvas_and_diagram_show_that_the_keyboard_is_there(program, pixels, panel, name):
    widget = getattr(program.window.docks[panel].view, name)
    accent = 0xFF000000 | int(DARK.accent[1:], 16)

    def ring():
        edge = pixels(widget)[:, 1]  # along the left side, clear of the rounded corners
        return (edge[20:-20] == accent).mean()

    assert ring() < 0.1
    widget.setFocus(Qt.FocusReason.MouseFocusReason)
    assert ring() < 0.1
    widget.clearFocus()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    assert ring() > 0.9


def test_arrow_keys_in_the_diagram_go_from_layer_to_layer_and_from_map_to_map(program, settle, latest):
    diagram = program.window.docks["network"].view.diagram
    order = [column.node.layer.name for column in latest["network"].columns]

    def press(key):
        QTest.keyClick(diagram, key)
        settle(program)
        return latest["activations"].layer, latest["activations"].unit.channel

    here = order.index("conv")
    assert press(Qt.Key.Key_Right) == (order[here + 1], 0)
    assert press(Qt.Key.Key_Down) == (order[here + 1], 1)
    assert press(Qt.Key.Key_Down) == (order[here + 1], 2)
    assert press(Qt.Key.Key_Up) == (order[here + 1], 1)
    assert press(Qt.Key.Key_Left) == ("conv", 1)
    assert press(Qt.Key.Key_End)[0] == order[-1]


def test_a_channel_that_a_layer_lacks_is_its_last_in_every_panel(program, settle, latest):
    program.document.edit_many({"selection.layer": "flatten", "selection.channel": 40})
    settle(program)
    assert latest["network"].channel == latest["activations"].unit.channel == 40
    program.document.edit("selection.layer", "conv")
    settle(program)
    assert latest["network"].channel == latest["activations"].unit.channel == 3


def test_arrow_keys_on_the_canvas_move_the_picture_as_one_undo_entry(program, settle):
    canvas = program.window.docks["input"].view.canvas
    for _ in range(3):
        QTest.keyPress(canvas, Qt.Key.Key_Right)
    QTest.keyPress(canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyRelease(canvas, Qt.Key.Key_Right)
    edits = program.document.scene.input.edits
    assert (edits.shift_columns, edits.shift_rows) == (3.0, -0.25)
    program.document.undo()
    assert program.document.scene.input.edits.shift_columns == 0.0
    assert not program.document.can_undo


def test_the_focus_stays_where_it_is_when_larger_type_lays_the_window_out_anew(program, settle):
    diagram = program.window.docks["network"].view.diagram
    diagram.setFocus(Qt.FocusReason.TabFocusReason)
    for scale in (1.6, 1.0):
        program.document.edit("appearance.font_scale", scale)
        settle(program)
        QApplication.processEvents()
        assert program.window.focusWidget() is diagram


def test_no_button_gets_the_focus_by_itself_when_another_workspace_is_entered(program, settle):
    canvas, window = program.window.docks["input"].view.canvas, program.window
    window.docks["unit"].tab_stops()[0].setFocus()
    window.use_workspace("training")  # without that panel
    settle(program)
    assert window.focusWidget() is window
    canvas.setFocus()
    window.use_workspace("explore")
    settle(program)
    assert window.focusWidget() is canvas
