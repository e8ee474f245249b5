"""The canvas: pixels to places and back, and what it tells of the mouse."""

import math

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.ui.input_canvas import MARGIN, InputCanvas, Outline
from cnnviz.ui.theme import theme


@pytest.fixture
def no_grid(monkeypatch):
    """However large a pixel is drawn."""
    monkeypatch.setattr("cnnviz.ui.input_canvas.GRID_FROM", math.inf)


@pytest.fixture
def canvas(shown, no_grid):
    """Shows four columns and two rows."""
    widget = shown(InputCanvas(), 200 + 2 * MARGIN, 100 + 2 * MARGIN)
    widget.set_image(np.array([[[0.0, 0.25, 0.5, 0.75], [1.0, 0.0, 0.0, 1.0]]], np.float32), paper=False)
    return widget


@pytest.fixture
def inside(pixels):
    """The pixels of a canvas without the room around its image."""
    return lambda canvas: pixels(canvas)[MARGIN:-MARGIN, MARGIN:-MARGIN]


def at(x, y):
    """A point of the canvas, counted from the corner of its image."""
    return QPoint(x + MARGIN, y + MARGIN)


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
    canvas.resize(230 + 2 * MARGIN, 170 + 2 * MARGIN)
    rect = canvas.image_rect()
    assert (rect.width(), rect.height()) == (4 * 57, 2 * 57)
    assert rect.center().x() == pytest.approx(115 + MARGIN, abs=1)
    assert rect.center().y() == pytest.approx(85 + MARGIN, abs=1)


def test_each_pixel_of_the_image_is_one_square(canvas, inside):
    image = inside(canvas) & 0xFF
    wanted = [[0, 64, 128, 191], [255, 0, 0, 255]]
    for row in range(2):
        for column in range(4):
            square = image[row * 50 + 3 : row * 50 + 47, column * 50 + 3 : column * 50 + 47]
            assert np.ptp(square) == 0
            assert abs(int(square[0, 0]) - wanted[row][column]) <= 2


def test_colours_are_painted_as_they_are(canvas, inside):
    image = np.zeros((3, 1, 2), np.float32)
    image[:, 0, 1] = (1.0, 0.5, 0.0)
    canvas.set_image(image, paper=False)
    assert inside(canvas)[50, 150] == 0xFFFF8000


@pytest.mark.parametrize("size", [(200, 100), (231, 170), (64, 300)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (1.3, 2.7), (2.0, 4.0), (-1.0, 9.0)])
def test_places_go_there_and_back(canvas, size, place):
    canvas.resize(*size)
    assert canvas.position_at(canvas.point_of(*place)) == pytest.approx(place, abs=1e-6)


def test_a_stroke_is_told_from_press_to_release(canvas, heard, drag):
    drag(canvas, [(x + MARGIN, y + MARGIN) for x, y in [(25, 25), (75, 75), (300, 25)]])
    assert heard == [
        ("press", 0.5, 0.5, Qt.MouseButton.LeftButton),
        ("move", 1.5, 1.5),
        ("move", 0.5, 6.0),
        ("release",),
    ]


def test_a_second_button_changes_nothing_and_the_middle_one_draws_nothing(canvas, heard):
    QTest.mousePress(canvas, Qt.MouseButton.RightButton, pos=at(25, 25))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at(25, 25))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at(25, 25))
    QTest.mouseRelease(canvas, Qt.MouseButton.RightButton, pos=at(25, 25))
    assert [what for what, *_ in heard].count("press") == 1
    assert [what for what, *_ in heard].count("release") == 1
    heard.clear()
    QTest.mouseClick(canvas, Qt.MouseButton.MiddleButton, pos=at(25, 25))
    assert heard == []


def test_the_pixel_under_the_pointer_is_told_and_none_beside_the_image(canvas):
    told = []
    canvas.pointed.connect(told.append)
    QTest.mouseMove(canvas, at(160, 60))
    canvas.resize(200, 160)
    QTest.mouseMove(canvas, QPoint(100, 5))
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert told == [(1, 3), None, None]


def test_the_wheel_is_told(canvas):
    turned = []
    canvas.wheel_turned.connect(turned.append)
    place = QPointF(10, 10)
    event = QWheelEvent(
        place, canvas.mapToGlobal(place), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
    assert turned == [-120]
    assert event.isAccepted()


def marked(seen, canvas, hub):
    """Where the colour of the outline is strong."""
    colour = hub.colour("mark")
    image = seen(canvas)
    channels = [(image >> shift & 0xFF).astype(int) for shift in (16, 8, 0)]
    wanted = (colour.red(), colour.green(), colour.blue())
    return np.maximum.reduce([abs(have - want) for have, want in zip(channels, wanted, strict=True)]) < 40


def test_the_outline_surrounds_its_pixels(canvas, inside, hub):
    canvas.set_image(np.zeros((1, 20, 40), np.float32), paper=False)
    canvas.set_outline(Outline(2, 5, 10, 10, ""))
    rows, columns = np.nonzero(marked(inside, canvas, hub))
    assert abs(rows.min() - 10) <= 1
    assert abs(rows.max() - 59) <= 1
    assert abs(columns.min() - 25) <= 1
    assert abs(columns.max() - 74) <= 1
    canvas.set_outline(None)
    assert not marked(inside, canvas, hub).any()


def test_the_part_of_a_field_in_padding_is_hatched_around_the_image(canvas, pixels, hub):
    canvas.set_image(np.zeros((1, 20, 40), np.float32), paper=False)  # five pixels of the screen for each of its own
    plain = pixels(canvas)
    canvas.set_outline(Outline(-1, 10, 4, 4, ""))
    changed = pixels(canvas) != plain
    beside = changed[:MARGIN]
    columns = np.nonzero(beside.any(axis=0))[0]
    assert (columns.min(), columns.max()) == pytest.approx((MARGIN + 50, MARGIN + 70), abs=2)
    assert np.nonzero(beside.any(axis=1))[0].min() == pytest.approx(MARGIN - 5, abs=2)
    assert beside[MARGIN - 5 :, MARGIN + 52 : MARGIN + 68].mean() < 0.6  # lines, not an area
    assert not changed[MARGIN + 40 :].any()


def test_a_field_in_padding_alone_leaves_the_image_as_it_is(canvas, pixels, inside):
    canvas.set_image(np.zeros((1, 20, 40), np.float32), paper=False)
    plain, without = pixels(canvas), inside(canvas)
    canvas.set_outline(Outline(-3, -3, 3, 3, ""))
    assert (inside(canvas)[1:, 1:] == without[1:, 1:]).all()
    assert (pixels(canvas) != plain).any()


def test_heat_is_the_denser_the_more_there_is_of_it(canvas, inside, hub):
    canvas.set_image(np.zeros((3, 2, 4), np.float32), paper=False)
    heat = np.array([[0.0, 0.25, 0.5, 1.0], [0.0, 0.0, np.nan, 0.0]], np.float32)
    canvas.set_heat(heat)
    red = (inside(canvas)[[25, 75]][:, [25, 75, 125, 175]] >> 16 & 0xFF).astype(float)
    wanted = hub.colour("mark").red() * np.nan_to_num(heat) * 235 / 255
    np.testing.assert_allclose(red, wanted, atol=3)
    canvas.set_heat(None)
    assert (inside(canvas) & 0xFFFFFF == 0).all()


def test_the_grid_comes_with_pixels_large_enough(shown, inside):
    canvas = shown(InputCanvas(), 200 + 2 * MARGIN, 100 + 2 * MARGIN)
    canvas.set_image(np.zeros((1, 10, 20), np.float32), paper=False)
    assert len(np.unique(inside(canvas)[5:95, 5:195])) > 1
    canvas.set_image(np.zeros((1, 50, 100), np.float32), paper=False)
    assert len(np.unique(inside(canvas)[5:95, 5:195])) == 1


def test_the_ring_of_the_brush_has_its_size(canvas, pixels):
    canvas.set_image(np.full((1, 10, 20), 0.5, np.float32), paper=False)
    plain = pixels(canvas)
    canvas.set_brush(4)
    QTest.mouseMove(canvas, at(100, 50))
    rows, columns = np.nonzero(pixels(canvas) != plain)
    assert abs(np.ptp(rows) - 40) <= 4
    assert abs(np.ptp(columns) - 40) <= 4
    canvas.set_brush(0)
    assert (pixels(canvas) == plain).all()


def test_the_ring_is_a_white_line_on_a_dark_one_around_the_pointer(canvas, pixels):
    canvas.set_image(np.full((1, 10, 20), 0.5, np.float32), paper=False)
    plain = pixels(canvas)
    canvas.set_brush(4)
    for x, y in ((60, 45), (120, 41)):
        QTest.mouseMove(canvas, at(x, y))
        seen = pixels(canvas)
        rows, columns = np.nonzero(seen != plain)
        assert (rows.min() + rows.max()) / 2 == pytest.approx(y + MARGIN, abs=1)
        assert (columns.min() + columns.max()) / 2 == pytest.approx(x + MARGIN, abs=1)
        grey = (seen[y + MARGIN, x + MARGIN :] & 255).astype(int)
        ground = grey[0]
        assert grey[17:24].max() > ground + 20
        assert grey[17:24].min() < ground - 10


class Paints(QObject):
    """Counts those of a widget."""

    count = 0

    def eventFilter(self, watched, event):
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_the_same_image_is_painted_again_under_a_pen_that_is_down_alone(canvas, qtbot):
    image = np.full((1, 2, 4), 0.5, np.float32)
    paints = Paints()
    canvas.installEventFilter(paints)
    canvas.set_image(image, paper=False)
    qtbot.waitUntil(lambda: paints.count == 1)
    canvas.set_image(image, paper=False)
    qtbot.wait(30)
    assert paints.count == 1
    other = image.copy()
    canvas.set_image(other, paper=False)
    qtbot.waitUntil(lambda: paints.count == 2)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at(20, 20))
    canvas.set_image(other, paper=False)
    qtbot.waitUntil(lambda: paints.count == 3)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at(20, 20))


def test_words_too_long_for_the_image_stay_in_it(shown, pixels, argb, no_grid):
    canvas = shown(InputCanvas(), 200 + 2 * MARGIN, 200 + 2 * MARGIN)
    canvas.set_image(np.zeros((1, 20, 20), np.float32), paper=False)
    mark = argb(theme().current.mark)

    def marked(words):
        canvas.set_outline(Outline(9, 9, 2, 2, words))
        drawn = pixels(canvas) == mark
        columns = np.flatnonzero(drawn.any(0))
        assert columns.min() > MARGIN
        assert columns.max() < 200 + MARGIN
        return int(drawn.any(1).sum())

    long = "6×6 px, stride 2; encoder.blocks.0.block.0 and some more layers look at the whole map"
    assert marked(long) > marked("6×6 px, stride 2") + 5, "a second line"
