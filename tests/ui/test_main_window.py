"""Docks: maximised and back, laid out afresh or as they were left; files dropped on the window."""

import base64
from functools import partial

import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLabel, QVBoxLayout

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.document import Document
from cnnviz.scene.models import WindowLayout
from cnnviz.scene.params import PanelParams
from cnnviz.ui.main_window import LAYOUT_VERSION, MainWindow
from cnnviz.ui.notices import Notice
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import theme

KNOWN = ("input", "samples", "prediction", "network", "activations", "filters", "unit")
ALL = {*KNOWN, "test-further"}


class View(PanelView):
    def __init__(self, name):
        super().__init__(Document())
        QVBoxLayout(self).addWidget(QLabel(name))


class Params(PanelParams):
    pass


def spec(panel_id):
    return PanelSpec(panel_id, panel_id.title(), "left", Params, (), lambda *_: None, "", tip=f"About {panel_id}.")


@pytest.fixture
def further(monkeypatch):
    """A spec registers its panel's parameters; these are not the real ones."""
    monkeypatch.setattr("cnnviz.engine.panel.register_params", lambda *_: None)


@pytest.fixture
def window(shown, further, qtbot):
    window = MainWindow()
    window.add_panels([(spec(panel_id), partial(View, panel_id)) for panel_id in sorted(ALL)])
    shown(window, 1600, 1000)
    qtbot.waitUntil(lambda: window.visible_panels() >= set(KNOWN) - {"unit", "filters"})
    return window


def places(window):
    return {name: dock.geometry().getRect() for name, dock in window.docks.items() if name in window.visible_panels()}


def docks_alone(window):
    """Without the window's own place, which Qt would fit to the screen of 800×800 that is feigned here."""
    return window.layout_state().model_copy(update={"geometry": ""})


def test_the_first_layout_is_three_columns(window):
    docks = {name: dock.geometry() for name, dock in window.docks.items()}
    for column in (("input", "samples", "prediction"), ("network", "activations")):
        lefts = {docks[name].left() for name in column}
        assert len(lefts) == 1
        tops = [docks[name].top() for name in column]
        assert tops == sorted(tops)
    assert docks["input"].right() < docks["network"].left() < docks["filters"].left()
    assert docks["network"].width() > 2 * docks["input"].width()


def test_the_first_paint_is_told_of_when_the_panels_have_been_painted(further, qtbot):
    """What it is told to begins to work then, and would hold the paint up."""
    painted = []

    class Painted(View):
        def paintEvent(self, event):
            painted.append(self)
            super().paintEvent(event)

    window = MainWindow()
    qtbot.addWidget(window)
    window.add_panels([(spec(panel_id), partial(Painted, panel_id)) for panel_id in sorted(ALL)])
    told = []
    window.first_painted.connect(lambda: told.append(len(set(painted))))
    with qtbot.waitSignal(window.first_painted):
        window.show()
    window.repaint()
    assert told == [len(window.visible_panels())]
    assert told[0] > 3


def test_a_panel_of_another_workspace_comes_as_a_tab_of_its_area_when_it_is_asked_for(window, qtbot):
    assert window.docks["test-further"].isHidden()
    window.docks["test-further"].toggleViewAction().trigger()
    qtbot.waitUntil(lambda: "test-further" in window.visible_panels())
    assert window.docks["test-further"] in window.tabifiedDockWidgets(window.docks["prediction"])
    assert "prediction" not in window.visible_panels()
    window.show_panel("prediction")
    qtbot.waitUntil(lambda: "prediction" in window.visible_panels())


@pytest.mark.parametrize("panel", ["activations", "input"])
def test_a_double_click_on_the_title_maximises_and_escape_goes_back(window, qtbot, panel):
    before = places(window)
    dock = window.docks[panel]
    QTest.mouseDClick(dock.title_bar, Qt.MouseButton.LeftButton, pos=dock.title_bar.rect().center())
    qtbot.waitUntil(lambda: window.visible_panels() == {panel})
    qtbot.waitUntil(lambda: dock.width() > 1500 and dock.height() > 900)
    assert not dock.isFloating()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: places(window) == before)


def test_a_second_double_click_goes_back(window, qtbot):
    before = places(window)
    bar = window.docks["unit"].title_bar
    window.toggle_maximised(window.docks["network"])
    qtbot.waitUntil(lambda: window.visible_panels() == {"network"})
    bar = window.docks["network"].title_bar
    QTest.mouseDClick(bar, Qt.MouseButton.LeftButton, pos=bar.rect().center())
    qtbot.waitUntil(lambda: places(window) == before)


def test_a_tab_is_maximised_and_taken_back(window, qtbot):
    window.show_panel("test-further")
    before = window.visible_panels()
    qtbot.waitUntil(lambda: "test-further" in window.visible_panels())
    window.toggle_maximised(window.docks["test-further"])
    qtbot.waitUntil(lambda: window.visible_panels() == {"test-further"})
    assert window.restore_from_maximised()
    qtbot.waitUntil(lambda: len(window.visible_panels()) == len(before))
    assert not window.restore_from_maximised()


def test_escape_without_a_maximised_panel_changes_nothing(window):
    before = places(window)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert places(window) == before


def test_a_layout_is_restored(window, shown, qtbot):
    window.docks["samples"].close()
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, window.docks["prediction"])
    qtbot.waitUntil(lambda: "samples" not in window.visible_panels())
    docks = window.docks
    qtbot.waitUntil(lambda: docks["prediction"].geometry().left() > docks["filters"].geometry().right())
    saved = WindowLayout.model_validate_json(docks_alone(window).model_dump_json())

    other = MainWindow()
    other.add_panels([(spec(panel_id), partial(View, panel_id)) for panel_id in sorted(ALL)])
    assert other.restore_layout(saved)
    shown(other, window.width(), window.height())
    qtbot.waitUntil(lambda: places(other) == places(window))


def test_the_layout_of_a_maximised_panel_is_that_of_before(window, qtbot):
    before = window.layout_state()
    window.toggle_maximised(window.docks["network"])
    qtbot.waitUntil(lambda: window.visible_panels() == {"network"})
    assert window.layout_state().state == before.state


@pytest.mark.parametrize(
    "layout",
    [
        WindowLayout(state="no base64 at all!"),
        WindowLayout(state="ÄÖÜ"),
        WindowLayout(state=base64.b64encode(b"damaged").decode()),
        WindowLayout(state=base64.b64encode(b"\x00\x00\x00\xff" * 50).decode(), geometry="AAAA"),
        WindowLayout(state="", geometry=""),
    ],
    ids=["text", "umlauts", "short", "bytes", "none"],
)
def test_a_damaged_layout_leaves_the_first_one(window, qtbot, layout):
    before = places(window)
    assert not window.restore_layout(layout)
    qtbot.waitUntil(lambda: places(window) == before)


def test_the_layout_of_another_version_is_not_tried(window, qtbot):
    before = places(window)
    window.docks["samples"].close()
    saved = docks_alone(window).model_copy(update={"version": LAYOUT_VERSION + 1})
    window.reset_layout()
    assert not window.restore_layout(saved)
    qtbot.waitUntil(lambda: places(window) == before)


def test_resetting_brings_every_panel_back(window, qtbot):
    before = places(window)
    window.docks["network"].close()
    window.docks["unit"].setFloating(True)
    window.tabifyDockWidget(window.docks["input"], window.docks["samples"])
    window.reset_layout()
    qtbot.waitUntil(lambda: places(window) == before)


def test_other_panels_than_before_are_told_of(window, qtbot):
    with qtbot.waitSignal(window.seen_changed):
        window.docks["unit"].close()
    with qtbot.waitSignal(window.seen_changed):
        window.docks["unit"].show()


def test_the_end_of_each_paint_is_told(window, qtbot):
    with qtbot.waitSignal(window.painted):
        window.docks["input"].view.update()


def drop(window, *urls) -> QDropEvent:
    data = QMimeData()
    data.setUrls(urls)
    entering = QDragEnterEvent(
        window.rect().center(),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    entering.ignore()
    QApplication.sendEvent(window, entering)
    dropping = QDropEvent(
        QPointF(window.rect().center()),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    if entering.isAccepted():
        QApplication.sendEvent(window, dropping)
    return entering


def test_dropped_files_are_told_and_pages_of_the_web_are_not_taken(window, tmp_path):
    told = []
    window.files_dropped.connect(told.append)
    path = tmp_path / "ä picture.png"
    assert drop(window, QUrl.fromLocalFile(str(path)), QUrl("https://example.org/")).isAccepted()
    assert not drop(window, QUrl("https://example.org/picture.png")).isAccepted()
    assert told == [[str(path)]]


def test_closing_is_told_once(window, qtbot):
    told = []
    window.closing.connect(lambda: told.append(1))
    window.close()
    assert told == [1]


def test_a_window_that_is_closed_is_gone_before_what_takes_time_and_its_layout_is_as_it_was(window, qtbot):
    window.docks["unit"].setFloating(True)
    window.docks["filters"].close()
    qtbot.waitUntil(lambda: window.docks["unit"].isWindow())
    before = docks_alone(window)
    seen = []
    window.closing.connect(lambda: seen.append((window.isVisible(), window.docks["unit"].isVisible())))
    window.closing.connect(lambda: seen.append(docks_alone(window)))
    window.close()
    assert seen == [(False, False), before]
    window.show()
    assert window.docks["unit"].isVisible()


def test_a_panels_widget_is_made_when_it_is_first_to_be_seen_and_not_before(shown, further, qtbot):
    made = []
    window = MainWindow()
    window.add_panels(
        (spec(panel_id), lambda panel_id=panel_id: made.append(panel_id) or View(panel_id)) for panel_id in sorted(ALL)
    )
    assert sorted(made) == sorted(KNOWN)  # before the window is shown, so that its first paint shows them
    shown(window, 1600, 1000)
    window.seen_changed.connect(window.build_seen)
    window.show_panel("test-further")
    qtbot.waitUntil(lambda: "test-further" in made)
    window.show_panel("prediction")
    qtbot.waitUntil(lambda: "prediction" in window.visible_panels())
    assert len(made) == len(ALL)


def test_a_notice_lies_over_docks_that_are_shown_after_it(window, qtbot):
    window.notices.show_message("Something is to be known.", "warning")
    notice = window.findChild(Notice)
    window.reset_layout()
    qtbot.waitUntil(lambda: window.children().index(notice) > max(map(window.children().index, window.docks.values())))


def widths(window):
    return {name: window.docks[name].width() for name in ("input", "network", "filters")}


def larger_type(window, qtbot, scale):
    before = widths(window)
    theme().set(scale=scale)
    qtbot.waitUntil(lambda: widths(window)["input"] != before["input"])  # which only a new layout changes
    qtbot.wait(100)


def test_the_columns_follow_the_type_as_the_first_layout_would(window, qtbot):
    larger_type(window, qtbot, 1.2)
    followed = widths(window)
    window.reset_layout()
    qtbot.wait(50)
    assert widths(window) == followed
    assert followed["input"] >= 282 * 1.2 - 8  # what its values and bars need, less its share of the gaps


@pytest.mark.parametrize("arrange", ["another panel as a tab", "one closed", "one dragged out"])
def test_the_columns_follow_the_type_where_the_person_has_put_panels_elsewhere(window, qtbot, arrange):
    if arrange == "another panel as a tab":
        window.show_panel("test-further")
        window.show_panel("prediction")
    elif arrange == "one closed":
        window.docks["samples"].close()
    else:
        window.docks["unit"].setFloating(True)
    qtbot.wait(50)
    before = widths(window)
    larger_type(window, qtbot, 1.2)
    after = widths(window)
    for name in ("input", "filters"):
        assert after[name] == pytest.approx(before[name] * 1.2, abs=2)
    assert sum(after.values()) == pytest.approx(sum(before.values()), abs=8)  # the gaps grow, too
    larger_type(window, qtbot, 1.0)
    assert widths(window) == pytest.approx(before, abs=2)


def drag_the_edge_of_the_input(window, qtbot, by):
    edge = window.docks["network"].geometry().left() - 2
    QTest.mousePress(window, Qt.MouseButton.LeftButton, pos=QPoint(edge, 500))
    for step in range(1, 5):
        QTest.mouseMove(window, QPoint(edge + by * step // 4, 500))
        qtbot.wait(20)
    QTest.mouseRelease(window, Qt.MouseButton.LeftButton, pos=QPoint(edge + by, 500))
    qtbot.wait(50)


def test_a_column_that_was_dragged_keeps_its_share_of_the_type(window, qtbot):
    first = widths(window)
    drag_the_edge_of_the_input(window, qtbot, 100)
    dragged = widths(window)
    assert dragged["input"] == pytest.approx(first["input"] + 100, abs=8)
    larger_type(window, qtbot, 1.2)
    assert widths(window)["input"] == pytest.approx(dragged["input"] * 1.2, rel=0.01)
    window.reset_layout()
    qtbot.wait(50)
    larger_type(window, qtbot, 1.0)
    assert widths(window) == pytest.approx(first, abs=4)


def test_columns_that_were_dragged_leave_the_widest_its_room_where_larger_type_would_take_it(window, qtbot):
    drag_the_edge_of_the_input(window, qtbot, 300)
    dragged = widths(window)
    larger_type(window, qtbot, 1.2)
    after = widths(window)
    assert after["network"] >= 0.39 * sum(after.values())
    assert 282 * 1.2 < after["input"] < dragged["input"]


def test_a_workspace_that_was_left_with_smaller_type_follows_when_it_is_entered_again(shown, further, qtbot):
    window = MainWindow()
    window.add_panels([(spec(panel_id), partial(View, panel_id)) for panel_id in sorted({*ALL, "compare"})])
    shown(window, 1600, 1000)
    first, other = [workspace.id for workspace in window.workspaces()]
    qtbot.waitUntil(lambda: "unit" in window.visible_panels())
    before = window.docks["input"].width()
    window.use_workspace(other)
    qtbot.wait(50)
    theme().set(scale=1.2)
    qtbot.wait(50)
    window.use_workspace(first)
    qtbot.waitUntil(lambda: window.docks["input"].width() == pytest.approx(before * 1.2, abs=4))
