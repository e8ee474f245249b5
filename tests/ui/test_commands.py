"""Commands: their keys, and the list of them."""

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QDialog, QLabel, QLineEdit, QVBoxLayout, QWidget

from cnnviz.ui.commands import Command, CommandSet


@pytest.fixture
def done():
    return []


@pytest.fixture
def window(shown):
    window = QWidget()
    QVBoxLayout(window).addWidget(QLineEdit(window))
    return shown(window, 200, 100)


@pytest.fixture
def commands(window, done):
    commands = CommandSet(window)
    commands.add(Command("one", "One thing…", lambda: done.append("one"), ("Ctrl+1", "F9"), "undo", "First"))
    commands.add(Command("two", "Another", lambda: done.append("two"), ("B",), None, "Second"))
    commands.add(Command("three", "Without keys", lambda: done.append("three"), (), None, "Second"))
    return commands


def test_every_key_of_a_command_does_it(commands, window, done):
    window.setFocus()
    QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(window, Qt.Key.Key_F9)
    QTest.keyClick(window, Qt.Key.Key_B)
    commands["three"].trigger()
    assert done == ["one", "one", "two", "three"]


def test_a_letter_that_is_typed_into_a_field_is_no_command(commands, window, done):
    field = window.findChild(QLineEdit)
    field.setFocus()
    QTest.keyClicks(field, "B")
    assert field.text() == "B"
    assert done == []


def test_the_list_names_every_command_that_has_keys(commands, window):
    commands.show_keys()
    (dialog,) = window.findChildren(QDialog)
    words = [label.text() for label in dialog.findChildren(QLabel)]
    assert {"First", "One thing", "Second", "Another", "B", "Mouse", "Tab; Shift+Tab"} <= set(words)
    assert any("Ctrl+1" in text and "F9" in text for text in words)
    assert "Without keys" not in words
    dialog.close()


def test_no_line_of_the_list_is_cut_off(commands, window):
    commands.show_keys()
    (dialog,) = window.findChildren(QDialog)
    for label in dialog.findChildren(QLabel):
        assert label.width() >= label.sizeHint().width(), label.text()
        assert label.mapTo(dialog, QPoint(label.width(), 0)).x() <= dialog.width(), label.text()
    dialog.close()
