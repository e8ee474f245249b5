import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QLabel, QLineEdit

from cnnviz.ui.slider import LabelledSlider, SliderTrack
from cnnviz.ui.theme import DARK


@pytest.fixture
def slider(shown):
    return shown(LabelledSlider("shift x", -14, 14, 0, step=0.5, digits=1, unit="px", sign=True), 300, 24)


@pytest.fixture
def heard(slider):
    """What the slider says, in order."""
    said = []
    slider.pressed.connect(lambda: said.append("pressed"))
    slider.edited.connect(said.append)
    slider.released.connect(lambda: said.append("released"))
    return said


def track(slider: LabelledSlider) -> SliderTrack:
    return slider.findChild(SliderTrack)


def field(slider: LabelledSlider) -> QLineEdit:
    return slider.findChild(QLineEdit)


def turn_wheel(widget, steps: int) -> bool:
    at = QPointF(widget.rect().center())
    event = QWheelEvent(
        at,
        widget.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_value_is_written_with_sign_and_unit(slider):
    slider.set_value(1.5)
    assert field(slider).text() == "+1.5 px"
    slider.set_value(-8)
    assert field(slider).text() == "−8.0 px"


def test_a_drag_is_one_gesture(slider, heard, qtbot):
    line = track(slider)
    start = line.handle_centre().toPoint()
    qtbot.mousePress(line, Qt.MouseButton.LeftButton, pos=start)
    for step in (20, 40):
        qtbot.mouseMove(line, start + QPoint(step, 0))
    qtbot.mouseRelease(line, Qt.MouseButton.LeftButton, pos=start + QPoint(40, 0))
    assert heard[0] == "pressed"
    assert heard[-1] == "released"
    assert heard[1:-1] == sorted(heard[1:-1])
    assert len(heard[1:-1]) >= 2
    assert slider.value() == heard[-2] > 3


def test_taking_hold_of_the_handle_does_not_move_it(slider, heard, qtbot):
    line = track(slider)
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=line.handle_centre().toPoint() + QPoint(4, 0))
    assert heard == ["pressed", "released"]
    assert slider.value() == 0


def test_a_press_elsewhere_goes_there(slider, qtbot):
    line = track(slider)
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(line.width() - 7, line.height() // 2))
    assert slider.value() == pytest.approx(14, abs=0.5)


@pytest.mark.parametrize("part", [SliderTrack, QLabel])
def test_a_double_click_resets(slider, heard, qtbot, part):
    slider.set_value(7)
    qtbot.mouseDClick(slider.findChild(part), Qt.MouseButton.LeftButton)
    assert slider.value() == 0
    assert heard == ["pressed", 0.0, "released"]


def test_showing_a_value_is_no_edit(slider, heard):
    slider.set_value(3)
    assert heard == []
    slider.set_value(99)
    assert slider.value() == 14


def test_a_key_is_a_gesture(slider, heard, qtbot):
    qtbot.keyClick(track(slider), Qt.Key.Key_Right)
    assert heard == ["pressed", 0.5, "released"]


def test_the_wheel_works_where_the_focus_is_and_its_run_is_one_gesture(slider, heard, qtbot):
    line = track(slider)
    line.clearFocus()
    assert not turn_wheel(line, 1)
    assert heard == []
    line.setFocus()
    with qtbot.waitSignal(slider.released):
        assert turn_wheel(line, 1)
        assert turn_wheel(line, 1)
    assert heard == ["pressed", 0.5, 1.0, "released"]


@pytest.mark.parametrize(("typed", "value"), [("3", 3), ("−2,5 px", -2.5), ("99", 14), ("nonsense", 0)])
def test_a_value_can_be_typed(slider, qtbot, typed, value):
    entry = field(slider)
    entry.setFocus()
    entry.setText(typed)
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert slider.value() == value
    assert entry.text() == slider.text()


def test_typing_is_one_gesture(slider, heard, qtbot):
    entry = field(slider)
    entry.setFocus()
    entry.selectAll()
    qtbot.keyClicks(entry, "3")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    entry.clearFocus()
    assert heard == ["pressed", 3.0, "released"]


def test_the_track_is_filled_from_zero_to_the_value(slider, pixels, argb):
    line = track(slider)
    line.clearFocus()

    def filled() -> np.ndarray:
        return np.flatnonzero(pixels(line)[line.height() // 2] == argb(DARK.accent))

    slider.set_value(10)
    right = filled()
    slider.set_value(-10)
    left = filled()
    assert right.min() >= line.width() // 2 - 1
    assert left.max() <= line.width() // 2 + 1
    assert right.size > 30
    assert left.size > 30


def test_other_sliders_are_filled_from_their_lower_end(shown, pixels, argb):
    slider = shown(LabelledSlider("zoom", 0.25, 4, 1, unit="×"), 300, 24)
    line = track(slider)
    line.clearFocus()
    columns = np.flatnonzero(pixels(line)[line.height() // 2] == argb(DARK.accent))
    assert columns.min() <= 2
    assert columns.max() < line.handle_centre().x()


def test_tracks_of_several_rows_line_up(shown):
    first = shown(LabelledSlider("brush", 0.5, 6, 2, digits=1, unit="px"), 300, 24)
    second = shown(LabelledSlider("noise", 0, 1, 0), 300, 24)
    assert track(first).geometry() == track(second).geometry()


def test_a_long_name_is_not_cut(shown):
    slider = shown(LabelledSlider("a rather long name", 0, 1, 0), 300, 24)
    label = slider.findChild(QLabel)
    assert label.width() >= label.sizeHint().width()


def test_bounds_that_make_no_sense_are_refused(hub):
    with pytest.raises(ValueError, match="noise: 2 is not between 0 and 1"):
        LabelledSlider("noise", 0, 1, 2)
