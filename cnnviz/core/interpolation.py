"""Values between the cells of a map: weights of its cells at any position, along one axis or in the plane."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Border = Literal["wrap", "zeros", "edge", "mean"]
"""What comes in from outside: the opposite side, black, the outermost pixels, or the mean of each channel."""

Floats = NDArray[np.float64]
Taps = tuple[tuple[NDArray[np.int64], Floats], ...]
"""Places of cells, and the weight of each, for every position."""

WHOLE = 1e-9
"""Positions as near as this to a whole cell are at it."""


def trigonometric(positions: Floats, length: int) -> Floats:
    """Weights (positions, length) of the trigonometric polynomial through ``length`` cells of one period."""
    distance = positions[:, None] - np.arange(length)
    whole = np.abs(distance - np.round(distance)) < WHOLE
    angle = np.pi * np.where(whole, 0.5, distance)
    kernel = np.sin(angle) / (length * (np.tan(angle / length) if length % 2 == 0 else np.sin(angle / length)))
    return np.asarray(np.where(whole, np.round(distance) % length == 0, kernel))


def cubic(positions: Floats, length: int, border: Border) -> Floats:
    """Weights (positions, length) of Keys' cubic convolution; those of cells outside go where ``border`` says."""
    matrix = np.zeros((len(positions), length))
    rows = np.arange(len(positions))
    for places, weights in _axis_taps(positions, length, border):
        np.add.at(matrix, (rows, places), weights)
    return matrix


def planar_taps(positions: tuple[Floats, Floats], shape: tuple[int, int], borders: Sequence[Border]) -> Taps:
    """Places in the flattened map, and their weights, for positions in the plane; as :func:`cubic` in each axis."""
    rows, columns = (_axis_taps(p, n, border) for p, n, border in zip(positions, shape, borders, strict=True))
    pairs = [(r * shape[1] + c, v * w) for r, v in rows for c, w in columns]
    return tuple((places, weights) for places, weights in pairs if weights.any())


def _axis_taps(positions: Floats, length: int, border: Border) -> Taps:
    base = np.floor(positions)
    found = []
    for offset in (-1, 0, 1, 2):
        weights = _keys(positions - base - offset)
        places = (base + offset).astype(np.int64)
        if border == "wrap":
            places %= length
        else:
            if border != "edge":
                weights = np.where((places < 0) | (places >= length), 0.0, weights)
            places = places.clip(0, length - 1)
        found.append((places, weights))
    return tuple(found)


def _keys(distance: Floats) -> Floats:
    """The kernel of Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -1/2."""
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def snapped(positions: Floats) -> Floats:
    """Positions that are whole up to rounding, made whole."""
    whole = np.round(positions)
    return np.where(np.abs(positions - whole) < WHOLE, whole, positions)


def back_in(positions: Floats, length: int, period: float) -> Floats:
    """Positions outside the map moved by whole periods to where the map has them, if it has."""
    inside = positions - period * np.floor(positions / period + WHOLE)
    return np.where((inside >= -WHOLE) & (inside <= length - 1 + WHOLE), inside, positions)
