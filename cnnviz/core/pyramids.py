"""Gaussian and Laplacian pyramids: an image at many scales."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMA = 2 / 3
"""Of the Gaussian before halving, in pixels of the finer level: a third of the step, as in scikit-image."""

_REACH = 4.0


def smooth(images: Tensor, sigma: float) -> Tensor:
    """Convolution with a Gaussian cut off at four of its widths, borders mirrored with their edge repeated.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    sigma : float
        In pixels.
    """
    reach = int(_REACH * sigma + 0.5)
    if reach == 0:
        return images
    places = torch.arange(-reach, reach + 1, dtype=torch.float64)
    row = torch.exp(-(places**2) / (2 * sigma**2))
    row = (row / row.sum()).to(images)
    height, width = images.shape[-2:]
    single = images.reshape(-1, 1, height, width)
    single = single.index_select(2, _mirrored(height, reach, images.device))
    single = F.conv2d(single, row[None, None, :, None])
    single = single.index_select(3, _mirrored(width, reach, images.device))
    return F.conv2d(single, row[None, None, None]).reshape(images.shape)


def reduce(images: Tensor) -> Tensor:
    """The next coarser level: smoothed, then half as many rows and columns, rounded up, by linear interpolation."""
    height, width = images.shape[-2:]
    return _resized(smooth(images, SIGMA), (-(-height // 2), -(-width // 2)))


def expand(images: Tensor, size: tuple[int, int]) -> Tensor:
    """A level at the ``size`` (rows, columns) of the next finer one: linear interpolation, then smoothed."""
    return smooth(_resized(images, size), SIGMA)


def gaussian_pyramid(images: Tensor, levels: int | None = None) -> tuple[Tensor, ...]:
    """The image, and each level :func:`reduce` d from the one before.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    levels : int, optional
        Levels beyond the image; as many as there are until nothing changes by default, and never more.
    """
    found = [images]
    while (levels is None or len(found) <= levels) and max(found[-1].shape[-2:]) > 1:
        found.append(reduce(found[-1]))
    return tuple(found)


def laplacian_pyramid(images: Tensor, levels: int | None = None) -> tuple[Tensor, ...]:
    """What each level of the Gaussian pyramid has beyond the next one expanded, and the last level itself.

    Signed, but for the last; :func:`reconstruct` gives the image again.

    Notes
    -----
    Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983; with scikit-image's smoothing in the place
    of the paper's five weights.
    """
    gaussian = gaussian_pyramid(images, levels)
    finer = [level - expand(coarser, _size(level)) for level, coarser in pairwise(gaussian)]
    return (*finer, gaussian[-1])


def reconstruct(pyramid: tuple[Tensor, ...]) -> Tensor:
    """The image of a Laplacian pyramid, up to rounding."""
    image = pyramid[-1]
    for level in reversed(pyramid[:-1]):
        image = level + expand(image, _size(level))
    return image


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(images, size, mode="bilinear", align_corners=False)


def _mirrored(size: int, reach: int, device: torch.device) -> Tensor:
    """Pixels of an axis and of ``reach`` more on both sides, where the edge is repeated: c b a a b c c b a."""
    places = torch.arange(-reach, size + reach, device=device) % (2 * size)
    return torch.minimum(places, 2 * size - 1 - places)
