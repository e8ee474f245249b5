"""The map of heights: colours where they belong, paths over them, the beginning dragged and moved by keys."""

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest

from cnnviz.core.surface_map import LARGEST, SurfacePath, height_scale, surface_map
from cnnviz.ui.figure import rendered
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.surface_plot import SurfacePlot
from cnnviz.ui.theme import theme

X, Y = (-4.0, 4.0), (0.0, 2.0)


@pytest.fixture
def slope():
    """Heights that grow along x alone."""
    values = np.broadcast_to(np.linspace(0, 8, 81), (21, 81)).copy()
    return surface_map(values, X, Y, height_scale(values), ("slope", "offset", "loss"), "Slope")


@pytest.fixture
def plot(shown, slope):
    made = shown(SurfacePlot(), 500, 320)
    made.set_surface(slope, (), (0.0, 1.0), None)
    return made


def colour_at(pixels, plot, x, y):
    at = plot.pixel_of(x, y).toPoint()
    return int(pixels[at.y(), at.x()])


def test_where_there_is_no_map_it_says_why(shown, slope, pixels):
    plot = shown(SurfacePlot(), 500, 320)
    plot.clear()
    bare = pixels(plot)
    plot.clear("Press Compute to cut through the loss.")
    assert (pixels(plot)[120:200] != bare[120:200]).any()
    plot.set_surface(slope, (), None, None)
    plot.clear()
    np.testing.assert_array_equal(pixels(plot), bare)


def test_low_places_have_the_first_colour_and_high_ones_the_last(plot, pixels):
    seen, table = pixels(plot), theme().table("unsigned")
    assert colour_at(seen, plot, -3.99, 0.5) == int(table[0])
    assert colour_at(seen, plot, 3.97, 0.5) in {int(colour) for colour in table[LARGEST - 2 : LARGEST + 1]}


def test_a_path_runs_over_the_map_as_far_as_is_shown(plot, slope, pixels):
    before = pixels(plot)
    points = np.array([[-3.0, 0.3], [0.0, 0.3], [3.0, 0.3]])
    plot.set_surface(slope, (SurfacePath("SGD", points, 0),), (0.0, 1.0), None)
    after = pixels(plot)
    assert colour_at(after, plot, 1.6, 0.3) != colour_at(before, plot, 1.6, 0.3)
    plot.set_shown(1)
    part = pixels(plot)
    assert colour_at(part, plot, 1.6, 0.3) == colour_at(before, plot, 1.6, 0.3)
    assert colour_at(part, plot, -1.4, 0.3) == colour_at(after, plot, -1.4, 0.3)


def test_a_place_that_is_no_number_breaks_the_path(plot, slope, pixels):
    before = pixels(plot)
    points = np.array([[-3.0, 0.3], [np.nan, np.nan], [3.0, 0.3]])
    plot.set_surface(slope, (SurfacePath("SGD", points, 0),), (0.0, 1.0), None)
    assert colour_at(pixels(plot), plot, 1.6, 0.3) == colour_at(before, plot, 1.6, 0.3)


def test_the_beginning_follows_the_mouse_in_one_gesture_and_stays_on_the_map(plot, drag):
    moves, gestures = [], []
    plot.start_moved.connect(lambda x, y: moves.append((x, y)))
    plot.start_grabbed.connect(lambda: gestures.append("grabbed"))
    plot.start_dropped.connect(lambda: gestures.append("dropped"))
    first, last = plot.pixel_of(-2, 1), plot.pixel_of(3, 0.4)
    drag(plot, [(first.x(), first.y()), (last.x(), last.y()), (900.0, last.y())])
    assert moves[0] == pytest.approx((-2, 1), abs=0.03)
    assert moves[1] == pytest.approx((3, 0.4), abs=0.03)
    assert moves[2][0] == X[1]
    assert gestures == ["grabbed", "dropped"]
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert len(moves) == 3  # beside the map


def test_arrow_keys_move_the_beginning(plot):
    moves = []
    plot.start_moved.connect(lambda x, y: moves.append((x, y)))
    QTest.keyClick(plot, Qt.Key.Key_Up)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    assert moves == [pytest.approx((0, 1.05)), pytest.approx((-0.2, 1))]


def test_the_height_under_the_pointer_is_told(plot):
    QTest.mouseMove(plot, plot.pixel_of(2, 1).toPoint())
    (card,) = plot.findChildren(HoverCard)
    title, x, y = card.text().splitlines()
    assert float(title.removeprefix("loss ")) == pytest.approx(6, abs=0.11)
    assert x.startswith("slope ")
    assert y.startswith("offset ")


def test_it_is_saved_with_its_paths(plot, slope):
    points = np.array([[-3.0, 0.3], [0.0, 0.3]])
    plot.set_surface(slope, (SurfacePath("Adam", points, 2),), (0.0, 1.0), None)
    figure = plot.figure()
    assert rendered(figure, ".png").startswith(b"\x89PNG")
    assert b"Adam" in rendered(figure, ".svg")
    rows = rendered(figure, ".csv").decode().splitlines()
    assert rows[0] == "slope,offset,loss"
    assert rows[-3:] == ["step of Adam,slope,offset", "0,-3.0,0.3", "1,0.0,0.3"]
