from itertools import combinations

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt
from PyQt6.QtGui import QImage, QPainter, QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.core.curves import Curves, Mark, series, to_csv
from cnnviz.ui.curve_painter import CurvePainter, curve_colours, legend_of, whole_range
from cnnviz.ui.curve_plot import CurvePlot, reading
from cnnviz.ui.figure import CurveFigure, rendered
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.theme import theme

X = np.arange(-8.0, 9.0)
V_SHAPED = Curves(
    "Error",
    "shift (px)",
    "error",
    (series("conv", X, np.abs(X) / 8, np.full(17, 0.1)), series("floor", X, np.full(17, 0.5), reference=True)),
)


@pytest.fixture
def plot(shown):
    return shown(CurvePlot(movable_cursor=True), 420, 320)


def at(plot, x, y):
    """Where a point of the plot lies in its own pixels."""
    axes = plot.axes()
    return plot.canvas().mapTo(plot, QPoint(round(float(axes.across(x))), round(float(axes.down(y)))))


def near(picture, point, colour):
    """Whether ``colour`` is found within two pixels of ``point``."""
    patch = picture[point.y() - 2 : point.y() + 3, point.x() - 2 : point.x() + 3]
    return (patch == colour).any()


def test_a_curve_is_drawn_through_its_points(plot, pixels, argb):
    plot.set_curves(V_SHAPED)
    picture, colour = pixels(plot), argb(curve_colours(1)[0].name())
    for x in (-7.0, -4.0, 1.0, 6.0):
        assert near(picture, at(plot, x, abs(x) / 8), colour), x
        assert not near(picture, at(plot, x, abs(x) / 8 + 0.3), colour), x


def test_a_curve_runs_on_when_it_changes(plot, pixels, argb):
    plot.set_curves(V_SHAPED)
    plot.set_curves(Curves("Error", "shift (px)", "error", (series("conv", X, np.full(17, 0.25)),)))
    picture, colour = pixels(plot), argb(curve_colours(1)[0].name())
    assert near(picture, at(plot, -7.0, 0.25), colour)
    assert near(picture, at(plot, 7.0, 0.25), colour)


@pytest.mark.parametrize(
    ("label", "lines"), [("rotation (degrees)", {-90, 0, 90}), ("shift (input pixels)", {-100, 0, 100})]
)
def test_an_axis_of_angles_is_parted_as_a_turn_is(plot, pixels, argb, label, lines):
    plot.set_curves(Curves("t", label, "y", (series("a", [-180.0, 180.0], [1.0, 1.0]),)))
    picture, colour = pixels(plot), argb(theme().current.line)
    row = at(plot, 0, 0.35).y()

    def is_parted(x):
        column = at(plot, x, 0.35).x()
        return (picture[row - 3 : row + 4, column - 1 : column + 2] == colour).all(axis=0).any()

    assert {x for x in (-100, -90, 0, 90, 100) if is_parted(x)} == lines


def test_a_gap_is_left_where_there_is_no_number(plot, pixels, argb):
    y = np.full(17, 0.5)
    y[6:11] = np.nan
    plot.set_curves(Curves("t", "x", "y", (series("a", X, y),)))
    picture, colour = pixels(plot), argb(curve_colours(1)[0].name())
    assert near(picture, at(plot, -5.0, 0.5), colour)
    assert not near(picture, at(plot, 0.0, 0.5), colour)
    assert near(picture, at(plot, 5.0, 0.5), colour)


def test_a_name_that_is_clicked_hides_its_curve_and_brings_it_back(plot, pixels, argb):
    plot.set_curves(V_SHAPED)
    colour = argb(curve_colours(1)[0].name())
    middle = plot.legend.boxes()[0].center().toPoint()
    QTest.mouseClick(plot.legend, Qt.MouseButton.LeftButton, pos=middle)
    assert plot.hidden == {"conv"}
    canvas = plot.canvas().geometry()
    assert not (pixels(plot)[canvas.top() :] == colour).any()
    QTest.mouseClick(plot.legend, Qt.MouseButton.LeftButton, pos=middle)
    assert (pixels(plot)[canvas.top() :] == colour).any()


def test_the_line_along_x_follows_the_mouse_and_stays_in_the_plot(plot):
    plot.set_curves(V_SHAPED)
    moved = []
    plot.cursor_moved.connect(moved.append)
    start, end = (plot.canvas().mapFrom(plot, at(plot, x, 0.5)) for x in (-3.0, 4.0))
    QTest.mousePress(plot.canvas(), Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(plot.canvas(), end)
    QTest.mouseRelease(plot.canvas(), Qt.MouseButton.LeftButton, pos=end)
    step = 1 / plot.axes().frame.width() * 17
    assert moved[0] == pytest.approx(-3.0, abs=step)
    assert moved[-1] == pytest.approx(4.0, abs=step)


def test_the_wheel_enlarges_around_the_pointer_and_a_double_click_shows_all_again(plot):
    plot.set_curves(V_SHAPED)
    whole = plot.axes().x
    place = QPointF(plot.canvas().mapFrom(plot, at(plot, 2.0, 0.5)))
    wheel = QWheelEvent(
        place,
        plot.canvas().mapToGlobal(place),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot.canvas(), wheel)
    low, high = plot.axes().x
    assert high - low == pytest.approx((whole[1] - whole[0]) * 0.85**2)
    assert plot.axes().x_at(place.x()) == pytest.approx(2.0, abs=0.1)
    plot.set_curves(V_SHAPED)  # what runs on leaves the chosen part as it is
    assert plot.axes().x == (low, high)
    QTest.mouseDClick(plot.canvas(), Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert plot.axes().x == whole


def test_the_card_says_what_each_curve_is_at_the_nearest_place(plot):
    plot.set_curves(V_SHAPED)
    QTest.mouseMove(plot.canvas(), plot.canvas().mapFrom(plot, at(plot, 4.2, 0.9)))
    (card,) = plot.window().findChildren(HoverCard)
    assert card.isVisible()
    assert card.text() == "shift (px): 4\nconv: 0.500 (0.400 … 0.600)\nfloor: 0.500"


def test_layers_along_x_are_called_by_their_names():
    plot = Curves("t", "layer", "size", (series("rows", [0, 1], [1, 3]),), x_names=("input", "conv1"))
    assert reading(plot, frozenset(), 0.8) == ("conv1", ["rows: 3.000"])
    assert reading(plot, frozenset({"rows"}), 0.8) == ("", [])


def test_all_values_bands_and_levels_are_seen():
    level = Mark("y", 2.0, "chance")
    curves = Curves("t", "x", "y", (series("a", X, np.abs(X) / 8 + 0.2, np.full(17, 0.1)),), (level,))
    (left, right), (low, high) = whole_range(curves, ())
    assert left < -8 < 8 < right
    assert low == 0  # sizes are seen from nothing on
    assert high > 2.0
    negative = Curves("t", "x", "y", (series("a", X, X),))
    assert whole_range(negative, ())[1][0] < -8


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize("count", [3, 7, 20])
def test_every_curve_stands_out_from_the_ground_and_from_the_others(qapp, name, count):
    theme().set(name)
    colours = curve_colours(count)
    assert len({colour.name() for colour in colours}) == count
    ground = theme().colour("panel").lightnessF()
    assert all(abs(colour.lightnessF() - ground) > 0.12 for colour in colours)


# linear RGB as protanopes, deuteranopes and tritanopes see it: Machado, Oliveira and Fernandes 2009, full severity
SIGHTS = (
    np.eye(3),
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
)


def lab(linear):
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    relative = to_xyz @ np.clip(linear, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("name", ["dark", "light"])
def test_distinct_colours_stay_distinct_for_every_kind_of_colour_vision(qapp, name):
    theme().set(name)
    encoded = np.array([colour.getRgbF()[:3] for colour in curve_colours(7)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    for sight in SIGHTS:
        seen = [lab(sight @ colour) for colour in linear]
        assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 9


def test_a_drag_of_the_cursor_is_one_gesture(plot, drag):
    plot.set_curves(V_SHAPED)
    heard = []
    plot.cursor_grabbed.connect(lambda: heard.append("grabbed"))
    plot.cursor_moved.connect(lambda x: heard.append(round(x)))
    plot.cursor_dropped.connect(lambda: heard.append("dropped"))
    places = [plot.canvas().mapFrom(plot, at(plot, x, 0.5)) for x in (-4.0, 0.0, 2.0)]
    drag(plot.canvas(), [(place.x(), place.y()) for place in places])
    assert heard == ["grabbed", -4, 0, 2, "dropped"]


def tinted(picture, point, colour, ground):
    """Whether a thin line of ``colour`` on ``ground`` goes through the point: a mixture of both, since it is smooth."""
    shares = np.array([[value >> shift & 255 for shift in (16, 8, 0)] for value in (colour, ground)], float)
    column = picture[point.y() - 2 : point.y() + 3, point.x()]
    found = np.stack([column >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(float)
    mixed = (found - shares[1]) / (shares[0] - shares[1])
    return bool(((mixed.min(axis=1) > 0.3) & (np.ptp(mixed, axis=1) < 0.05)).any())


def test_a_curve_beside_another_has_its_colour_and_goes_with_it(plot, pixels, argb):
    upper = series("run, trained on", X, np.full(17, 0.8), beside="run")
    other = series("other", X, np.full(17, 0.5))
    plot.set_curves(Curves("Loss", "x", "loss", (series("run", X, np.full(17, 0.2)), upper, other)))
    first, second = (argb(colour.name()) for colour in curve_colours(2))
    picture = pixels(plot)
    assert near(picture, at(plot, 0, 0.2), first)
    assert tinted(picture, at(plot, 0.7, 0.8), first, argb(theme().colour("panel").name()))
    assert near(picture, at(plot, 0, 0.5), second)
    assert [entry.name for entry in legend_of(plot.curves, plot.hidden)] == ["run", "other"]
    plot.toggle("run")
    picture = pixels(plot)
    assert not (picture == first).any()
    assert reading(plot.curves, plot.hidden, 0.0)[1] == ["other: 0.500"]


def test_a_line_that_moves_leaves_the_picture_behind_it_as_it_is(qtbot):
    plot = CurvePlot()
    curves = Curves("t", "x", "y", (series("a", [0, 1, 2], [0.0, 1.0, 0.5]),))
    other = Curves("t", "x", "y", (series("a", [0, 1, 2], [1.0, 0.0, 0.5]),))
    qtbot.addWidget(plot)
    plot.resize(320, 200)
    for shown in (curves, other):
        plot.set_curves(shown)
        for x in (0.2, 1.1, 1.7, 0.6):
            plot.set_cursor(x)
            plot.grab()
        fresh = CurvePlot()
        qtbot.addWidget(fresh)
        fresh.resize(320, 200)
        fresh.set_curves(shown)
        fresh.set_cursor(0.6)
        assert plot.grab().toImage() == fresh.grab().toImage()


def test_the_words_of_marks_do_not_lie_on_each_other_and_no_curve_on_them(qapp):
    boxes = []

    class Painter(QPainter):
        def drawPolyline(self, *args):
            boxes.clear()  # what a curve may have crossed out does not count
            super().drawPolyline(*args)

        def drawText(self, *args):
            if isinstance(args[0], QRectF) and args[-1] in ("every 2 px: the stride", "unrelated images"):
                boxes.append(QRectF(args[0]))
            super().drawText(*args)

    x = np.arange(-16.0, 17)
    marks = (
        Mark("y", 1.0, "unrelated images"),
        *(Mark("x", place, "every 2 px: the stride" if place == -16 else "") for place in range(-16, 17, 2)),
    )
    curves = Curves("t", "x", "y", (series("a", x, np.abs(x) / 16),), marks)
    for width in (200, 260, 500):
        image = QImage(width, 140, QImage.Format.Format_RGB32)
        painter = Painter(image)
        CurvePainter(curves, *whole_range(curves, ())).paint_curves(painter, QRectF(0, 0, width, 140))
        painter.end()
        one, other = boxes
        assert not one.intersects(other), width


def test_the_line_that_moves_has_no_more_painted_anew_than_itself(plot, qtbot):
    plot.set_curves(V_SHAPED)
    plot.set_cursor(-6.0)
    qtbot.wait(1)
    painted = []

    class Watch(QObject):
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.Paint:
                painted.append(event.region())
            return False

    watch = Watch(plot)
    plot.canvas().installEventFilter(watch)
    plot.set_cursor(5.0)
    qtbot.waitUntil(lambda: bool(painted))
    columns = {x: round(float(plot.axes().across(x))) for x in (-6.0, -5.0, 0.0, 4.0, 5.0)}
    assert [x for x in columns if painted[0].contains(QPoint(columns[x], 100))] == [-6.0, 5.0]
    on_screen = plot.screen().grabWindow(plot.winId()).toImage().convertToFormat(QImage.Format.Format_RGB32)
    afresh = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    assert on_screen == afresh


def test_a_level_far_above_does_not_make_the_curves_small(plot, qapp):
    def told(level):
        mark = Mark("y", level, "unrelated images", may_lie_above=True)
        curves = Curves("t", "x", "y", (series("a", X, np.abs(X) / 8),), (mark,))
        drawing = rendered(CurveFigure(curves), ".svg").decode()
        return whole_range(curves, ())[1], "unrelated images: 2.5 ↑" in drawing, "2.5" in to_csv(curves)

    (low, high), is_written, is_saved = told(2.5)
    assert low == 0
    assert high == pytest.approx(1.18)
    assert is_written
    assert is_saved
    (_, high), is_written, _ = told(1.5)
    assert high > 1.5
    assert not is_written
