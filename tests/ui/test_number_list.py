"""Named numbers, one below the other."""

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint
from PyQt6.QtGui import QHelpEvent
from PyQt6.QtWidgets import QApplication, QToolTip

from cnnviz.ui.number_list import NumberList


@pytest.fixture
def numbers(shown):
    return shown(NumberList({"mean": "the mean", "std": "the deviation", "zero": "the zeros"}), 160, 90)


def rows_with_words(pixels, widget):
    """Which rows of 19 pixels have anything in them, at the left and at the right."""
    image = pixels(widget)
    return [
        tuple(len(np.unique(image[row * 19 : row * 19 + 19, part])) > 1 for part in (slice(0, 60), slice(100, 160)))
        for row in range(4)
    ]


def test_each_number_has_a_row_and_what_is_none_has_none(numbers, pixels):
    numbers.set_numbers({"mean": "0.25", "std": None, "zero": "3 %"})
    assert rows_with_words(pixels, numbers) == [(True, True), (True, True), (False, False), (False, False)]
    two = numbers.sizeHint().height()
    numbers.set_numbers({"mean": "0.25", "std": "1", "zero": "3 %"})
    assert rows_with_words(pixels, numbers)[2] == (True, True)
    assert numbers.sizeHint().height() > two


def test_a_new_number_is_painted(numbers, pixels):
    numbers.set_numbers({"mean": "0.25"})
    before = pixels(numbers)
    numbers.set_numbers({"mean": "0.75"})
    changed = np.nonzero(pixels(numbers) != before)
    assert changed[0].size > 0
    assert changed[0].max() < 19
    assert changed[1].min() > 80


def test_names_that_it_does_not_know_are_passed_over(numbers, pixels):
    numbers.set_numbers({"median": "7"})
    assert rows_with_words(pixels, numbers)[0] == (False, False)


def test_each_row_is_explained(numbers, monkeypatch):
    said = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, *_: said.append(text))
    numbers.set_numbers({"mean": "1", "zero": "2"})
    for y in (5, 25, 80):
        QApplication.sendEvent(numbers, QHelpEvent(QEvent.Type.ToolTip, QPoint(5, y), QPoint(5, y)))
    assert said == ["the mean", "the zeros", ""]
