import pytest
from PyQt6.QtCore import QEvent, QPoint
from PyQt6.QtGui import QHelpEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QToolTip

from cnnviz.ui.scrolled_bars import ScrolledBars

NAMES = [f"layer{number}.conv" for number in range(60)]


@pytest.fixture
def area(shown):
    return shown(ScrolledBars(), 220, 130)


def seen(area, row):
    """Whether the whole row lies in the viewport."""
    height = area.bars.row_height()
    top = area.bars.mapTo(area.viewport(), QPoint(0, row * height)).y()
    return top >= 0 and top + height <= area.viewport().height()


def test_the_marked_row_is_brought_into_view_and_a_person_may_scroll_away(area):
    area.set_rows(NAMES, [0.5] * 60, marked=40)
    QApplication.processEvents()
    assert seen(area, 40)
    area.verticalScrollBar().setValue(0)
    area.set_rows(NAMES, [0.4] * 60, marked=40)  # other values, the same mark
    assert not seen(area, 40)
    area.set_rows(NAMES, [0.4] * 60, marked=10)
    assert seen(area, 10)


def test_the_marked_row_stays_in_view_when_the_area_shrinks(area):
    area.set_rows(NAMES, [0.5] * 60, marked=5)
    area.resize(220, 60)
    QApplication.processEvents()
    assert seen(area, 5)


def test_a_row_says_its_whole_name(area):
    area.set_rows(NAMES, [0.5] * 60, marked=0, texts=["0.500"] * 60)
    area.bars.setToolTip("What the bars are")
    QTest.qWait(1)
    at = QPoint(10, 2 * area.bars.row_height() + 4)
    QApplication.sendEvent(area.bars, QHelpEvent(QEvent.Type.ToolTip, at, area.bars.mapToGlobal(at)))
    assert QToolTip.text() == "layer2.conv: 0.500\nWhat the bars are"
    QToolTip.hideText()
