"""Cells of numbers that can be typed into."""

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLineEdit, QToolTip

from cnnviz.ui.number_editor import FramedGrid, NumberEditor, digits_of
from cnnviz.ui.theme import theme

VALUES = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
INDICES = np.array([[10, 60, 110], [160, 210, 250]], np.uint8)


@pytest.fixture
def editor(qtbot):
    view = NumberEditor()
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.show_values(INDICES, VALUES, "unsigned")
    view.show()
    view.typed = []
    view.edited.connect(lambda *each: view.typed.append(each))
    return view


def field(editor):
    (found,) = editor.findChildren(QLineEdit)
    return found


def click(editor, row, column):
    QTest.mouseClick(editor, Qt.MouseButton.LeftButton, pos=editor.cell_rect(row, column).center())


def test_a_click_opens_a_cell_and_enter_takes_the_number(editor):
    click(editor, 1, 2)
    assert editor.open_cell == (1, 2)
    assert field(editor).text() == "6"
    QTest.keyClicks(field(editor), "-2.5")
    QTest.keyClick(field(editor), Qt.Key.Key_Return)
    assert editor.typed == [(1, 2, -2.5)]
    assert not field(editor).isVisible()


def test_tab_goes_through_all_cells(editor):
    click(editor, 0, 2)
    for text in ("7", "8", "9"):
        QTest.keyClicks(field(editor), text)
        QTest.keyClick(field(editor), Qt.Key.Key_Tab)
    assert editor.typed == [(0, 2, 7), (1, 0, 8), (1, 1, 9)]
    QTest.keyClick(field(editor), Qt.Key.Key_Backtab)
    assert editor.open_cell == (1, 1)


def test_what_is_no_number_stays_open_and_escape_leaves_the_cell(editor):
    click(editor, 0, 0)
    QTest.keyClicks(field(editor), "cat")
    QTest.keyClick(field(editor), Qt.Key.Key_Return)
    assert editor.open_cell == (0, 0)
    assert "Type a number" in field(editor).toolTip()
    QTest.keyClick(field(editor), Qt.Key.Key_Escape)
    assert editor.open_cell is None
    assert editor.typed == []


@pytest.mark.parametrize("text", ["cat", " ", "1e400", "nan", "1,2,3"])
def test_what_is_no_number_is_told_at_once_and_no_longer_once_it_is_mended(editor, text):
    click(editor, 0, 0)
    QTest.keyClicks(field(editor), text)
    QTest.keyClick(field(editor), Qt.Key.Key_Return)
    assert "Type a number" in QToolTip.text()
    assert field(editor).property("wrong") is True
    QTest.keyClicks(field(editor), "3.5")
    assert field(editor).property("wrong") is False
    QTest.keyClick(field(editor), Qt.Key.Key_Return)
    assert editor.typed == [(0, 0, 3.5)]
    QToolTip.hideText()


def test_an_unchanged_number_is_no_edit(editor):
    click(editor, 0, 1)
    QTest.keyClick(field(editor), Qt.Key.Key_Return)
    assert editor.typed == []


def test_a_digit_on_the_keyboard_opens_the_marked_cell_with_it(editor):
    editor.setFocus()
    QTest.keyClick(editor, Qt.Key.Key_Right)
    QTest.keyClick(editor, Qt.Key.Key_Down)
    QTest.keyClicks(editor, "3")
    QTest.keyClicks(field(editor), "1")
    QTest.keyClick(field(editor), Qt.Key.Key_Return)
    assert editor.typed == [(1, 1, 31)]


def test_dragging_tells_the_cells_and_opens_none(editor, drag):
    passed = []
    editor.dragged.connect(lambda *cell: passed.append(cell))
    centres = [editor.cell_rect(*cell).center() for cell in ((0, 0), (0, 1), (1, 1))]
    drag(editor, [(point.x(), point.y()) for point in centres])
    assert passed == [(0, 1), (1, 1)]
    assert editor.open_cell is None


def test_the_frame_and_the_marks_are_drawn_where_they_belong(qtbot, pixels):
    view = FramedGrid()
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.show_values(INDICES, VALUES, "unsigned")
    mark = theme().colour("mark").rgb()
    assert not (pixels(view) == mark).any()
    view.set_frame((0, 1, 2, 2))
    rows, columns = np.nonzero(pixels(view) == mark)
    whole = view.cell_rect(0, 1).united(view.cell_rect(1, 2))
    assert abs(columns.min() - whole.left()) <= 3
    assert abs(columns.max() - whole.right()) <= 3
    assert abs(rows.max() - whole.bottom()) <= 3
    view.set_frame(None)
    view.set_changed(np.array([[False, False, False], [True, False, False]]))
    rows, columns = np.nonzero(pixels(view) == mark)
    cell = view.cell_rect(1, 0)
    assert cell.contains(int(columns.mean()), int(rows.mean()))
    view.clear_values()
    assert not (pixels(view) == mark).any()


@pytest.mark.parametrize(
    ("values", "digits"), [([1, 6], 0), ([0.1, 0.3], 1), ([1 / 3], 3), ([0], 0), ([1e7], None), ([np.nan, 2], 0)]
)
def test_as_many_decimals_as_the_numbers_have(values, digits):
    assert digits_of(np.array(values, float)) == digits
