"""Pyramids against scikit-image's, and back to the image."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data
from skimage.transform import pyramid_expand, pyramid_gaussian, pyramid_reduce

from cnnviz.core.pyramids import SIGMA, expand, gaussian_pyramid, laplacian_pyramid, reconstruct, reduce, smooth


def image(rows: int, columns: int) -> torch.Tensor:
    return torch.from_numpy(data.camera()[100 : 100 + rows, 100 : 100 + columns] / 255)[None, None]


@pytest.mark.parametrize("sigma", [0.1, 0.5, SIGMA, 3.0, 9.0])
def test_smoothing_is_scipys(sigma):
    x = image(20, 13)
    np.testing.assert_allclose(smooth(x, sigma)[0, 0], ndimage.gaussian_filter(x[0, 0].numpy(), sigma), atol=1e-12)


@pytest.mark.parametrize("size", [(32, 32), (31, 20), (7, 9), (1, 5)])
def test_levels_are_those_of_scikit_image(size):
    x = image(*size)
    expected = list(pyramid_gaussian(x[0, 0].numpy(), downscale=2, sigma=SIGMA))
    found = gaussian_pyramid(x)
    assert [tuple(level.shape[2:]) for level in found] == [level.shape for level in expected]
    for level, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(level[0, 0], other, atol=1e-7)
    assert len(gaussian_pyramid(x, 2)) == 3


def test_a_single_step_down_and_up_is_that_of_scikit_image():
    x = image(24, 31)
    np.testing.assert_allclose(reduce(x)[0, 0], pyramid_reduce(x[0, 0].numpy(), sigma=SIGMA), atol=1e-7)
    larger = pyramid_expand(x[0, 0].numpy(), sigma=SIGMA)
    inner = np.s_[4:-4, 4:-4]  # beyond the border it mirrors between pixels, where the edge goes on here
    np.testing.assert_allclose(expand(x, (48, 62))[0, 0][inner], larger[inner], atol=1e-7)


@pytest.mark.parametrize("size", [(64, 64), (37, 50)])
def test_a_laplacian_pyramid_gives_the_image_again(size):
    x = torch.cat([image(*size), image(*size).flip(3)], 1)
    pyramid = laplacian_pyramid(x)
    torch.testing.assert_close(reconstruct(pyramid), x, rtol=0, atol=1e-14)
    torch.testing.assert_close(reconstruct(laplacian_pyramid(x.float(), 3)), x.float(), rtol=0, atol=1e-6)
    gaussian = gaussian_pyramid(x)
    torch.testing.assert_close(pyramid[-1], gaussian[-1])
    assert abs(float(pyramid[0].mean())) < 0.01 * float(x.mean())
