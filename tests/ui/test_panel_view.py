import pytest
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import DARK

RED = 0xFFFF0000


class Red(PanelView):
    """Shows a red picture."""

    def __init__(self, document) -> None:
        super().__init__(document)
        self.picture = _Picture(self)

    def resizeEvent(self, event) -> None:
        self.picture.setGeometry(self.rect())
        super().resizeEvent(event)


class _Picture(QWidget):
    def paintEvent(self, event) -> None:
        QPainter(self).fillRect(self.rect(), QColor("red"))


@pytest.fixture
def panel(shown):
    return shown(Red(None), 300, 200)


def test_a_result_is_seen(panel, pixels):
    panel.show_result(object())
    assert (pixels(panel) == RED).all()
    assert panel.message == ""


def test_an_error_is_said_over_the_dimmed_picture(panel, pixels, argb):
    panel.show_result(object())
    panel.show_error("The picture has one channel; choose a colour picture.")
    picture = pixels(panel)
    assert RED not in picture
    red, green = int(picture[2, 2]) >> 16 & 255, int(picture[2, 2]) >> 8 & 255
    assert red > green + 20  # still there
    assert argb(DARK.warning) in picture[60:120, 120:180]
    assert panel.message == "The picture has one channel; choose a colour picture."
    panel.show_result(object())
    assert (pixels(panel) == RED).all()


def test_where_nothing_was_shown_yet_nothing_shines_through(panel, pixels, argb):
    panel.show_error("No network.")
    assert pixels(panel)[2, 2] == argb(DARK.panel)


def test_words_wrap_and_stay_inside(shown, pixels, argb):
    panel = shown(Red(None), 160, 200)
    panel.show_error("A sentence long enough to need several lines in so narrow a panel.")
    picture = pixels(panel)
    assert (picture[:, :4] == argb(DARK.panel)).all()
    assert (picture[:, -4:] == argb(DARK.panel)).all()
    bright = (picture & 0xFF) > 150
    assert bright[100:].any(axis=1).sum() > 20


def test_computing_leaves_the_last_picture(panel, pixels):
    panel.show_result(object())
    panel.show_busy()
    assert (pixels(panel) == RED).all()
    assert panel.state == "computing"


def test_computing_the_first_time_is_said(panel, pixels):
    panel.show_busy("loading mnist-lenet")
    assert panel.message == "loading mnist-lenet"
    assert RED not in pixels(panel)


def test_empty_is_said_in_words(panel, pixels):
    panel.show_result(object())
    panel.show_empty("Select a convolution to see its filters.")
    assert panel.message.startswith("Select a convolution")
    assert RED not in pixels(panel)


def test_each_state_is_told_once(panel):
    told = []
    panel.state_changed.connect(told.append)
    panel.show_busy()
    panel.show_busy()
    panel.show_result(object())
    panel.show_result(object())
    panel.show_stale()
    panel.show_error("no")
    panel.show_empty("nothing")
    assert told == ["computing", "fresh", "stale", "error", "empty"]


def test_the_subtitle_is_told_when_it_changes(panel):
    told = []
    panel.subtitle_changed.connect(told.append)
    panel.set_subtitle("conv2")
    panel.set_subtitle("conv2")
    assert told == [panel.subtitle] == ["conv2"]
