"""Tab goes through widgets as they are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QRect, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QGridLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from cnnviz.ui.controls import Segmented
from cnnviz.ui.tab_order import move_focus, reading_order, tab_stops


def test_rows_are_read_one_after_the_other_and_columns_where_they_are_asked_for():
    grid = [QRect(x, y, 10, 10) for y in (20, 0) for x in (20, 0)]
    assert reading_order(grid) == [3, 2, 1, 0]
    assert reading_order(grid, by_columns=True) == [3, 1, 2, 0]


def test_columns_of_different_heights_are_each_read_to_their_end():
    left, right = [QRect(0, 0, 10, 30), QRect(0, 30, 10, 10)], [QRect(10, 0, 10, 10), QRect(10, 10, 10, 30)]
    bar = QRect(0, -10, 20, 10)
    for by_columns in (False, True):
        assert reading_order([*right, bar, *left], by_columns=by_columns) == [2, 3, 4, 0, 1]


def test_what_lies_over_another_is_read_by_its_corner():
    assert reading_order([QRect(5, 5, 10, 10), QRect(0, 0, 10, 10), QRect(5, 0, 10, 10)]) == [1, 2, 0]


CORNER, SIZE = st.integers(0, 20), st.integers(1, 20)


@given(st.lists(st.tuples(CORNER, CORNER, SIZE, SIZE), max_size=8), st.booleans())
def test_each_place_is_read_once_and_nothing_before_what_is_above_and_left_of_it(places, by_columns):
    rects = [QRect(*place) for place in places]
    order = reading_order(rects, by_columns=by_columns)
    assert sorted(order) == list(range(len(rects)))
    for late, first in enumerate(order):
        for second in order[:late]:  # read before: must not lie wholly below and to the right
            below = rects[second].y() >= rects[first].y() + rects[first].height()
            right = rects[second].x() >= rects[first].x() + rects[first].width()
            assert not (below and right)


@pytest.fixture
def page(shown):
    """Made from the last to the first: a row of two buttons over a scrolled column of three, one of them disabled."""
    page, scrolled, scroll = QWidget(), QWidget(), QScrollArea()
    column = QVBoxLayout(scrolled)
    page.buttons = {name: QPushButton(name) for name in ("e", "d", "c", "b", "a")}
    for name in ("c", "d", "e"):
        column.addWidget(page.buttons[name])
    page.buttons["d"].setEnabled(False)
    scrolled.setFixedHeight(300)
    scroll.setWidget(scrolled)
    grid = QGridLayout(page)
    grid.addWidget(scroll, 1, 0, 1, 2)
    grid.addWidget(page.buttons["b"], 0, 1)
    grid.addWidget(page.buttons["a"], 0, 0)
    return shown(page, 300, 160)


def test_what_cannot_be_used_and_what_only_scrolls_are_no_stops(page):
    assert [stop.text() for stop in tab_stops(page)] == ["a", "b", "c", "e"]
    page.buttons["b"].hide()
    assert [stop.text() for stop in tab_stops(page)] == ["a", "c", "e"]


def test_the_focus_goes_round_and_what_gets_it_is_scrolled_into_view(page, qtbot):
    stops = [*tab_stops(page)]
    last = page.buttons["e"]
    assert last.visibleRegion().isEmpty()
    assert move_focus(stops, stops[0], forward=False)
    qtbot.waitUntil(last.hasFocus)
    assert last.visibleRegion().boundingRect() == last.rect()
    assert move_focus(stops, last, forward=True)
    assert page.buttons["a"].hasFocus()
    assert not move_focus([], last, forward=True)


def test_buttons_of_which_one_is_chosen_are_one_stop_from_which_arrows_go_on(shown, qtbot):
    chosen = []
    segmented = Segmented(["brush", "erase", "fill"])
    segmented.chosen.connect(chosen.append)
    segmented.set_value("erase")
    shown(segmented, 200, 30)
    assert [*tab_stops(segmented)] == [segmented.button("erase")]
    segmented.button("erase").setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    assert chosen == ["fill"]
    assert [*tab_stops(segmented)] == [segmented.button("fill")]
