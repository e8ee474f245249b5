"""The table of numbers: how it fits its room, what is under the pointer, typing."""

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLineEdit

from cnnviz.core.number_table import NumberTable, TableColumn
from cnnviz.ui.figure import rendered
from cnnviz.ui.number_table_painter import NumberTablePainter, TableFigure
from cnnviz.ui.number_table_view import NumberTableView
from cnnviz.ui.theme import theme

COLUMNS = (
    TableColumn("typed", "To type into", "signed", editable=True),
    TableColumn("class", editable=True, whole=True),
    TableColumn("worked out", "From the others", "unsigned"),
)


def table_of(values, totals=0):
    values = np.array(values, float)
    names = tuple(f"row {row}" for row in range(len(values)))
    return NumberTable("Table", "", COLUMNS, names, values, np.isnan(values), totals=totals)


@pytest.fixture
def view(shown):
    made = shown(NumberTableView("Table"), 400, 120)
    made.set_table(table_of([[1, 2, 1 / 3], [-2, 1, 2 / 3], [0.5, 0, 1]]))
    return made


def at(view, row, column):
    return view.cell_rect(row, column).center()


def test_cells_have_the_colours_of_their_column(view, pixels):
    seen, tokens = pixels(view), theme().current
    assert tokens.is_dark
    for cell, kind, entry in (((1, 0), "signed", 0), ((2, 2), "unsigned", 252), ((0, 2), "unsigned", 84)):
        rect = view.cell_rect(*cell)
        assert seen[rect.top() + 3, rect.left() + 3] == int(theme().table(kind)[entry])
    rect = view.cell_rect(0, 1)
    assert f"#{seen[rect.top() + 3, rect.left() + 3] & 0xFFFFFF:06x}" == tokens.panel


def test_decimals_are_as_many_as_there_is_room_for():
    def texts(width):
        from PyQt6.QtCore import QRectF

        painter = NumberTablePainter(table_of([[1.25, 2, 1 / 3]]))
        return painter.layout(QRectF(0, 0, width, 60)).texts[0]

    assert texts(400) == ("1.25", "2", "0.3333")
    assert texts(120)[2] == "0.3"


def test_the_cell_under_the_pointer_is_told_and_names_are_none(view, qtbot):
    cells = []
    view.hovered.connect(cells.append)
    QTest.mouseMove(view, at(view, 1, 2))
    QTest.mouseMove(view, at(view, 1, -1))
    assert cells == [(1, 2), None]


def test_a_number_is_typed_tab_goes_on_and_escape_leaves_it(view, qtbot):
    edits = []
    view.edited.connect(lambda *edit: edits.append(edit))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 0, 0))
    (field,) = view.findChildren(QLineEdit)
    QTest.keyClicks(field, "-1,5")
    QTest.keyClick(field, Qt.Key.Key_Tab)
    assert edits == [(0, 0, -1.5)]
    assert view.open_cell == (0, 1)
    assert field.text() == "2"
    QTest.keyClicks(field, "7")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert edits == [(0, 0, -1.5)]
    assert view.open_cell is None


def test_what_is_no_number_is_refused_and_stays_open(view):
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 1, 0))
    (field,) = view.findChildren(QLineEdit)
    QTest.keyClicks(field, "half")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert view.open_cell == (1, 0)
    assert "Type a number" in field.toolTip()


def test_what_is_worked_out_opens_for_no_click(view):
    clicks = []
    view.clicked.connect(lambda *cell: clicks.append(cell))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 1, 2))
    assert clicks == [(1, 2)]
    assert view.open_cell is None


def test_keys_move_and_digits_type(view):
    view.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        QTest.keyClick(view, key)
    QTest.keyClicks(view, "4")
    assert view.open_cell == (1, 0)
    edits = []
    view.edited.connect(lambda *edit: edits.append(edit))
    QTest.keyClick(view.findChildren(QLineEdit)[0], Qt.Key.Key_Return)
    assert edits == [(1, 0, 4.0)]


def test_the_wheel_steps_whole_numbers_alone(view):
    steps = []
    view.stepped.connect(lambda *step: steps.append(step))
    for column, way in ((1, 120), (1, -120), (0, 120)):
        place = QPointF(at(view, 0, column))
        event = QWheelEvent(
            place, view.mapToGlobal(place), QPoint(), QPoint(0, way), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(view, event)
    assert steps == [(0, 1, 1), (0, 1, -1)]


def test_sums_are_not_typed_into(shown):
    view = shown(NumberTableView("Table"), 400, 120)
    view.set_table(table_of([[1, 2, 3], [1, 2, 3]], totals=1))
    view.open(1, 0)
    assert view.open_cell is None
    view.open(0, 0)
    assert view.open_cell == (0, 0)


def test_tables_are_saved_as_pictures_and_as_a_file():
    figure = TableFigure("Both", (table_of([[1, 2, 3]]), table_of([[4, 5, 6]])))
    assert rendered(figure, ".png").startswith(b"\x89PNG")
    assert b"worked out" in rendered(figure, ".svg")
    assert rendered(figure, ".csv").decode().count("1.0,2.0,3.0") == 1
