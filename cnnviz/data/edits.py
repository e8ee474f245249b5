"""Edits of the network's input: moved, turned, blurred, re-lit, disturbed, covered.

The order is fixed: geometry (flip, then zoom and rotation about the image's centre, then shift), blur, invert,
contrast, brightness, noise, occluder. All lengths are in pixels of the network's input. Positions are
``(row, column)`` on a continuous canvas: pixel ``(i, j)`` covers ``[i, i + 1) × [j, j + 1)``.
"""

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cnnviz.data.colour import Pixels
from cnnviz.data.frozen import Frozen

Border = Literal["background", "edge", "wrap"]


class Edits(Frozen):
    """What is done to the input after it was drawn; the defaults leave it as it is."""

    shift_rows: float = Field(0.0, ge=-32, le=32, description="Shift downwards, in pixels of the network's input")
    shift_columns: float = Field(0.0, ge=-32, le=32, description="Shift to the right, in pixels of the network's input")
    rotation: float = Field(0.0, ge=-180, le=180, description="Rotation about the centre in degrees, counter-clockwise")
    zoom: float = Field(1.0, ge=0.25, le=4, description="Magnification about the centre")
    flip_horizontal: bool = Field(False, description="Mirror left and right")
    flip_vertical: bool = Field(False, description="Mirror top and bottom")
    border: Border = Field(
        "background",
        description="What comes in from outside: the background, the outermost pixels, or the opposite side",
    )
    blur: float = Field(0.0, ge=0, le=8, description="Gaussian blur: standard deviation in pixels")
    invert: bool = Field(False, description="Black becomes white and white black")
    contrast: float = Field(1.0, ge=0, le=3, description="Factor on the distance from mid-grey (0.5)")
    brightness: float = Field(0.0, ge=-1, le=1, description="Added to every value")
    noise: float = Field(0.0, ge=0, le=1, description="Gaussian noise: standard deviation")
    noise_seed: int = Field(0, ge=0, le=2**31 - 1, description="Another number gives other noise of the same kind")
    occlude: bool = Field(False, description="Cover part of the input with a square")
    occluder_row: float = Field(14.0, ge=0, le=4096, description="Row of the square's centre, in pixels")
    occluder_column: float = Field(14.0, ge=0, le=4096, description="Column of the square's centre, in pixels")
    occluder_size: float = Field(8.0, ge=0, le=4096, description="Side of the square, in pixels")
    occluder_value: float = Field(0.5, ge=0, le=1, description="Value of the square: 0 black, 1 white")


def geometry_is_identity(edits: Edits) -> bool:
    """Whether every pixel stays where it is."""
    moved = edits.shift_rows or edits.shift_columns or edits.rotation or edits.zoom != 1
    return not (moved or edits.flip_horizontal or edits.flip_vertical)


def is_identity(edits: Edits) -> bool:
    """Whether the edits leave every image as it is."""
    relit = edits.blur or edits.invert or edits.contrast != 1 or edits.brightness or edits.noise
    return geometry_is_identity(edits) and not (relit or edits.occlude)


def apply_edits(image: Pixels, edits: Edits, background: float = 0.0) -> Pixels:
    """The edited image.

    All geometry is one resampling. It is bilinear: never outside the range of its neighbours (a cubic overshoots at the
    edge of a stroke, and would then be cut off), and four taps a pixel are cheap enough for every frame. Flips, shifts
    by whole pixels and quarter turns of a square are exact copies. Before zooming out the image is blurred as much as
    it shrinks, against aliasing.

    Parameters
    ----------
    image : array, float32, (C, H, W), in [0, 1]
    background : float
        What lies around the image where ``edits.border`` is "background".

    Returns
    -------
    array, float32, (C, H, W), in [0, 1]
        ``image`` itself where nothing changes.
    """
    if not geometry_is_identity(edits):
        # Half of how many pixels fall into one, less the half that bilinear taps already average.
        image = _blurred(image, max(0.0, (1 / edits.zoom - 1) / 2), edits.border, background)
        image = _resampled(image, edits, background)
    image = _blurred(image, edits.blur, edits.border, background)
    if edits.invert:
        image = 1 - image
    if edits.contrast != 1 or edits.brightness:
        image = _clipped(image * np.float32(edits.contrast) + np.float32(0.5 - 0.5 * edits.contrast + edits.brightness))
    if edits.noise:
        image = _clipped(image + np.float32(edits.noise) * _noise(image.shape, edits.noise_seed))
    return _occluded(image, edits) if edits.occlude else image


def source_position(edits: Edits, height: int, width: int, row: float, column: float) -> tuple[float, float]:
    """Where a position on the edited image lies in the unedited one.

    With the border "wrap" the answer is inside the image, so that a pen that crosses the seam jumps by a whole side;
    else it may lie outside.
    """
    (a, b), (c, d) = _inverse(edits)
    y = row - height / 2 - edits.shift_rows
    x = column - width / 2 - edits.shift_columns
    row, column = height / 2 + a * y + b * x, width / 2 + c * y + d * x
    return (row % height, column % width) if edits.border == "wrap" else (row, column)


def _inverse(edits: Edits) -> tuple[tuple[float, float], tuple[float, float]]:
    """The matrix from edited to unedited (row, column), both counted from the centre."""
    # Exact at quarter turns, where the cosine of a rounded angle would not be.
    quarter = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), -90.0: (0.0, -1.0), 180.0: (-1.0, 0.0), -180.0: (-1.0, 0.0)}
    angle = math.radians(edits.rotation)
    cosine, sine = quarter.get(edits.rotation) or (math.cos(angle), math.sin(angle))
    rows = (-1 if edits.flip_vertical else 1) / edits.zoom
    columns = (-1 if edits.flip_horizontal else 1) / edits.zoom
    return (rows * cosine, rows * sine), (-columns * sine, columns * cosine)


def _resampled(image: Pixels, edits: Edits, background: float) -> Pixels:
    channels, height, width = image.shape
    (a, b), (c, d) = _inverse(edits)
    y = (np.arange(height) + (0.5 - height / 2 - edits.shift_rows))[:, np.newaxis]
    x = np.arange(width) + (0.5 - width / 2 - edits.shift_columns)
    # Less half a pixel: from positions to indices of pixels, whose centres are sampled.
    rows = a * y + b * x + (height / 2 - 0.5)
    columns = c * y + d * x + (width / 2 - 0.5)
    if edits.border == "background":
        framed = np.full((channels, height + 2, width + 2), background, np.float32)
        framed[:, 1:-1, 1:-1] = image
        image, rows, columns = framed, rows + 1, columns + 1
    top, bottom, down = _taps(rows, image.shape[1], edits.border)
    left, right, across = _taps(columns, image.shape[2], edits.border)
    flat = image.reshape(channels, -1)
    top *= image.shape[2]
    bottom *= image.shape[2]
    upper: Pixels = flat.take(top + left, axis=1) * (1 - across) + flat.take(top + right, axis=1) * across
    lower: Pixels = flat.take(bottom + left, axis=1) * (1 - across) + flat.take(bottom + right, axis=1) * across
    return _clipped(upper * (1 - down) + lower * down)


def _taps(
    positions: NDArray[np.float64], length: int, border: Border
) -> tuple[NDArray[np.int32], NDArray[np.int32], Pixels]:
    """The two pixels along one axis that each position lies between, and the weight of the second."""
    if border != "wrap":
        # Beyond the border every value is that of the outermost pixel (of the frame, for a background).
        positions = np.minimum(np.maximum(positions, 0), length - 1)
    floor = np.floor(positions)
    weight = (positions - floor).astype(np.float32)
    first = floor.astype(np.int32)
    if border == "wrap":
        return first % length, (first + 1) % length, weight
    return first, np.minimum(first + 1, length - 1), weight


def _blurred(image: Pixels, sigma: float, border: Border, background: float) -> Pixels:
    if sigma < 1e-3:
        return image
    from scipy import ndimage

    mode = {"background": "grid-constant", "edge": "nearest", "wrap": "grid-wrap"}[border]
    return _clipped(ndimage.gaussian_filter(image, (0, sigma, sigma), mode=mode, cval=background))


@lru_cache(maxsize=2)
def _noise(shape: tuple[int, ...], seed: int) -> Pixels:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _clipped(image: Pixels) -> Pixels:
    """The image, itself clipped: also averages leave the range by a rounding error."""
    np.maximum(image, 0, out=image)
    np.minimum(image, 1, out=image)
    return image


def _occluded(image: Pixels, edits: Edits) -> Pixels:
    """Pixels that the square covers in part are mixed by the area covered."""
    _, height, width = image.shape
    covered = np.outer(
        _covered(height, edits.occluder_row, edits.occluder_size),
        _covered(width, edits.occluder_column, edits.occluder_size),
    )
    occluded: Pixels = image * (1 - covered) + covered * np.float32(edits.occluder_value)
    return occluded


def _covered(length: int, centre: float, size: float) -> Pixels:
    starts = np.arange(length)
    overlap = np.minimum(starts + 1, centre + size / 2) - np.maximum(starts, centre - size / 2)
    covered: Pixels = np.maximum(overlap, 0).astype(np.float32)
    return covered
