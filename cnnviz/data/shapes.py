"""Coloured shapes on coloured ground, made by the program: a data set of which every pixel is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.labelled_images import LabelledImages

CLASS_NAMES = ("circle", "square", "triangle", "cross", "ring")
SIDE = 32
COUNTS = {"train": 6000, "test": 1000}
_SEEDS = {"train": 0, "test": 1}

_FINER = 3  # points per pixel and direction: what a shape covers of a pixel is counted in ninths
_RADII = (6.0, 13.0)
_NOISE = 0.03
_LEAST_CONTRAST = 0.45
_CHUNK = 250


@dataclass(frozen=True, eq=False)
class Shapes:
    """One shape in each image.

    Attributes
    ----------
    images
        uint8, (N, 3, 32, 32).
    labels
        int64, (N,): indices into ``CLASS_NAMES``.
    masks
        uint8, (N, 32, 32): 1 where the shape covers at least half of the pixel, else 0.
    centres
        float64, (N, 2): row and column, in pixels; the centre of the first pixel is (0.5, 0.5).
    radii
        float64, (N,): of the circle around the shape, in pixels.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    masks: NDArray[np.uint8]
    centres: NDArray[np.float64]
    radii: NDArray[np.float64]


def draw_shapes(count: int, seed: int) -> Shapes:
    """Shapes of random kind, place, size, angle and colour, each wholly in its image; the same for the same seed.

    Colour tells nothing of the kind: shape and ground are two random colours that differ enough to be told apart.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(CLASS_NAMES), count)
    radii = random.uniform(*_RADII, count)
    centres = radii[:, None] + random.random((count, 2)) * (SIDE - 2 * radii[:, None])
    angles = random.uniform(0, 2 * np.pi, count)
    ground = random.random((count, 3))
    direction = random.normal(size=(count, 3))
    direction /= np.abs(direction).max(axis=1, keepdims=True)
    # Away from the side on which there is no room, so that no colour has to be cut off to nothing.
    direction *= np.where((ground > 0.5) == (direction > 0), -1, 1)
    ink = ground + direction * random.uniform(_LEAST_CONTRAST, 1, (count, 1)) * np.where(
        ground > 0.5, ground, 1 - ground
    )
    images = np.empty((count, 3, SIDE, SIDE), np.uint8)
    masks = np.empty((count, SIDE, SIDE), np.uint8)
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        cover = _coverage(labels[part], centres[part], radii[part], angles[part])
        masks[part] = cover >= 0.5
        colour = ground[part, :, None, None] + (ink - ground)[part, :, None, None] * cover[:, None]
        colour += random.normal(0, _NOISE, colour.shape)
        images[part] = np.rint(colour.clip(0, 1) * 255)
    return Shapes(images, labels, masks, centres, radii)


def load_shapes(split: str) -> LabelledImages:
    """6,000 images to train on or 1,000 to test with; the same ones always."""
    shapes = draw_shapes(COUNTS[split], _SEEDS[split])
    return LabelledImages(shapes.images, shapes.labels, CLASS_NAMES)


def _coverage(
    labels: NDArray[np.int64], centres: NDArray[np.float64], radii: NDArray[np.float64], angles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each pixel that the shape covers, (N, 32, 32)."""
    ticks = (np.arange(SIDE * _FINER) + 0.5) / _FINER
    rows = (ticks[None, :, None] - centres[:, 0, None, None]) / radii[:, None, None]
    columns = (ticks[None, None, :] - centres[:, 1, None, None]) / radii[:, None, None]
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    along, across = cos * columns + sin * rows, cos * rows - sin * columns
    inside = np.empty(along.shape, bool)
    for label in range(len(CLASS_NAMES)):
        chosen = labels == label
        inside[chosen] = _inside(label, along[chosen], across[chosen])
    cover: NDArray[np.float64] = inside.reshape(-1, SIDE, _FINER, SIDE, _FINER).mean(axis=(2, 4))
    return cover


def _inside(label: int, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points are in the shape of radius 1 about the origin."""
    name = CLASS_NAMES[label]
    within: NDArray[np.bool_]
    if name in ("circle", "ring"):
        distance = np.hypot(x, y)
        within = (distance <= 1) & (distance >= (0.6 if name == "ring" else 0))
    elif name == "square":
        within = np.maximum(np.abs(x), np.abs(y)) <= np.sqrt(0.5)
    elif name == "triangle":
        # Three half planes, each at half the radius from the centre.
        within = np.maximum(np.maximum(-y, y / 2 + x * np.sqrt(0.75)), y / 2 - x * np.sqrt(0.75)) <= 0.5
    else:
        thin, long = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
        within = (thin <= 0.28) & (long <= np.sqrt(1 - 0.28**2))
    return within
