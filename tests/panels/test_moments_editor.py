"""Mean and standard deviation of one's own: typed, taken or refused in words."""

import pytest
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QLineEdit

from cnnviz.panels.input_moments_view import MomentsEditor
from cnnviz.scene.document import Document


@pytest.fixture
def editor(qtbot):
    editor = MomentsEditor(Document())
    qtbot.addWidget(editor)
    editor.show()
    return editor


def typed(editor, mean, std):
    for line, text in zip(editor.findChildren(QLineEdit), (mean, std), strict=True):
        line.setText("")
        QTest.keyClicks(line, text)
    line.editingFinished.emit()
    for line in editor.findChildren(QLineEdit):
        line.clearFocus()


def problem(editor):
    return [
        label.text() for label in editor.findChildren(QLabel) if label.isVisible() and "Give as many" in label.text()
    ]


@pytest.mark.parametrize("mean", ["0.485 0.456 0.406", "0.485, 0.456, 0.406", "0.485;0.456;0.406"])
def test_numbers_are_taken_whatever_parts_them_as_one_step(editor, mean):
    document = editor._document
    typed(editor, mean, "0.2 0.3 0.4")
    fit = document.scene.input.fit
    assert (fit.mean, fit.std) == ((0.485, 0.456, 0.406), (0.2, 0.3, 0.4))
    assert problem(editor) == []
    document.undo()
    assert not document.can_undo


@pytest.mark.parametrize(("mean", "std"), [("0.5 0.5", "1"), ("0.5", "0"), ("half", "1"), ("0.5", "nan"), ("", "1")])
def test_what_cannot_be_is_said_and_changes_nothing(editor, mean, std):
    before = editor._document.scene
    typed(editor, mean, std)
    assert editor._document.scene is before
    assert len(problem(editor)) == 1
    typed(editor, "0.5", "0.25")
    assert problem(editor) == []


def test_it_follows_the_document(editor):
    typed(editor, "0.5", "0.25")
    typed(editor, "0.75", "0.125")
    editor._document.undo()
    editor.refresh()
    assert [line.text() for line in editor.findChildren(QLineEdit)] == ["0.5", "0.25"]
