"""Invariance and equivariance apart: the maximum of an image that is moved, the spectrum of one that is turned."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.transforms import MapGrid, Transform, move_images, move_map


@dataclass(frozen=True, eq=False)
class MaximumTrace:
    """The maximum of an image, shift by shift.

    Attributes
    ----------
    shifts : tuple of (float, float)
        Down and to the right, in pixels.
    values : array (shifts,)
        The maximum of each moved image: what does not change is invariant.
    places : array of int (shifts, 3)
        Channel, row and column where it lies: this goes along with the image.
    """

    shifts: tuple[tuple[float, float], ...]
    values: NDArray[np.float64]
    places: NDArray[np.int64]


def maximum_under_translation(image: Tensor, shifts: Sequence[tuple[float, float]]) -> MaximumTrace:
    """Follow the maximum of ``image`` (C, H, W) through wrapped shifts, the first of which should be (0, 0).

    By whole pixels it stays exactly what it is. Between pixels the image is interpolated, and the maximum of the
    samples may rise or fall a little: the maximum of the trigonometric polynomial would stay.

    Raises
    ------
    ValueError
        There is no shift, or the image is not finite.
    """
    if not shifts:
        raise ValueError("There is no shift to follow the maximum through: give at least one.")
    if not bool(image.isfinite().all()):
        raise ValueError("The image has values that are not finite; it has no maximum to follow.")
    moved = torch.cat([move_images(image[None], Transform(rows, columns)) for rows, columns in shifts])
    flat = moved.flatten(1)
    places = np.stack(np.unravel_index(flat.argmax(1).cpu().numpy(), tuple(image.shape)), 1)
    return MaximumTrace(tuple(shifts), flat.amax(1).double().cpu().numpy(), places.astype(np.int64))


@dataclass(frozen=True, eq=False)
class TurnedSpectrum:
    """The discrete Fourier transform F of an image, and of the image turned; frequency 0 lies at (N // 2, N // 2).

    Attributes
    ----------
    image, turned_image : Tensor (N, N)
        x and T x, as they were transformed (with the window, if one was asked for).
    spectrum, of_turned, turned : Tensor, complex (N, N)
        F(x), F(T x) and T F(x).
    error : float
        ‖F(Tx) − T F(x)‖ / ‖F(x)‖, as complex numbers.
    magnitude_error : float
        The same of magnitudes, ‖|F(Tx)| − T|F(x)|‖ / ‖F(x)‖.
    """

    image: Tensor
    turned_image: Tensor
    spectrum: Tensor
    of_turned: Tensor
    turned: Tensor
    error: float
    magnitude_error: float


def spectrum_under_rotation(image: Tensor, degrees: float, *, window: bool = True) -> TurnedSpectrum:
    """The spectrum of ``image`` (H, W) before and after it is turned counter-clockwise.

    The image is cut to the square at its centre and turned about the pixel (N // 2, N // 2), which the transform takes
    for index (0, 0). About this index a quarter turn of the wrapped image is a permutation of its pixels, of which the
    transform makes the same permutation of frequencies: exact. By other angles the plane turns, but not the square it
    is repeated by; a window that fades the image out towards the circle in the square leaves little at the seam.

    Parameters
    ----------
    window : bool
        Whether to fade out (a Hann window of the distance from the centre).

    Raises
    ------
    ValueError
        The image has less than two rows or columns, is not finite, or is zero.
    """
    size = min(image.shape)
    if image.ndim != 2 or size < 2 or not bool(image.isfinite().all()):
        raise ValueError("Only a finite image (H, W) of at least 2×2 pixels can be turned.")
    top, left = (length // 2 - size // 2 for length in image.shape)
    square = image[top : top + size, left : left + size].double()
    if window:
        square = square * _window(size)
    if not bool(square.any()):
        raise ValueError("The image is zero everywhere, and so is its spectrum.")
    turned_image = _turn(square[None], degrees)[0]
    spectrum, of_turned = (_spectrum(each) for each in (square, turned_image))
    parts = _turn(torch.stack([spectrum.real, spectrum.imag, spectrum.abs()]), degrees)
    turned = torch.complex(parts[0], parts[1])
    scale = float(spectrum.norm())
    error = float((of_turned - turned).norm()) / scale
    magnitude_error = float((of_turned.abs() - parts[2]).norm()) / scale
    return TurnedSpectrum(square, turned_image, spectrum, of_turned, turned, error, magnitude_error)


def _turn(maps: Tensor, degrees: float) -> Tensor:
    """Maps (C, N, N), wrapped, about (N // 2, N // 2)."""
    size = maps.shape[1]
    odd = 2 * (size // 2) + 1  # the image whose centre that pixel is
    grid = MapGrid((size, size), (1.0, 1.0), (0.0, 0.0), (odd, odd))
    return move_map(maps[None], grid, Transform(rotation=degrees))[0]


def _spectrum(image: Tensor) -> Tensor:
    centred: Tensor = torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(image)))
    return centred


def _window(size: int) -> Tensor:
    places = torch.arange(size, dtype=torch.float64) - size // 2
    distance = torch.hypot(places[:, None], places[None]) / max(size // 2, 1)
    return torch.cos(distance.clamp(max=1.0) * (math.pi / 2)) ** 2
