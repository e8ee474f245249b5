import math

import pytest
from PyQt6.QtCore import QPoint, Qt

from cnnviz.ui.bar_list import BarList
from cnnviz.ui.theme import DARK


@pytest.fixture
def bars(shown):
    return shown(BarList(), 260, 120)


def lengths(bars: BarList, picture, colour: int, rows: int) -> list[int]:
    """Length of each row's bar in pixels."""
    return [int((picture[int(bars.bar_rect(row).center().y())] == colour).sum()) for row in range(rows)]


def test_bars_are_as_long_as_their_share(bars, pixels, argb):
    bars.set_rows(["5", "6", "8"], [0.75, 0.2, 0.05])
    picture = pixels(bars)
    track = bars.bar_rect(0).width()
    assert lengths(bars, picture, argb(DARK.accent), 3)[0] == pytest.approx(0.75 * track, abs=3)
    _, second, third = lengths(bars, picture, argb(DARK.faint), 3)
    assert second == pytest.approx(0.2 * track, abs=3)
    assert third == pytest.approx(0.05 * track, abs=3)


def test_only_the_first_has_the_accent(bars, pixels, argb):
    bars.set_rows(["a", "b"], [0.5, 0.5])
    assert lengths(bars, pixels(bars), argb(DARK.accent), 2)[1] == 0


def test_a_share_that_is_no_number_has_no_bar(bars, pixels, argb):
    bars.set_rows(["a", "b"], [math.nan, math.inf])
    picture = pixels(bars)
    assert argb(DARK.accent) not in picture
    assert lengths(bars, picture, argb(DARK.faint), 2) == [0, 0]


def test_long_names_leave_room_for_the_bars(bars):
    bars.set_rows(["a very long class name, and then some"], [1.0])
    assert bars.bar_rect(0).left() < 120
    assert bars.bar_rect(0).right() < 200


def test_bars_stay_where_they_are_when_shorter_names_come(bars):
    bars.set_rows(["aeroplane"], [1.0])
    before = bars.bar_rect(0)
    bars.set_rows(["cat"], [1.0])
    assert bars.bar_rect(0) == before


def test_a_click_names_the_row(bars, qtbot):
    bars.set_rows(["a", "b"], [0.6, 0.4])
    with qtbot.waitSignal(bars.row_clicked) as clicked:
        qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(100, bars.row_height() + 5))
    assert clicked.args == [1]
    with qtbot.assertNotEmitted(bars.row_clicked):
        qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(100, 5 * bars.row_height()))


def test_bars_can_be_full_at_another_share_and_another_row_have_the_accent(bars, pixels, argb):
    bars.set_rows(["a", "b", "c"], [2.5, 1.25, math.inf], full=2.5, marked=1)
    picture = pixels(bars)
    track = bars.bar_rect(0).width()
    assert lengths(bars, picture, argb(DARK.faint), 1)[0] == pytest.approx(track, abs=3)
    assert lengths(bars, picture, argb(DARK.accent), 2)[1] == pytest.approx(track / 2, abs=3)
    assert bars.bar_rect(0).right() < 260 - 50  # room for 250.00 %


def test_other_words_in_place_of_percentages_leave_the_bars_as_they_are(bars, pixels, argb):
    bars.set_rows(["a", "b"], [0.5, math.nan], full=2.0, texts=["0.500", "zero"])
    track = bars.bar_rect(0).width()
    picture = pixels(bars)
    assert lengths(bars, picture, argb(DARK.accent), 1)[0] == pytest.approx(track / 4, abs=3)
    bars.set_rows(["a", "b"], [0.5, math.nan])
    assert bars.bar_rect(0).width() < track
