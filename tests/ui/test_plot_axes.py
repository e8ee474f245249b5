import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QRectF

from cnnviz.ui.plot_axes import Axes, linear_ticks, logarithm, logarithmic_ticks, zoomed


def test_ticks_are_round_numbers_within_the_range():
    ticks = linear_ticks(-16.6, 16.6, 6)
    assert ticks.places == (-15, -10, -5, 0, 5, 10, 15)
    assert ticks.texts == ("−15", "−10", "−5", "0", "5", "10", "15")
    assert linear_ticks(0, 1.1, 6).texts == ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 12))
def test_there_are_about_as_many_ticks_as_asked_and_all_inside(low, width, count):
    high = low + width
    ticks = linear_ticks(low, high, count)
    assert len(ticks.places) <= 1.5 * count + 2
    slack = 1e-6 * (abs(low) + abs(high) + width)
    assert all(low - slack <= place <= high + slack for place in ticks.places)
    if len(ticks.places) > 2:
        assert np.allclose(np.diff(ticks.places), ticks.places[1] - ticks.places[0])


@pytest.mark.parametrize(
    ("low", "high", "count", "places"),
    [
        (-180, 180, 5, (-180, -90, 0, 90, 180)),
        (-180, 180, 10, (-180, -135, -90, -45, 0, 45, 90, 135, 180)),
        (0, 180, 8, (0, 30, 60, 90, 120, 150, 180)),
        (-90, 90, 14, (-90, -75, -60, -45, -30, -15, 0, 15, 30, 45, 60, 75, 90)),
        (-20, 20, 5, (-20, -10, 0, 10, 20)),
        (0, 1.2, 4, (0, 0.5, 1)),
    ],
)
def test_angles_have_ticks_at_parts_of_a_turn(low, high, count, places):
    assert linear_ticks(low, high, count, degrees=True).places == places


def test_whole_numbers_have_no_ticks_between_them():
    assert linear_ticks(0, 3, 9, whole=True).places == (0, 1, 2, 3)


def test_a_range_without_width_has_its_one_tick():
    assert linear_ticks(2.0, 2.0, 5).places == (2.0,)


def test_powers_of_ten_and_what_lies_between_few_of_them():
    assert logarithmic_ticks(-6.2, 0.1, 8).texts == ("10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1")
    assert logarithmic_ticks(0.0, 1.0, 6).texts == ("1", "2", "5", "10")
    assert logarithmic_ticks(-5.8, -4.9, 6).texts == ("2·10⁻⁶", "5·10⁻⁶", "10⁻⁵")


def test_a_narrow_logarithmic_axis_has_numbers_too():
    ticks = logarithmic_ticks(math.log10(2.28), math.log10(2.32), 5)
    assert ticks.texts == ("2.28", "2.29", "2.30", "2.31", "2.32")
    np.testing.assert_allclose(10.0 ** np.array(ticks.places), [2.28, 2.29, 2.3, 2.31, 2.32])
    assert logarithmic_ticks(0.5, 0.5, 5).places == ()


def test_what_has_no_logarithm_is_a_gap():
    found = logarithm(np.array([100.0, 0.0, -1.0, np.nan]))
    assert found[0] == 2
    assert np.isnan(found[1:]).all()


def test_pixels_and_numbers_are_each_others_inverse():
    axes = Axes(QRectF(40, 10, 300, 200), (-2.0, 4.0), (0.0, 5.0))
    assert float(axes.across(-2)) == 40
    assert float(axes.across(4)) == 340
    assert float(axes.down(5)) == 10
    assert float(axes.down(0)) == 210
    assert axes.x_at(float(axes.across(1.25))) == pytest.approx(1.25)
    assert axes.y_at(float(axes.down(3.5))) == pytest.approx(3.5)


def test_zooming_leaves_the_place_under_the_pointer_where_it_was():
    low, high = zoomed((0.0, 10.0), 2.0, 0.5)
    assert (low, high) == (1.0, 6.0)
    assert (2.0 - low) / (high - low) == pytest.approx((2.0 - 0.0) / 10.0)


def test_a_low_plot_of_many_decades_has_few_powers_and_nothing_between():
    assert len(logarithmic_ticks(-9.0, 2.0, 2).places) <= 3
