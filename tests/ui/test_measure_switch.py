"""The button that stops a measurement."""

import pytest

import cnnviz.panels  # noqa: F401 - what panels can be set to is registered with them
from cnnviz.scene.document import Document
from cnnviz.ui import measure_switch
from cnnviz.ui.measure_switch import MeasureSwitch, measuring_words

PATH = "panels.padding.curves"


@pytest.fixture
def switch(qtbot, monkeypatch):
    monkeypatch.setattr(measure_switch, "PATIENCE_MS", 20)
    document = Document()
    button = MeasureSwitch(document, PATH)
    qtbot.addWidget(button)
    return document, button


def test_it_comes_where_measuring_takes_long_and_goes_with_the_end(switch, qtbot):
    _, button = switch
    button.show_share(0.25, on=True)
    assert button.isHidden()
    qtbot.waitUntil(lambda: not button.isHidden())
    button.show_share(0.5, on=True)
    assert not button.isHidden()
    button.show_share(1.0, on=True)
    assert button.isHidden()


def test_a_click_stops_and_the_next_goes_on(switch, qtbot):
    document, button = switch
    button.show_share(0.25, on=True)
    button.click()
    assert document.scene.panel("padding").curves is False
    assert button.text() == "Go on"  # before the next result
    button.show_share(0.25, on=False)
    assert not button.isHidden()
    assert button.toolTip() == "Go on measuring the curves"
    button.click()
    assert document.scene.panel("padding").curves is True
    button.show_share(0.25, on=True)
    assert (button.isHidden(), button.toolTip()) == (True, "Stop measuring the curves")


@pytest.mark.parametrize(
    ("done", "on", "words"),
    [
        (0.0, True, "Being measured."),
        (0.25, True, "Coarse: 25 % measured, refining."),
        (0.25, False, "Stopped: coarse, 25 % measured."),
        (0.0, False, "Stopped: not measured."),
    ],
)
def test_how_far_it_has_come_is_said(done, on, words):
    assert measuring_words(done, on=on) == words
