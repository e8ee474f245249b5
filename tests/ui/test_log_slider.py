from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLineEdit

from cnnviz.ui.log_slider import LogSlider
from cnnviz.ui.slider import SliderTrack


def made(qtbot):
    slider = LogSlider("learning rate", 1e-6, 10, 1e-3)
    qtbot.addWidget(slider)
    edits = []
    slider.number_edited.connect(edits.append)
    return slider, edits


def test_equal_ways_are_equal_factors(qtbot):
    slider, edits = made(qtbot)
    track = slider.findChild(SliderTrack)
    start = track.value()
    for way in (20, 40, -20):
        track.setValue(start + way)
    assert edits == [0.01, 0.1, 0.0001]


def test_a_number_can_be_typed(qtbot):
    slider, edits = made(qtbot)
    field = slider.findChild(QLineEdit)
    for text in ("0.03", "no number", "-1"):
        field.setText(text)
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert edits == [0.03]


def test_what_the_document_says_is_shown_and_not_edited(qtbot):
    slider, edits = made(qtbot)
    slider.set_number(0.00025)
    assert slider.findChild(QLineEdit).text() == "0.00025"
    assert slider.number() == 0.00025
    assert edits == []


def test_more_than_the_track_has_can_be_typed_where_it_is_allowed(qtbot):
    edits = []
    for typed in (None, (1e-9, 1e9)):
        slider = LogSlider("learning rate", 1e-6, 10, 1e-3, typed=typed)
        qtbot.addWidget(slider)
        slider.number_edited.connect(edits.append)
        field = slider.findChild(QLineEdit)
        for text in ("1000", "1e30"):
            field.setText(text)
            QTest.keyClick(field, Qt.Key.Key_Return)
    assert edits == [10, 10, 1000, 1e9]
    assert (slider.number(), field.text()) == (1e9, "1e+09")
    track = slider.findChild(SliderTrack)
    assert track.value() == track.maximum()
    track.setValue(track.maximum() - 20)
    assert (slider.number(), field.text()) == (1, "1")
