from dataclasses import dataclass

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QSpinBox

from cnnviz.ui.controls import ComboBox
from cnnviz.ui.sheet import Sheet, SheetColumn
from cnnviz.ui.theme import theme


@dataclass
class Thing:
    kind: str
    size: int


COLUMNS = (
    SheetColumn("kind", "What it is", lambda row: row.kind, "kind", ("round", "square")),
    SheetColumn(
        "size", "How large", lambda row: str(row.size), "size", high=9, editable=lambda row: row.kind == "round"
    ),
    SheetColumn("area", "Its area", lambda row: str(row.size**2)),
)


@pytest.fixture
def sheet(shown):
    sheet = shown(Sheet(COLUMNS, "Things"), 300, 200)
    sheet.set_rows([Thing("round", 3), Thing("square", 5)], ["", "It does not fit."])
    return sheet


def cell(sheet, row, column):
    return sheet.visualRect(sheet.model().index(row, column)).center()


def test_cells_hold_what_the_rows_are(sheet):
    texts = [[sheet.model().index(row, column).data() for column in range(3)] for row in range(2)]
    assert texts == [["round", "3", "9"], ["square", "5", "25"]]


def test_a_click_opens_a_number_and_typing_tells_it(sheet, qtbot):
    told = []
    sheet.edited.connect(lambda *what: told.append(what))
    QTest.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, pos=cell(sheet, 0, 1))
    (editor,) = sheet.findChildren(QSpinBox)
    QTest.keyClicks(editor, "7")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: told == [(0, "size", 7)])


def test_what_is_the_same_is_not_told(sheet):
    told = []
    sheet.edited.connect(lambda *what: told.append(what))
    sheet.model().setData(sheet.model().index(0, 1), 3)
    sheet.model().setData(sheet.model().index(0, 2), 3)
    assert told == []


def test_a_list_is_chosen_from(sheet):
    told = []
    sheet.edited.connect(lambda *what: told.append(what))
    QTest.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, pos=cell(sheet, 1, 0))
    (combo,) = sheet.findChildren(ComboBox)
    combo.setCurrentIndex(combo.findData("round"))
    combo.activated.emit(combo.currentIndex())
    assert told == [(1, "kind", "round")]


def test_what_may_not_be_changed_stays(sheet):
    model = sheet.model()
    assert not model.flags(model.index(1, 1)) & Qt.ItemFlag.ItemIsEditable
    assert not model.step(model.index(1, 1), 1)
    assert not model.step(model.index(0, 0), 1)


def test_steps_stop_at_the_ends(sheet):
    told = []
    sheet.edited.connect(lambda *what: told.append(what))
    assert sheet.model().step(sheet.model().index(0, 1), 1)
    assert told == [(0, "size", 4)]
    sheet.set_rows([Thing("round", 9)])
    assert not sheet.model().step(sheet.model().index(0, 1), 1)


def test_an_impossible_row_is_red_and_says_why(sheet):
    model = sheet.model()
    assert model.index(1, 2).data(Qt.ItemDataRole.ForegroundRole) == theme().colour("error")
    assert model.index(1, 2).data(Qt.ItemDataRole.ToolTipRole) == "It does not fit."
    assert model.index(0, 2).data(Qt.ItemDataRole.ForegroundRole) == theme().colour("muted")


def test_every_column_is_seen_where_there_is_room(sheet):
    assert sum(sheet.columnWidth(column) for column in range(3)) <= sheet.viewport().width()
    assert not sheet.horizontalScrollBar().isVisible()
