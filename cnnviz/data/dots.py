"""One bright dot in each image, made by the program: a data set in which nothing but the place matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.labelled_images import LabelledImages

SIDE = 28
CELLS = 4
"""In each direction: the cells are of 7 pixels, which the windows of 2, 4 and 8 pixels do not divide."""
COUNTS = {"train": 3000, "test": 1000}
CLASS_NAMES = tuple(f"row {row}, column {column}" for row in range(1, CELLS + 1) for column in range(1, CELLS + 1))
_SEEDS = {"train": 0, "test": 1}

_RADIUS = 1.2
_ROOM = 2.0
"""Between the centre of a dot and the edge of the image, in pixels: no dot is cut off."""
_NOISE = 0.04


@dataclass(frozen=True, eq=False)
class Dots:
    """One dot in each image.

    Attributes
    ----------
    images
        uint8, (N, 1, 28, 28).
    labels
        int64, (N,): indices into ``CLASS_NAMES``.
    centres
        float64, (N, 2): row and column, in pixels; the centre of the first pixel is (0.5, 0.5).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    centres: NDArray[np.float64]


def draw_dots(count: int, seed: int) -> Dots:
    """Dots at random places, all of one size and brightness, on dark noisy ground; the same for the same seed.

    The class is the cell, of a grid of 4×4, in which the centre lies.
    """
    random = np.random.default_rng(seed)
    centres = random.uniform(_ROOM, SIDE - _ROOM, (count, 2))
    cells = (centres * CELLS / SIDE).astype(np.int64)
    ticks = np.arange(SIDE) + 0.5
    down, across = (np.exp(-(((ticks - centres[:, axis, None]) / _RADIUS) ** 2)) for axis in (0, 1))
    light = down[:, :, None] * across[:, None, :] + random.normal(0, _NOISE, (count, SIDE, SIDE))
    images = np.rint(light.clip(0, 1) * 255).astype(np.uint8)[:, None]
    return Dots(images, cells[:, 0] * CELLS + cells[:, 1], centres)


def load_dots(split: str) -> LabelledImages:
    """3,000 images to train on or 1,000 to test with; the same ones always."""
    dots = draw_dots(COUNTS[split], _SEEDS[split])
    return LabelledImages(dots.images, dots.labels, CLASS_NAMES)
