"""The canvas: pixels to places and back, and what it tells of the mouse."""

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.ui.input_canvas import InputCanvas, Outline


@pytest.fixture
def canvas(shown):
    """Shows four columns and two rows."""
    widget = shown(InputCanvas(), 200, 100)
    widget.set_grid(False)
    widget.set_image(np.array([[[0.0, 0.25, 0.5, 0.75], [1.0, 0.0, 0.0, 1.0]]], np.float32), paper=False)
    return widget


@pytest.fixture
def heard(canvas):
    said = []
    canvas.pen_pressed.connect(lambda row, column, button: said.append(("press", row, column, button)))
    canvas.pen_moved.connect(lambda row, column: said.append(("move", row, column)))
    canvas.pen_released.connect(lambda: said.append(("release",)))
    return said


def test_an_empty_canvas_takes_no_pen(shown, qtbot):
    canvas = shown(InputCanvas(), 100, 100)
    with qtbot.assertNotEmitted(canvas.pen_pressed):
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton)
    assert canvas.image_rect().isEmpty()
    assert canvas.position_at(QPointF(3, 3)) == (0.0, 0.0)


def test_the_image_is_drawn_as_large_as_fits_in_whole_pixels(canvas, pixels):
    rect = canvas.image_rect()
    assert (rect.width(), rect.height()) == (200, 100)
    canvas.resize(230, 170)
    rect = canvas.image_rect()
    assert (rect.width(), rect.height()) == (4 * 57, 2 * 57)
    assert rect.center().x() == pytest.approx(115, abs=1)
    assert rect.center().y() == pytest.approx(85, abs=1)


def test_each_pixel_of_the_image_is_one_square(canvas, pixels):
    image = pixels(canvas) & 0xFF
    wanted = [[0, 64, 128, 191], [255, 0, 0, 255]]
    for row in range(2):
        for column in range(4):
            square = image[row * 50 + 3 : row * 50 + 47, column * 50 + 3 : column * 50 + 47]
            assert np.ptp(square) == 0
            assert abs(int(square[0, 0]) - wanted[row][column]) <= 2


def test_colours_are_painted_as_they_are(canvas, pixels):
    image = np.zeros((3, 1, 2), np.float32)
    image[:, 0, 1] = (1.0, 0.5, 0.0)
    canvas.set_image(image, paper=False)
    assert pixels(canvas)[50, 150] == 0xFFFF8000


@pytest.mark.parametrize("size", [(200, 100), (231, 170), (64, 300)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (1.3, 2.7), (2.0, 4.0), (-1.0, 9.0)])
def test_places_go_there_and_back(canvas, size, place):
    canvas.resize(*size)
    assert canvas.position_at(canvas.point_of(*place)) == pytest.approx(place, abs=1e-6)


def test_a_stroke_is_told_from_press_to_release(canvas, heard, drag):
    drag(canvas, [(25, 25), (75, 75), (300, 25)])
    assert heard == [
        ("press", 0.5, 0.5, Qt.MouseButton.LeftButton),
        ("move", 1.5, 1.5),
        ("move", 0.5, 6.0),
        ("release",),
    ]


def test_a_second_button_changes_nothing_and_the_middle_one_draws_nothing(canvas, heard):
    QTest.mousePress(canvas, Qt.MouseButton.RightButton, pos=QPoint(25, 25))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(25, 25))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(25, 25))
    QTest.mouseRelease(canvas, Qt.MouseButton.RightButton, pos=QPoint(25, 25))
    assert [what for what, *_ in heard].count("press") == 1
    assert [what for what, *_ in heard].count("release") == 1
    heard.clear()
    QTest.mouseClick(canvas, Qt.MouseButton.MiddleButton, pos=QPoint(25, 25))
    assert heard == []


def test_the_pixel_under_the_pointer_is_told_and_none_beside_the_image(canvas):
    told = []
    canvas.pointed.connect(told.append)
    QTest.mouseMove(canvas, QPoint(160, 60))
    canvas.resize(200, 160)
    QTest.mouseMove(canvas, QPoint(100, 5))
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert told == [(1, 3), None, None]


def test_the_wheel_is_told(canvas):
    turned = []
    canvas.wheel_turned.connect(turned.append)
    at = QPointF(10, 10)
    event = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
    assert turned == [-120]
    assert event.isAccepted()


def marked(pixels, canvas, hub):
    """Where the colour of the outline is strong."""
    colour = hub.colour("mark")
    image = pixels(canvas)
    channels = [(image >> shift & 0xFF).astype(int) for shift in (16, 8, 0)]
    wanted = (colour.red(), colour.green(), colour.blue())
    return np.maximum.reduce([abs(have - want) for have, want in zip(channels, wanted, strict=True)]) < 40


def test_the_outline_surrounds_its_pixels(canvas, pixels, hub):
    canvas.set_image(np.zeros((1, 20, 40), np.float32), paper=False)
    canvas.set_outline(Outline(2, 5, 10, 10, ""))
    rows, columns = np.nonzero(marked(pixels, canvas, hub))
    assert abs(rows.min() - 10) <= 1
    assert abs(rows.max() - 59) <= 1
    assert abs(columns.min() - 25) <= 1
    assert abs(columns.max() - 74) <= 1
    canvas.set_outline(None)
    assert not marked(pixels, canvas, hub).any()


def test_an_outline_that_lies_outside_of_the_image_is_not_drawn(canvas, pixels, hub):
    canvas.resize(200, 160)
    canvas.set_image(np.zeros((1, 20, 40), np.float32), paper=False)
    without = pixels(canvas)
    canvas.set_outline(Outline(-6, -6, 3, 3, ""))
    assert (pixels(canvas) == without).all()


def test_the_grid_comes_with_pixels_large_enough(canvas, pixels):
    canvas.set_image(np.zeros((1, 10, 20), np.float32), paper=False)
    assert len(np.unique(pixels(canvas)[5:95, 5:195])) == 1
    canvas.set_grid(True)
    assert len(np.unique(pixels(canvas)[5:95, 5:195])) > 1
    canvas.set_image(np.zeros((1, 50, 100), np.float32), paper=False)
    assert len(np.unique(pixels(canvas)[5:95, 5:195])) == 1


def test_the_ring_of_the_brush_has_its_size(canvas, pixels):
    canvas.set_image(np.full((1, 10, 20), 0.5, np.float32), paper=False)
    plain = pixels(canvas)
    canvas.set_brush(4)
    QTest.mouseMove(canvas, QPoint(100, 50))
    rows, columns = np.nonzero(pixels(canvas) != plain)
    assert abs(np.ptp(rows) - 40) <= 4
    assert abs(np.ptp(columns) - 40) <= 4
    canvas.set_brush(0)
    assert (pixels(canvas) == plain).all()
