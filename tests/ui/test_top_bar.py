"""The bar at the top."""

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QPushButton

from cnnviz.ui.top_bar import ThemeButton, TopBar, action_button


@pytest.fixture
def bar(shown):
    return shown(TopBar(), 1000, 40)


def test_buttons_stand_where_they_were_added(bar, qtbot):
    first, second, last = QPushButton("1"), QPushButton("2"), QPushButton("3")
    bar.add_after_input(first, second)
    bar.add_at_end(last)

    def left(widget):
        return widget.mapTo(bar, QPoint(0, 0)).x()

    qtbot.waitUntil(lambda: left(last) > left(bar.layout_menu) > 0 and left(second) > left(first) > 0)
    order = [bar.file, bar.network, bar.input, first, second, bar.device, bar.layout_menu, last]
    assert [left(widget) for widget in order] == sorted(left(widget) for widget in order)


def test_the_button_of_an_action_does_it_and_tells_its_key(bar, hub):
    done = []
    action = QAction("Undo", bar)
    action.setShortcut(QKeySequence("Ctrl+Z"))
    action.triggered.connect(lambda: done.append(1))
    button = action_button(action, "Undo")
    bar.add_after_input(button)
    assert "Ctrl+Z" in button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert done == [1]
    action.setEnabled(False)
    assert not button.isEnabled()
    before = button.iconSize().width()
    hub.set("dark", 1.5)
    assert button.iconSize().width() == round(before * 1.5)


def test_the_ThemeButton_shows_the_theme_that_it_brings(hub, bar):
    button = ThemeButton()
    bar.add_at_end(button)

    def look():
        return button.icon().pixmap(32, 32).toImage()

    dark = look()
    hub.set("light", 1.0)
    assert look() != dark


def test_every_button_says_what_it_is_for(bar):
    for button in (bar.file, bar.network, bar.input, bar.device, bar.layout_menu):
        assert button.toolTip()
        assert button.accessibleName()
        assert button.menu() is not None


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_nothing_lies_over_the_time_of_a_frame(bar, hub, qtbot, scale):
    hub.set("dark", scale)
    bar.resize(round(1270 * scale), bar.height())
    bar.device.setText("cpu")
    bar.frame.set_text("1234.5 ms per frame")
    assert bar.frame.shown_text() == "1234.5 ms per frame"

    def span(widget):
        left = widget.mapTo(bar, QPoint(0, 0)).x()
        return left, left + widget.width()

    qtbot.waitUntil(lambda: span(bar.frame)[1] <= span(bar.device)[0])
    assert span(bar.device)[1] <= span(bar.layout_menu)[0]


def test_a_long_name_is_shortened_before_the_bar_grows_wider_than_the_window(bar, qtbot):
    least = bar.minimumSizeHint().width()
    bar.network.setText("mnist-lenet")
    qtbot.waitUntil(lambda: bar.network.width() == bar.network.sizeHint().width())
    bar.network.setText("experiment_with_cosine_schedule_and_label_smoothing_seed_42_epoch_0200_best_validation" * 2)
    assert bar.minimumSizeHint().width() <= least + 140
    qtbot.waitUntil(lambda: bar.network.width() > 200)
    assert bar.width() == 1000
    end = bar.layout_menu.mapTo(bar, QPoint(bar.layout_menu.width(), 0)).x()
    assert end <= 1000
