"""Grey from colour, by the same weights everywhere: when a photo is fitted and when a brush paints."""

import numpy as np
from numpy.typing import NDArray

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey: ITU-R BT.601, as Pillow's mode L and torchvision have them."""

Pixels = NDArray[np.float32]
"""An image: float32, ``(C, H, W)``, in [0, 1]."""


def grey_level(colour: tuple[float, float, float]) -> float:
    """Luminance of one RGB colour."""
    return sum(weight * value for weight, value in zip(LUMINANCE, colour, strict=True))


def to_grey(pixels: Pixels) -> Pixels:
    """The luminance of an image of three channels, as ``(1, H, W)``; an image of one channel as it is."""
    if pixels.shape[0] == 1:
        return pixels
    # A product of matrices may add in another order at another size; equal colours must give equal greys.
    red, green, blue = (np.float32(weight) * channel for weight, channel in zip(LUMINANCE, pixels, strict=True))
    grey: Pixels = np.minimum(red + green + blue, np.float32(1))[np.newaxis]
    return grey
