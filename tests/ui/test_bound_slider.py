"""A slider that edits a field of the document."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.data.edits import Edits
from cnnviz.scene.document import Document
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.slider import SliderTrack


@pytest.fixture
def document():
    return Document()


@pytest.fixture
def rotation(document, shown):
    return shown(BoundSlider(document, "input.edits.rotation", "rotate", step=1, digits=0), 300, 24)


def test_bounds_default_and_words_are_the_fields(document, rotation):
    assert rotation.value() == 0
    rotation.set_value(1e9)
    assert rotation.value() == 180
    rotation.set_value(-1e9)
    assert rotation.value() == -180
    assert Edits.model_fields["rotation"].description in rotation.toolTip()


def test_a_drag_edits_the_document_and_is_one_entry(document, rotation, drag):
    track = rotation.findChild(SliderTrack)
    at = track.handle_centre()
    drag(track, [(at.x() + step, at.y()) for step in range(0, 40, 4)])
    assert document.scene.input.edits.rotation == rotation.value() > 10
    document.undo()
    assert document.scene.input.edits.rotation == 0
    assert not document.can_undo


def test_a_key_edits_the_document(document, rotation):
    QTest.keyClick(rotation.findChild(SliderTrack), Qt.Key.Key_Right)
    assert document.scene.input.edits.rotation == 1


def test_it_shows_what_the_document_says_when_it_is_told_to(document, rotation):
    document.edit("input.edits.rotation", -30)
    rotation.refresh()
    assert rotation.value() == -30
    assert document.version == 1, "showing edits nothing"


def test_a_value_beyond_its_own_bounds_is_shown_at_their_end_and_kept(document, shown):
    slider = shown(BoundSlider(document, "input.edits.shift_rows", "shift", low=-16, high=16), 300, 24)
    document.edit("input.edits.shift_rows", 20)
    slider.refresh()
    assert slider.value() == 16
    assert document.scene.input.edits.shift_rows == 20


def test_a_panels_parameter_can_be_bound(document, shown):
    slider = shown(BoundSlider(document, "panels.input.diameter", "brush", low=0.5, high=16, step=0.1), 300, 24)
    assert slider.value() == document.scene.panel("input").diameter
    QTest.keyClick(slider.findChild(SliderTrack), Qt.Key.Key_Home)
    assert document.scene.panel("input").diameter == 0.5
