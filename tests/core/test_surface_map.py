"""Height maps: colours, contour lines, levels, the value under a pointer."""

import numpy as np
import pytest

from cnnviz.core.surface_map import HeightScale, height_scale, surface_map

LABELS = ("x", "y", "loss")


def ring_map(softness=None, size=81):
    across = np.linspace(-2, 2, size)
    values = across[None, :] ** 2 + across[:, None] ** 2
    return surface_map(values, (-2, 2), (-2, 2), height_scale(values, 0.0, softness), LABELS, "Rings")


@pytest.mark.parametrize("softness", [None, 0.1])
def test_contours_are_places_of_their_level(softness):
    made = ring_map(softness)
    assert len(made.contours) >= 5
    for contour in made.contours:
        assert contour.lines
        for line in contour.lines:
            np.testing.assert_allclose((line**2).sum(axis=1), contour.level, rtol=0.05, atol=0.02)


def test_levels_are_round_and_lie_between_the_ends():
    assert HeightScale(0.0, 1.0).levels() == pytest.approx(tuple(np.arange(1, 10) / 10))
    found = HeightScale(0.0, 2500.0, 1.0).levels()
    assert found[:4] == (1, 2, 5, 10)
    assert found[-1] == 2000
    shifted = HeightScale(3.0, 13.0, 0.5).levels()
    assert shifted == (5.0, 10.0)
    assert HeightScale(-3.0, 7.0, 0.5).levels() == (-2.5, -2.0, -1.0, 2.0)
    assert HeightScale(2.0, 2.0).levels() == ()


def test_colours_go_from_the_floor_to_the_largest_and_the_largest_y_is_above():
    values = np.array([[0.0, 1.0], [2.0, 4.0]])
    made = surface_map(values, (0, 1), (0, 1), height_scale(values), LABELS, "")
    assert made.indices.tolist() == [[98, 196], [0, 49]]


def test_what_is_unknown_or_infinite_takes_no_part_in_the_scale():
    values = np.array([[0.0, np.nan], [np.inf, 2.0]])
    made = surface_map(values, (0, 1), (0, 1), height_scale(values), LABELS, "")
    assert made.indices.tolist() == [[254, 196], [0, 255]]
    assert made.scale == HeightScale(0.0, 2.0)


def test_a_logarithmic_scale_tells_small_values_apart():
    scale = HeightScale(0.0, 1000.0, 1.0)
    shares = scale.share(np.array([0.0, 9.0, 99.0, 1000.0]))
    assert shares == pytest.approx([0, np.log(10) / np.log(1001), np.log(100) / np.log(1001), 1])


def test_the_value_under_the_pointer_and_beside_the_map():
    made = ring_map(size=5)
    assert made.value_at(1.1, -0.9) == 2
    assert made.value_at(-2, 2) == 8
    assert np.isnan(made.value_at(3, 0))


def test_the_table_has_every_place():
    rows = ring_map(size=3).to_csv().splitlines()
    assert rows[0] == "x,y,loss"
    assert rows[1:4] == ["-2.0,-2.0,8.0", "0.0,-2.0,4.0", "2.0,-2.0,8.0"]
    assert len(rows) == 10
