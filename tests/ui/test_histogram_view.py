import numpy as np
import pytest

from cnnviz.ui.histogram_view import HistogramView
from cnnviz.ui.theme import DARK


@pytest.fixture
def view(shown):
    return shown(HistogramView(), 200, 80)


def bar_tops(picture: np.ndarray, accent: int) -> np.ndarray:
    """Height of the accent's colour in each column of pixels."""
    return (picture == accent).sum(axis=0)


def test_bars_stand_where_the_values_are_and_as_high(view, pixels, argb):
    view.set_histogram(np.array([10, 20, 40, 20]), np.linspace(0, 2, 5), signed=False)
    heights = bar_tops(pixels(view), argb(DARK.accent))
    assert view.axis_range() == (0, 2)
    drawn = [int(heights[int(view.x_of(middle))]) for middle in (0.25, 0.75, 1.25, 1.75)]
    assert drawn[2] > 50
    np.testing.assert_allclose(drawn, np.array([1, 2, 4, 2]) / 4 * drawn[2], atol=1.5)


def test_the_axis_of_signed_data_has_zero_in_its_middle(view, pixels, argb):
    view.set_histogram(np.array([5, 1]), np.array([-3.0, -1.0, 1.0]), signed=True)
    assert view.axis_range() == (-3, 3)
    assert view.x_of(0) == pytest.approx(100)
    heights = bar_tops(pixels(view), argb(DARK.accent))
    assert (heights[140:] == 0).all()
    assert (heights[5:60] > 0).all()


def test_the_axis_stands_still_while_values_run(view):
    edges = np.linspace(0, 1, 9)
    view.set_histogram(np.ones(8), 9.0 * edges, signed=False)
    assert view.axis_range() == (0, 10)
    view.set_histogram(np.ones(8), 6.0 * edges, signed=False)
    assert view.axis_range() == (0, 10)
    view.set_histogram(np.ones(8), 2.5 * edges, signed=False)
    assert view.axis_range() == (0, 3)
    view.set_histogram(np.ones(8), 40.0 * edges, signed=False)
    assert view.axis_range() == (0, 50)


def test_one_bin_far_above_all_others_is_cut_so_that_they_are_seen(view, pixels, argb):
    counts = np.array([1000, 10, 10, 10])
    view.set_histogram(counts, np.linspace(0, 1, 5), signed=False)
    picture = pixels(view)
    heights = bar_tops(picture, argb(DARK.accent))
    assert heights[int(view.x_of(0.6))] > 30
    assert heights[int(view.x_of(0.1))] > heights[int(view.x_of(0.6))]
    column = picture[:, int(view.x_of(0.1))] == argb(DARK.accent)
    assert np.abs(np.diff(np.flatnonzero(column))).max() > 1  # the gap that says so


def test_a_rare_value_is_still_seen(view, pixels, argb):
    view.set_histogram(np.array([100, 80, 0, 1]) * 1000, np.linspace(0, 1, 5), signed=False)
    heights = bar_tops(pixels(view), argb(DARK.accent))
    assert heights[int(view.x_of(0.9))] >= 1
    assert heights[int(view.x_of(0.6))] == 0


def test_no_values_no_bars(view, pixels, argb):
    view.set_histogram(np.zeros(4), np.linspace(0, 1, 5), signed=False)
    assert argb(DARK.accent) not in pixels(view)


def test_counts_need_their_edges(view):
    with pytest.raises(ValueError, match="4 counts need 5 edges, not 4"):
        view.set_histogram(np.zeros(4), np.zeros(4), signed=False)
