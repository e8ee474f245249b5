import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QToolButton, QWidget

from cnnviz.engine.failures import Failure
from cnnviz.ui.notices import Notice, NoticeStack
from cnnviz.ui.theme import DARK


@pytest.fixture
def window(shown):
    return shown(QWidget(), 800, 600)


@pytest.fixture
def stack(window):
    return NoticeStack(window)


def visible(window: QWidget) -> list[Notice]:
    """From top to bottom."""
    shown = [notice for notice in window.findChildren(Notice) if notice.isVisible()]
    return sorted(shown, key=lambda notice: notice.y())


def test_a_notice_stands_at_the_bottom_right(stack, window, pixels, argb):
    notice = stack.show_message("The file is no image.", "error")
    assert window.rect().contains(notice.geometry())
    assert notice.geometry().right() > 760
    assert notice.geometry().bottom() > 560
    assert argb(DARK.error) in pixels(notice)
    window.resize(500, 400)
    assert window.rect().contains(notice.geometry())


def test_all_words_are_seen_however_many(stack, window):
    short = stack.show_message("Short.")
    long = stack.show_message("A long sentence that says what happened and what to do about it. " * 4, "warning")
    assert long.height() > 2 * short.height()
    words = next(label for label in long.findChildren(QLabel) if label.text().startswith("A long"))
    assert words.heightForWidth(words.width()) <= words.height()
    assert not long.geometry().intersects(short.geometry())


def test_the_same_again_is_counted(stack, window):
    for _ in range(3):
        notice = stack.show_message("Out of memory.", "warning")
    assert stack.texts() == ["Out of memory."]
    assert "×3" in [label.text() for label in notice.findChildren(QLabel)]


def test_at_most_three_are_shown_and_the_rest_counted(stack, window):
    for number in range(5):
        stack.show_message(f"Notice {number}", "warning")
    assert [notice.text for notice in visible(window)] == ["Notice 2", "Notice 3", "Notice 4"]
    more = next(label for label in window.findChildren(QLabel) if label.text() == "2 more")
    assert more.isVisible()
    stack.clear()
    assert not more.isVisible()
    assert visible(window) == []


def test_information_goes_by_itself_and_errors_stay(stack, window, qtbot, monkeypatch):
    monkeypatch.setattr(NoticeStack, "INFO_MS", 30)
    stack.show_message("Something broke.", "error")
    stack.show_message("Saved.", "info")
    qtbot.waitUntil(lambda: stack.texts() == ["Something broke."])
    assert [notice.text for notice in visible(window)] == ["Something broke."]


def test_a_notice_can_be_closed(stack, window, qtbot):
    notice = stack.show_message("Something broke.", "error")
    qtbot.mouseClick(notice.findChild(QToolButton), Qt.MouseButton.LeftButton)
    assert stack.texts() == []


def test_it_never_takes_the_focus(stack, window, qtbot):
    field = QLineEdit(window)
    field.show()
    field.setFocus()
    notice = stack.show_message("Something broke.", "error", "Traceback")
    qtbot.mouseClick(notice, Qt.MouseButton.LeftButton)
    assert QApplication.focusWidget() is field


def test_details_can_be_read_and_copied(stack, window, qtbot):
    failure = Failure("error", "The network failed.", "Traceback (most recent call last): …")
    notice = stack.show_failure(failure)
    qtbot.mouseClick(notice.findChild(QPushButton), Qt.MouseButton.LeftButton)
    dialog = window.findChild(QDialog)
    text = dialog.findChild(QPlainTextEdit)
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert text.isReadOnly()
    assert text.toPlainText() == failure.details
    copy = next(button for button in dialog.findChildren(QPushButton) if button.text() == "Copy")
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == f"{failure.message}\n\n{failure.details}"
    dialog.close()


def test_without_details_there_is_no_button(stack, window):
    notice = stack.show_message("Saved.", "success")
    assert not any(button.isVisible() for button in notice.findChildren(QPushButton))
