"""A list that can be searched by typing."""

import pytest
from PyQt6.QtCore import Qt

from cnnviz.ui.searchable_choice import SearchableComboBox

CLASSES = ["tench", "goldfish", "great white shark", "tiger shark", "hammerhead", "Persian cat", "tiger cat", "tiger"]


@pytest.fixture
def classes(shown):
    return shown(SearchableComboBox([(str(index), name) for index, name in enumerate(CLASSES)]), 160, 26)


@pytest.fixture
def heard(classes):
    keys = []
    classes.chosen.connect(keys.append)
    return keys


def type_in(qtbot, choice, text):
    field = choice.lineEdit()
    choice.clearFocus()
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(field.hasSelectedText)  # what is typed takes its place
    qtbot.keyClicks(field, text)


def test_a_part_of_the_text_finds_every_option_that_has_it(classes, qtbot):
    type_in(qtbot, classes, "CAT")
    assert classes.matches() == ["Persian cat", "tiger cat"]
    type_in(qtbot, classes, "shark")
    assert classes.matches() == ["great white shark", "tiger shark"]
    assert classes.completer_object.popup().isVisible()


def test_return_takes_the_first_that_is_found(classes, heard, qtbot):
    type_in(qtbot, classes, "hamm")
    classes.completer_object.popup().hide()
    qtbot.keyClick(classes.lineEdit(), Qt.Key.Key_Return)
    assert heard == ["4"]
    assert (classes.value(), classes.currentText()) == ("4", "hammerhead")


def test_an_option_typed_whole_is_that_one_and_no_other_that_has_it(classes, heard, qtbot):
    type_in(qtbot, classes, "TIGER")
    classes.completer_object.popup().hide()
    qtbot.keyClick(classes.lineEdit(), Qt.Key.Key_Return)
    assert heard == ["7"]
    assert classes.currentText() == "tiger"


def test_one_of_those_listed_can_be_taken(classes, heard, qtbot):
    type_in(qtbot, classes, "shark")
    popup = classes.completer_object.popup()
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert heard == ["3"]
    assert (classes.value(), classes.currentText()) == ("3", "tiger shark")


def test_a_text_that_none_has_is_put_back(classes, heard, qtbot):
    classes.set_value("1")
    type_in(qtbot, classes, "zebra")
    assert classes.matches() == []
    qtbot.keyClick(classes.lineEdit(), Qt.Key.Key_Return)
    assert heard == []
    assert (classes.value(), classes.currentText()) == ("1", "goldfish")


def test_an_emptied_field_is_put_back(classes, heard, qtbot):
    type_in(qtbot, classes, " ")
    classes.lineEdit().clear()
    qtbot.keyClick(classes.lineEdit(), Qt.Key.Key_Return)
    assert heard == []
    assert classes.currentText() == "tench"


def test_what_is_set_is_shown_and_not_heard(classes, heard):
    classes.set_value("5")
    assert classes.lineEdit().text() == "Persian cat"
    classes.set_options([("5", "Siamese cat")])
    assert classes.lineEdit().text() == "Siamese cat"
    assert heard == []


def test_the_same_value_anew_leaves_what_is_typed(classes, qtbot):
    type_in(qtbot, classes, "shar")
    classes.set_value("0")
    assert classes.currentText() == "shar"
    classes.set_value("1")
    assert classes.currentText() == "goldfish"
