import numpy as np
import pytest
from PyQt6.QtCore import Qt

from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.theme import DARK, colour_table


@pytest.mark.parametrize("kind", ["signed", "unsigned"])
def test_colours_run_from_the_low_end_at_the_bottom_to_the_high_end_on_top(shown, pixels, kind):
    bar = shown(ColourBar(), 60, 200)
    bar.set_scale(kind, -6.4 if kind == "signed" else 0, 6.4)
    strip, table = pixels(bar)[:, 7], colour_table(kind, DARK)
    inside = strip[4:-4]
    places = [np.flatnonzero(table[:253] == colour) for colour in inside]
    found = np.array([place.mean() for place in places if place.size])
    assert found.size > 0.95 * inside.size
    assert (np.diff(found) <= 0).all()
    assert found[0] > 240
    assert found[-1] < 12


def test_the_ends_and_zero_are_written(shown, pixels):
    bar = shown(ColourBar(), 60, 200)
    bar.set_scale("signed", -6.4, 6.4)
    assert bar.text() == "−6.4 0 +6.4"
    text = pixels(bar)[:, 22:] != pixels(bar)[0, 59]
    written = np.flatnonzero(text.any(axis=1))
    for middle in (6, 100, 194):
        assert np.abs(written - middle).min() <= 4
    assert not ((written > 30) & (written < 80)).any()


@pytest.mark.parametrize(
    ("high", "text"),
    [(0.0312, "0 0.031"), (6.4, "0 6.4"), (153.2, "0 153"), (2.5e6, "0 2.5e6"), (0, "0 0")],
)
def test_numbers_have_the_figures_that_count(hub, qtbot, high, text):
    bar = ColourBar()
    qtbot.addWidget(bar)
    bar.set_scale("unsigned", 0, high)
    assert bar.text() == text


def test_values_that_are_no_numbers_have_a_swatch_only_when_there_are_some(shown, pixels, argb):
    bar = shown(ColourBar(), 70, 200)
    bar.set_scale("unsigned", 0, 1)
    assert argb(DARK.nan) not in pixels(bar)
    bar.set_scale("unsigned", 0, 1, nan=3, infinite=1200)
    assert bar.text().endswith("3 NaN 1,200 ∞")
    assert argb(DARK.nan) in pixels(bar)
    assert argb(DARK.infinite) in pixels(bar)


def test_maps_with_their_own_scales(hub, qtbot):
    bar = ColourBar()
    qtbot.addWidget(bar)
    bar.set_scale("signed", np.array([-1.0, -3.0]), np.array([1.0, 3.0]))
    assert bar.text() == "−max 0 +max each map its own"
    bar.set_scale("unsigned", np.zeros(2), np.array([1.0, 3.0]))
    assert bar.text() == "0 max each map its own"
    assert "3.000" in bar.toolTip()


def test_lying_down(shown, pixels):
    bar = shown(ColourBar(Qt.Orientation.Horizontal), 200, 40)
    bar.set_scale("unsigned", 0, 1)
    strip = pixels(bar)[5]
    table = colour_table("unsigned", DARK)
    assert np.flatnonzero(table == strip[8]).mean() < 20
    assert np.flatnonzero(table == strip[-8]).mean() > 232
