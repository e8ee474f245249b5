import gc

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QTabBar, QWidget

from cnnviz.ui.controls import ElidedLabel, Segmented
from cnnviz.ui.dock import Dock, DockTitle, DockWindow, visible_to_person
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import DARK


class Panel(PanelView):
    def header_controls(self) -> list[QWidget]:
        self.scale = Segmented(["one", "own"])
        return [self.scale]


@pytest.fixture
def window(shown):
    """Two docks side by side, and a third in a tab over the second."""
    window = DockWindow()
    window.one, window.two, window.three = (Dock(name, name.title(), Panel(None)) for name in ("one", "two", "three"))
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, window.one)
    window.splitDockWidget(window.one, window.two, Qt.Orientation.Horizontal)
    window.tabifyDockWidget(window.two, window.three)
    window.two.raise_()
    return shown(window, 800, 400)


def test_only_the_tab_in_front_is_visible_to_a_person(window, qtbot):
    seen = [visible_to_person(dock) for dock in (window.one, window.two, window.three)]
    assert seen == [True, True, False]
    with qtbot.waitSignal(window.three.seen_changed):
        window.three.raise_()
    qtbot.waitUntil(lambda: visible_to_person(window.three))
    assert not visible_to_person(window.two)


def test_a_closed_dock_is_not_visible(window):
    window.one.close()
    assert not visible_to_person(window.one)


def name_of(dock: Dock) -> ElidedLabel:
    return next(label for label in dock.findChildren(ElidedLabel) if label.text() == dock.windowTitle())


def test_a_tab_shows_the_name_instead_of_the_title(window):
    assert name_of(window.one).isVisible()
    assert not name_of(window.two).isVisible()
    bar = window.findChild(QTabBar)
    assert [bar.tabText(index) for index in range(bar.count())] == ["Two", "Three"]


def test_a_double_click_on_a_tab_asks_to_maximise_its_panel(window, qtbot):
    gc.collect()
    bar = window.findChild(QTabBar)
    asked = []
    for dock in (window.one, window.two, window.three):
        dock.maximise_requested.connect(lambda dock=dock: asked.append(dock.windowTitle()))
    qtbot.mouseDClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(1).center())
    qtbot.waitUntil(lambda: asked == ["Three"])


def test_the_name_comes_back_when_a_dock_leaves_its_tabs(window, qtbot):
    window.three.setFloating(True)
    qtbot.waitUntil(lambda: name_of(window.two).isVisible())
    assert name_of(window.three).isVisible()
    window.three.setFloating(False)
    qtbot.waitUntil(lambda: not name_of(window.two).isVisible())


def test_a_double_click_on_the_title_maximises_and_does_not_float(window, qtbot):
    with qtbot.waitSignal(window.one.maximise_requested):
        qtbot.mouseDClick(window.one.findChild(DockTitle), Qt.MouseButton.LeftButton)
    assert not window.one.isFloating()


def test_subtitle_and_controls_stand_in_the_title(window):
    window.one.view.set_subtitle("conv2 · 32 maps of 14×14")
    title = window.one.findChild(DockTitle)
    subtitle = next(label for label in title.findChildren(ElidedLabel) if label.text().startswith("conv2"))
    assert subtitle.isVisible()
    assert title.isAncestorOf(window.one.view.scale)
    assert window.one.view.scale.isVisible()


def test_a_narrow_dock_elides_its_subtitle_and_keeps_its_name(window):
    window.one.view.set_subtitle("a subtitle that is a good deal longer than there is room for in any title bar")
    title = window.one.findChild(DockTitle)
    title.resize(title.minimumSizeHint().width() + 160, title.height())
    subtitle = next(label for label in title.findChildren(ElidedLabel) if label.text().startswith("a sub"))
    assert subtitle.shown_text().endswith("…")
    assert name_of(window.one).shown_text() == "One"


def yellow(picture: np.ndarray) -> bool:
    """Whether anything has the colour of a warning, antialiased or not."""
    red, green, blue = (picture >> shift & 255 for shift in (16, 8, 0))
    return bool(((red > 140) & (green > 110) & (blue < 100)).any())


def test_a_sign_says_that_something_is_computed_or_out_of_date(window, pixels):
    title = window.one.findChild(DockTitle)
    assert not yellow(pixels(title))
    fresh = pixels(title)
    window.one.view.show_stale()
    assert yellow(pixels(title))
    window.one.view.show_busy()
    busy = pixels(title)
    assert not yellow(busy)
    window.one.view.show_result(None)
    assert (busy != fresh).any()
    assert (pixels(title) == fresh).all()


def test_panels_are_rounded_and_stand_apart(window, pixels, argb):
    picture = pixels(window)
    rect = window.one.geometry()
    assert picture[rect.top(), rect.left()] == argb(DARK.window)
    assert picture[rect.top() + 10, rect.left() + 10] == argb(DARK.panel)
    assert picture[rect.top(), rect.center().x()] == argb(DARK.line)
    between = picture[rect.center().y(), rect.right() + 1 : window.two.geometry().left()]
    assert between.size == 4
    assert (between == argb(DARK.window)).all()
    assert (picture[:4] == argb(DARK.window)).all()


def test_tabs_and_the_panel_below_are_one(window, pixels, argb):
    picture = pixels(window)
    bar, dock = window.findChild(QTabBar).geometry(), window.two.geometry()
    column = picture[bar.top() + 4 : dock.top() + 8, dock.right() - 20]
    assert set(np.unique(column)) == {argb(DARK.panel)}
    assert picture[dock.top(), dock.left() + 2] == argb(DARK.panel)  # no rounding in the middle
    assert argb(DARK.accent) in picture[bar.bottom() - 4 : bar.bottom() + 1]


def test_docks_outlive_the_names_they_were_made_under(qtbot, hub):
    import gc

    window = DockWindow()
    qtbot.addWidget(window)

    def fill() -> None:
        first, second = Dock("a", "A", Panel(None)), Dock("b", "B", Panel(None))
        window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, first)
        window.tabifyDockWidget(first, second)

    fill()
    gc.collect()
    window.show()
    assert {dock.objectName() for dock in window.findChildren(Dock)} == {"a", "b"}
