"""Workspaces: each one's panels with room to be read, entered by menu and key, left as they were arranged."""

from functools import partial

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QVBoxLayout

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.document import Document
from cnnviz.scene.models import WindowLayout
from cnnviz.scene.params import PanelParams
from cnnviz.ui.main_window import MainWindow
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.workspaces import WORKSPACES, offered

EVERY = tuple(dict.fromkeys(name for workspace in WORKSPACES for name in workspace.panels))


class View(PanelView):
    def __init__(self, name):
        super().__init__(Document())
        QVBoxLayout(self).addWidget(QLabel(name))


def spec(panel_id):
    return PanelSpec(panel_id, panel_id.title(), "right", PanelParams, (), lambda *_: None, "")


@pytest.fixture
def build(shown, monkeypatch):
    """A window with the named panels, at the first size."""
    monkeypatch.setattr("cnnviz.engine.panel.register_params", lambda *_: None)

    def window_of(names, layout=None, workspace=None) -> MainWindow:
        window = MainWindow()
        window.add_panels([(spec(name), partial(View, name)) for name in names])
        if layout is not None:
            window.restore_layout(layout.model_copy(update={"geometry": ""}))
        if workspace is not None:
            window.use_workspace(workspace)
        shown(window, 1600, 960)
        return window

    return window_of


@pytest.mark.parametrize("workspace", WORKSPACES, ids=lambda workspace: workspace.id)
def test_a_workspace_shows_its_panels_alone_with_room_for_what_it_is_about(build, qtbot, workspace):
    window = build(EVERY)
    window.use_workspace(workspace.id)
    shown = {name for name, dock in window.docks.items() if not dock.isHidden()}
    assert shown == set(workspace.panels)
    assert {"input", "prediction"} <= shown
    in_front = {slot.panels[0] for column in workspace.columns for slot in column.slots}
    qtbot.waitUntil(lambda: window.visible_panels() == in_front)
    qtbot.waitUntil(lambda: 280 < window.docks["input"].width() < 320)
    lefts = [window.docks[column.slots[0].panels[0]].x() for column in workspace.columns]
    assert lefts == sorted(lefts)
    assert window.docks["prediction"].x() == window.docks["input"].x() == lefts[0]
    if workspace.id != "explore":
        for name in workspace.about:
            window.show_panel(name)
            qtbot.waitUntil(lambda name=name: name in window.visible_panels())
            size = window.docks[name].size()
            assert (size.width() >= 420, size.height() >= 500) == (True, True), f"{name} has {size}"


def test_what_there_are_no_panels_for_is_not_offered():
    some = ("input", "prediction", "network", "pooling")
    assert [workspace.id for workspace in offered(some)] == ["explore", "pooling"]
    pooling = offered(some)[1]
    assert pooling.panels == ("input", "prediction", "network", "pooling")
    assert [sum(slot.share for slot in column.slots) for column in pooling.columns] == pytest.approx([1, 1])
    assert [workspace.id for workspace in offered(("further",))] == ["explore"]


def test_no_panel_stands_twice_in_a_workspace():
    for workspace in WORKSPACES:
        assert len(set(workspace.panels)) == len(workspace.panels)
        assert set(workspace.about) <= set(workspace.panels)


def test_a_workspace_is_found_again_as_it_was_left(build, qtbot):
    window = build(EVERY)
    window.docks["samples"].close()
    window.use_workspace("pooling")
    assert window.workspace.id == "pooling"
    assert not window.docks["samples"].isHidden()
    window.use_workspace("explore")
    assert window.docks["samples"].isHidden()
    assert window.docks["pooling"].isHidden()
    window.reset_layout()
    assert not window.docks["samples"].isHidden()
    assert window.workspace.id == "explore"


def test_an_unknown_workspace_is_refused_and_changes_nothing(build):
    window = build(EVERY)
    with pytest.raises(ValueError, match="give one of explore, checkpoint"):
        window.use_workspace("elsewhere")
    assert window.workspace.id == "explore"


def test_leaving_while_a_panel_is_maximised_keeps_the_others(build, qtbot):
    window = build(EVERY)
    window.toggle_maximised(window.docks["network"])
    window.use_workspace("pooling")
    window.use_workspace("explore")
    assert {name for name, dock in window.docks.items() if not dock.isHidden()} == set(window.workspace.panels)


def test_the_workspace_comes_back_with_the_session(build, qtbot):
    window = build(EVERY)
    window.use_workspace("equivariance")
    window.docks["samples"].close()
    saved = WindowLayout.model_validate_json(window.layout_state().model_dump_json())
    again = build(EVERY, saved)
    assert again.workspace.id == "equivariance"
    shown = {name for name, dock in again.docks.items() if not dock.isHidden()}
    assert shown == set(again.workspace.panels) - {"samples"}


def test_a_panel_that_came_with_a_newer_program_finds_its_place_in_a_saved_layout(build, qtbot):
    older = build([name for name in EVERY if name not in ("invariance", "runs")])
    older.use_workspace("pooling")
    saved = older.layout_state()
    newer = build(EVERY, saved)
    assert newer.docks["runs"].isHidden()
    assert not newer.docks["invariance"].isHidden()
    assert newer.docks["pooling"] in newer.tabifiedDockWidgets(newer.docks["invariance"])
    qtbot.waitUntil(lambda: newer.visible_panels() == set(older.workspace.panels))
    newer.show_panel("runs")
    qtbot.waitUntil(lambda: "runs" in newer.visible_panels())


def test_a_layout_of_a_workspace_that_is_gone_shows_the_first(build):
    window = build(EVERY)
    saved = window.layout_state().model_copy(update={"workspace": "forgotten", "state": "AAAA"})
    assert build(EVERY, saved).workspace.id == "explore"


def test_keys_and_menu_change_the_workspace(start, scene_of, small, settle, qtbot):
    program = start(scene_of(small))
    window, button = program.window, program.controller.bar.layout_menu
    window.activateWindow()  # shortcuts are the active window's
    qtbot.waitUntil(window.isActiveWindow)
    assert button.text() == "Explore"
    ids = [workspace.id for workspace in window.workspaces()]
    second = ids.index("checkpoint") + 1
    QTest.keyClick(window, getattr(Qt.Key, f"Key_{second}"), Qt.KeyboardModifier.ControlModifier)
    settle(program)
    assert window.workspace.id == "checkpoint"
    assert button.text() == "Checkpoint"
    assert "checkpoint" in window.visible_panels()
    assert "network" not in window.visible_panels()
    button.entries.aboutToShow.emit()
    checked = [action.text() for action in button.entries.actions() if action.isCheckable() and action.isChecked()]
    assert checked[0] == "Checkpoint"
    assert "Network" not in checked
    explore = next(action for action in button.entries.actions() if action.text() == "Explore")
    explore.trigger()
    settle(program)
    assert "network" in window.visible_panels()


@pytest.mark.parametrize("workspace", [each.id for each in WORKSPACES])
def test_a_workspace_entered_before_the_window_is_shown_has_the_first_tab_of_each_place_in_front(
    build, qtbot, workspace
):
    window = build(EVERY, workspace=workspace)
    first = {slot.panels[0] for column in window.workspace.columns for slot in column.slots}
    qtbot.waitUntil(lambda: window.visible_panels() == first)


@pytest.mark.parametrize("workspace", WORKSPACES, ids=lambda workspace: workspace.id)
def test_in_a_small_window_panels_become_tabs_and_none_is_lost(workspace):
    assert workspace.fitted(1600, 960) == workspace
    low, small = workspace.fitted(1280, 690), workspace.fitted(853, 480)
    assert low.columns[0].slots[0].panels == small.columns[0].slots[0].panels == ("input", "samples")
    assert [len(low.columns), len(small.columns)] == [len(workspace.columns), 2]
    for fitted in (low, small):
        assert set(fitted.panels) == set(workspace.panels)
        for column in fitted.columns:
            assert sum(slot.share for slot in column.slots) == pytest.approx(1)
            assert max(len(slot.panels) for slot in column.slots) <= 5
    in_front = {slot.panels[0] for slot in small.columns[1].slots}
    assert in_front & set(workspace.about)


def test_a_window_of_another_size_is_laid_out_anew_unless_the_person_has_arranged_it(build, qtbot, hub):
    window = build(EVERY)
    docks = window.docks

    def tabs(name):
        return {tab.objectName() for tab in window.tabifiedDockWidgets(docks[name]) if not tab.isHidden()}

    window.resize(1280, 690)
    qtbot.waitUntil(lambda: tabs("input") == {"samples"})
    assert "input" in window.visible_panels()
    assert tabs("activations") == set()
    hub.set(scale=1.5)
    qtbot.waitUntil(lambda: tabs("activations") == {"filters", "unit"})
    assert "activations" in window.visible_panels()
    qtbot.waitUntil(lambda: docks["input"].width() == pytest.approx(1.5 * 304, abs=8))
    hub.set(scale=1.7)
    qtbot.waitUntil(lambda: docks["input"].width() == pytest.approx(1.7 * 304, abs=8))
    hub.set(scale=1.0)
    window.resize(1600, 960)
    qtbot.waitUntil(lambda: tabs("input") == tabs("activations") == set())
    docks["unit"].close()
    window.resize(1000, 600)
    qtbot.wait(20)
    assert tabs("input") == tabs("activations") == set()
    assert docks["unit"].isHidden()


def test_a_panel_that_is_maximised_stays_so_in_larger_type(build, qtbot, hub):
    window = build(EVERY)
    window.toggle_maximised(window.docks["unit"])
    hub.set(scale=1.5)
    qtbot.wait(20)
    assert [name for name, dock in window.docks.items() if not dock.isHidden()] == ["unit"]
    window.restore_from_maximised()
    qtbot.waitUntil(lambda: window.docks["unit"] in window.tabifiedDockWidgets(window.docks["activations"]))
