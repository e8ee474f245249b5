"""Elastic warps against SciPy's interpolation."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from cnnviz.core.warps import elastic_field, elastic_warps, warp


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("strength", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("smoothness", [1.0, 4.0, 20.0])
def test_a_field_has_its_strength_and_no_shift_in_it(strength, smoothness):
    field = elastic_field(40, 30, strength, smoothness=smoothness, seed=3)
    assert field.shape == (2, 40, 30)
    assert field.square().sum(0).mean().sqrt().item() == pytest.approx(strength)
    assert field.mean((1, 2)).abs().max().item() < 1e-12
    again = elastic_field(40, 30, strength, smoothness=smoothness, seed=3)
    torch.testing.assert_close(again, field, rtol=0, atol=0)
    if strength:
        assert not torch.allclose(elastic_field(40, 30, strength, smoothness=smoothness, seed=4), field)


def test_a_smoother_field_changes_less_from_pixel_to_pixel():
    def slope(smoothness: float) -> float:
        return float(elastic_field(64, 64, 1.0, smoothness=smoothness).diff(dim=1).abs().mean())

    assert slope(2.0) > 1.5 * slope(4.0) > 2 * slope(8.0)


def test_bilinear_sampling_is_scipys():
    x, field = noise(1, 2, 17, 23), elastic_field(17, 23, 2.5, smoothness=2, seed=1)
    places = np.mgrid[:17, :23] + field.numpy()
    for channel in range(2):
        expected = ndimage.map_coordinates(x[0, channel].numpy(), places, order=1, mode="nearest")
        np.testing.assert_allclose(warp(x, field)[0, channel], expected, atol=1e-12)


def cubic(distance: float) -> float:
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, equation 4, with a = -3/4."""
    d, a = abs(distance), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def test_bicubic_sampling_is_keyss():
    x, field = noise(1, 1, 16, 18), elastic_field(16, 18, 1.0, smoothness=2, seed=1)
    found = warp(x, field, "bicubic")[0, 0]
    for row, column in itertools.product(range(5, 11), range(5, 13)):
        r, c = row + float(field[0, row, column]), column + float(field[1, row, column])
        near = itertools.product(range(int(r) - 1, int(r) + 3), range(int(c) - 1, int(c) + 3))
        expected = sum(float(x[0, 0, i, j]) * cubic(r - i) * cubic(c - j) for i, j in near)
        assert float(found[row, column]) == pytest.approx(expected)


def test_growing_strengths_are_one_warp():
    x = noise(1, 1, 20, 20)
    found = elastic_warps(x, (0.0, 1.0, 2.0), seed=5)
    torch.testing.assert_close(found[:1], x)
    for index, strength in enumerate((1.0, 2.0), 1):
        torch.testing.assert_close(found[index : index + 1], warp(x, elastic_field(20, 20, strength, seed=5)))
    assert (found[1] - x[0]).norm() < (found[2] - x[0]).norm()


def test_settings_that_mean_nothing_are_said():
    for wrong in ({"strength": -1.0}, {"strength": math.nan}, {"strength": 1.0, "smoothness": 0.0}):
        with pytest.raises(ValueError, match="strength of a warp"):
            elastic_field(8, 8, **wrong)
