"""The pixels of all images in another order: what is near is near no more, and nothing else is lost.

Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.4: to a network whose layers connect everything with
everything the order of its inputs means nothing; a convolution is a prior that rests on it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.colour import Pixels
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.data.resampling import resample

PERMUTED_WORDS = ", pixels permuted"
"""Behind the name of a data set."""

_SEED = 0


def pixel_permutation(height: int, width: int) -> NDArray[np.int64]:
    """For each pixel of the permuted image, row by row, the index of the pixel that it shows; (height · width,).

    One order for each size, whatever the run and its seed.
    """
    return np.random.default_rng([_SEED, height, width]).permutation(height * width)


def permute_pixels(images: LabelledImages) -> LabelledImages:
    """The same order for every image and every channel of it."""
    count, channels, height, width = images.images.shape
    flat = images.images.reshape(count, channels, height * width)
    permuted = flat[:, :, pixel_permutation(height, width)]
    return replace(images, images=permuted.reshape(images.images.shape))


def permuted_picture(pixels: Pixels, size: tuple[int, int] | None) -> Pixels:
    """An image (C, H, W) as a network gets it that learned from images permuted at ``size``; of None as it is.

    Where it has another size, it is brought to that one, permuted, and brought back, as the images of its training
    were.
    """
    if size is None:
        return pixels
    channels, height, width = pixels.shape
    small = pixels if size == (height, width) else resample(pixels, *size)
    permuted = small.reshape(channels, -1)[:, pixel_permutation(*size)].reshape(small.shape)
    return permuted if size == (height, width) else resample(permuted, height, width)
