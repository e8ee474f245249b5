"""Banks of rotated filters: turns by 90° against NumPy's, others against SciPy's, and the maximum over them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from cnnviz.core.rotated_filters import (
    against_rotation,
    disc,
    responses,
    rotate,
    rotated_bank,
)


def edge(size: int = 9) -> torch.Tensor:
    """A bar through the centre, lying."""
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return (torch.exp(-(places[:, None] ** 2) / 2) - 0.4).expand(1, size, size).contiguous()


@pytest.mark.parametrize("size", [(8, 8), (9, 9)])
@pytest.mark.parametrize("sampling", ["bilinear", "bicubic"])
def test_quarter_turns_move_pixels_and_change_none(size, sampling):
    x = torch.rand((1, 2, *size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for quarters, turned in enumerate(rotate(x, (0, 90, 180, 270), sampling)):
        torch.testing.assert_close(turned, torch.rot90(x[0], quarters, (1, 2)), rtol=0, atol=1e-7)


@pytest.mark.parametrize("angle", [10.0, 33.0, -70.0])
def test_other_turns_are_scipys(angle):
    x = torch.rand((1, 1, 12, 17), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = ndimage.rotate(x[0, 0].numpy(), angle, reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(rotate(x, (angle,))[0, 0], expected, atol=1e-9)


@pytest.mark.parametrize("masked", [True, False])
def test_the_filters_of_a_bank_are_the_filter_turned(masked):
    weight = torch.randn((3, 7, 7), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = disc(7) if masked else torch.ones(7, 7)
    bank = rotated_bank(weight, 8, masked=masked)
    for quarters in range(4):
        torch.testing.assert_close(bank[2 * quarters], torch.rot90(weight * mask, quarters, (1, 2)))
    for turned in bank:
        torch.testing.assert_close(turned.sum((1, 2)), (weight * mask).sum((1, 2)))
        torch.testing.assert_close(turned.norm(), (weight * mask).norm())
        assert (turned * (1 - mask)).abs().max() == 0


def test_responses_are_those_of_single_convolutions():
    bank = rotated_bank(edge(5), 6)
    x = torch.randn((2, 1, 11, 12), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    single = torch.cat([F.conv2d(x, each[None], padding=2) for each in bank], 1)
    torch.testing.assert_close(responses(x, bank, padding=2), single)


def test_the_maximum_over_the_bank_does_not_care_how_the_image_is_turned():
    """The textbook's figure 9.9: each detector answers one rotation, and the maximum over them all."""
    weight = edge(9)
    curve = against_rotation(weight[None], rotated_bank(weight, 16), [5.0 * step for step in range(73)])
    first, best = curve.spread
    assert first > 0.8
    assert best < 0.15
    assert curve.responses[0, 0] == pytest.approx(float((weight * disc(9)).square().sum()))
    # each of the bank answers most to the image that is turned as it is
    turned = against_rotation(weight[None], rotated_bank(weight, 4), [0.0, 90.0, 180.0, 270.0])
    np.testing.assert_allclose(turned.maximum, turned.responses[0, 0], rtol=1e-6)


def test_what_cannot_be_turned_is_said():
    with pytest.raises(ValueError, match="square"):
        rotated_bank(torch.zeros(1, 3, 5))
    with pytest.raises(ValueError, match="at least one"):
        rotated_bank(torch.zeros(1, 3, 3), 0)
    with pytest.raises(ValueError, match="square"):
        against_rotation(torch.zeros(1, 1, 4, 5), torch.zeros(1, 1, 3, 3), [0.0])
