import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.ui.numbers import format_count, format_fixed, format_number, format_percent, parse_number, shared_digits


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-1.8664, 3, "−1.866"),
        (0.0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (99999.4, 1, "99999.4"),
        (123456.0, 1, "123.5e3"),
        (999_960.0, 1, "1.0e6"),
        (-3.2e-7, 3, "−320.0e−9"),
        (0.4, 0, "0"),
        (7.0, 0, "7"),
        (5e-324, 1, "0.0"),
        (math.nan, 3, "NaN"),
        (math.inf, 3, "∞"),
        (-math.inf, 3, "−∞"),
    ],
)
def test_numbers_as_they_are_read(value, digits, text):
    assert format_number(value, digits) == text


def test_a_plus_where_the_sign_matters():
    assert format_number(6.4, 1, sign=True) == "+6.4"
    assert format_number(0.0, 1, sign=True) == "0.0"


@given(st.floats(-1e4, 1e4), st.integers(0, 4))
def test_columns_stay_still(value, digits):
    assert len(format_number(value, digits, width=12)) == 12


@given(st.floats(-99_000, 99_000), st.integers(1, 4), st.sampled_from(["", " px", "°", " %", "×"]))
def test_what_is_written_can_be_typed(value, digits, unit):
    read = parse_number(format_number(value, digits) + unit)
    assert read == pytest.approx(value, rel=0.06, abs=0.51 * 10**-digits)


@pytest.mark.parametrize(("text", "value"), [("1,5", 1.5), ("+2 px", 2), ("-3", -3), ("8°", 8), ("+1.5px", 1.5)])
def test_people_write_numbers_in_many_ways(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "  ", "px", "two", "nan", "inf", "1e999"])
def test_no_number_is_none(text):
    assert parse_number(text) is None


def test_counts_and_percentages():
    assert format_count(114314) == "114,314"
    assert format_percent(0.99993) == "99.99 %"
    assert format_percent(1e-9) == "0.00 %"
    assert format_percent(1.0) == "100.00 %"
    assert format_percent(math.nan) == "NaN %"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-1.866, 2, "−1.87"), (-1e-9, 2, "0.00"), (1e7, 0, "10000000"), (math.nan, 2, "NaN"), (-math.inf, 1, "−∞")],
)
def test_cells_never_have_exponents(value, digits, text):
    assert format_fixed(value, digits) == text


@pytest.mark.parametrize(("size", "digits"), [(5.35, 2), (0.053, 4), (123, 0), (0, 1), (1e-7, None), (3e6, None)])
def test_three_figures_for_the_largest(size, digits):
    assert shared_digits(size) == digits
