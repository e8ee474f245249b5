"""A field whose value counts as one types."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLineEdit, QWidget

from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.value_edit import Number, Pair, ValueEdit, Whole, Word


@pytest.mark.parametrize(
    ("reading", "text", "value"),
    [
        (Whole(), "12", 12),
        (Whole(), "1,024", 1024),
        (Whole(high=9), "12", None),
        (Whole(), "0", None),
        (Whole(), "-3", None),
        (Whole(), "", None),
        (Whole(words={"classes": None}), "cl", ValueEdit.NOTHING),
        (Whole(words={"classes": None}), "", None),
        (Pair(), "3", (3, 3)),
        (Pair(), "3x5", (3, 5)),
        (Pair(), "3 × 5", (3, 5)),
        (Pair(), "3,5", (3, 5)),
        (Pair(), "3×", None),
        (Pair(), "1×2×3", None),
        (Pair(low=0, words={"same": "same"}), "same", "same"),
        (Pair(low=0), "0", (0, 0)),
        (Number(0, 1), "0,5", 0.5),
        (Number(0, 1), "2", None),
        (Word(str.isidentifier), "conv1", "conv1"),
        (Word(str.isidentifier), "1", None),
    ],
)
def test_a_text_is_a_value_or_none(reading, text, value):
    assert reading.read(text) == value
    if value not in (None, ValueEdit.NOTHING):
        assert reading.read(reading.write(value)) == value


@pytest.fixture
def field(qtbot):
    edit = ValueEdit(Pair(words={"same": "same"}), "kernel", "tip")
    edit.told, edit.gestures = [], []
    edit.edited.connect(edit.told.append)
    edit.pressed.connect(lambda: edit.gestures.append("begin"))
    edit.released.connect(lambda: edit.gestures.append("end"))
    qtbot.addWidget(edit)
    edit.set_value((3, 3))
    edit.show()
    edit.setFocus()
    qtbot.waitUntil(edit.hasFocus)
    return edit


def test_what_is_typed_counts_at_once_and_what_cannot_be_read_does_not(field):
    field.selectAll()
    QTest.keyClicks(field, "5×7")
    assert field.told == [(5, 5), (5, 7)]
    assert field.property("wrong") is False
    QTest.keyClicks(field, "z")
    assert field.told[-1] == (5, 7)
    assert field.property("wrong") is True
    field.clearFocus()
    assert field.text() == "5×7"
    assert field.gestures == ["begin", "end"]


def test_a_text_that_means_the_same_is_left_to_the_one_who_types(field):
    field.selectAll()
    QTest.keyClicks(field, "4x4")
    field.set_value((4, 4))
    assert field.text() == "4x4"
    field.set_value((6, 6))
    assert field.text() == "6"


def test_the_arrow_keys_step_numbers_and_leave_words(field):
    QTest.keyClick(field, Qt.Key.Key_Up)
    QTest.keyClick(field, Qt.Key.Key_Up)
    QTest.keyClick(field, Qt.Key.Key_Down)
    assert field.told == [(4, 4), (5, 5), (4, 4)]
    field.set_value("same")
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert field.value() == "same"


def test_a_name_counts_when_it_is_whole(qtbot):
    edit = ValueEdit(Word(str.isidentifier), "name", "", at_end=True)
    qtbot.addWidget(edit)
    told = []
    edit.edited.connect(told.append)
    edit.set_value("conv1")
    QTest.keyClicks(edit, "23")
    assert told == []
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert told == ["conv123"]


def test_a_field_that_goes_ends_what_it_began(field):
    field.hide()
    assert field.gestures == ["begin", "end"]


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Whole(1, 512), "a whole number from 1 to 512"),
        (Whole(words={"classes": None}), "a whole number from 1 to 65,536, or “classes”"),
        (Pair(0, 512, {"same": "same"}), "from 0 to 512, such as 3 or 3×5, or “same”"),
        (Number(0, 0.99), "a number from 0 to 0.99"),
    ],
)
def test_what_can_be_typed_can_be_read(reading, words):
    assert reading.possible.endswith(words)


def test_what_cannot_be_is_told_beside_it_while_it_stands_there(qtbot):
    window = QWidget()
    edit = ValueEdit(Pair(), "kernel", "tip", parent=window)
    other = QLineEdit(window)
    other.move(0, 60)
    window.resize(500, 300)
    qtbot.addWidget(window)
    edit.set_value((3, 3))
    window.show()
    edit.setFocus()
    qtbot.waitUntil(edit.hasFocus)
    edit.selectAll()
    QTest.keyClicks(edit, "0")
    (card,) = window.findChildren(HoverCard)
    assert card.isVisible()
    assert card.text() == "“0” cannot be\nType one or two whole numbers from 1 to 512, such as 3 or 3×5."
    QTest.keyClick(edit, Qt.Key.Key_Backspace)
    assert card.text().startswith("Nothing is typed yet")
    QTest.keyClicks(edit, "5")
    assert card.isHidden()
    QTest.keyClicks(edit, "abc")
    assert card.isVisible()
    other.setFocus()
    assert card.isHidden()
