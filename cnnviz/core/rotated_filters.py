"""Rotated versions of a filter, and the maximum over them: pooling across channels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class RotationCurve:
    """The largest response anywhere on an image that is turned, one entry an angle.

    Attributes
    ----------
    angles : array (angles,)
        Of the image, in degrees, counter-clockwise.
    responses : array (angles, filters)
        Of each filter of the bank.
    """

    angles: NDArray[np.float64]
    responses: NDArray[np.float64]

    @property
    def maximum(self) -> NDArray[np.float64]:
        """Over the bank, (angles,)."""
        highest: NDArray[np.float64] = self.responses.max(1)
        return highest

    @property
    def spread(self) -> tuple[float, float]:
        """(max − min) / max over the angles: of the first filter alone, and of the maximum over the bank."""
        return _spread(self.responses[:, 0]), _spread(self.maximum)


def _spread(responses: NDArray[np.float64]) -> float:
    highest = float(responses.max())
    return (highest - float(responses.min())) / highest if highest > 0 else math.nan


def rotate(images: Tensor, degrees: Sequence[float], sampling: str = "bilinear") -> Tensor:
    """One image or filter (1, C, H, W), square pixels, turned about its centre; what comes in from outside is 0.

    Returns
    -------
    Tensor (len(degrees), C, H, W)
        Turned counter-clockwise; turns by 90° of a square move pixels without changing them, up to rounding.
    """
    height, width = images.shape[-2:]
    angles = torch.tensor([math.radians(angle) for angle in degrees], dtype=torch.float64)
    cos, sin = angles.cos(), angles.sin()
    aspect = max(width - 1, 1) / max(height - 1, 1)
    zero = torch.zeros_like(cos)
    theta = torch.stack([torch.stack([cos, -sin / aspect, zero], 1), torch.stack([sin * aspect, cos, zero], 1)], 1).to(
        images
    )
    count = len(degrees)
    grid = F.affine_grid(theta, [count, images.shape[1], height, width], align_corners=True)
    # rounding would put the pixels of the edge outside
    grid = torch.where((grid.abs() - 1).abs() < 1e-5, grid.sign(), grid)
    return F.grid_sample(
        images.expand(count, -1, -1, -1), grid, mode=sampling, padding_mode="zeros", align_corners=True
    )


def disc(size: int) -> Tensor:
    """1 within the circle that touches the sides of a square of pixels, 0 outside, ``(size, size)``."""
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return (places[:, None] ** 2 + places**2 <= (size / 2) ** 2).double()


def rotated_bank(weight: Tensor, count: int = 8, *, masked: bool = True, sampling: str = "bicubic") -> Tensor:
    """A filter turned in equal steps through the full circle.

    Parameters
    ----------
    weight : Tensor (C, k, k)
        Of one filter; the first of the bank is the filter itself.
    count : int
        Filters in the bank.
    masked : bool
        Leave only the disc inside the square, in all of them: corners would turn out of it.

    Returns
    -------
    Tensor (count, C, k, k)
        All with the sum and the norm of the first, so that they answer their own pattern alike.

    Raises
    ------
    ValueError
        The filter is not square, or the bank would be empty.
    """
    rows, columns = weight.shape[-2:]
    if rows != columns:
        raise ValueError(f"a filter of {rows}×{columns} has no disc to turn in; choose a square one")
    if count < 1:
        raise ValueError("a bank has at least one filter")
    mask = disc(rows).to(weight) if masked else torch.ones_like(weight[0])
    bank = rotate((weight * mask)[None], [360 * step / count for step in range(count)], sampling) * mask
    return _alike(bank, mask)


def _alike(bank: Tensor, mask: Tensor) -> Tensor:
    """Give every filter the sum (for each channel) and the norm of the first: interpolation takes of both."""
    cells = mask.sum()
    means = bank.sum((2, 3), keepdim=True) / cells
    centred = (bank - means) * mask
    norms = centred.flatten(1).norm(dim=1)
    scale = torch.where(norms > 1e-12, norms[0] / norms.clamp(min=1e-12), 1.0)
    return centred * scale[:, None, None, None] + means[:1] * mask


def responses(images: Tensor, bank: Tensor, padding: int = 0) -> Tensor:
    """Cross-correlation of images (N, C, H, W) with each filter of the bank: (N, filters, rows, columns)."""
    return F.conv2d(images, bank.to(images), padding=padding)


def against_rotation(image: Tensor, bank: Tensor, angles: Sequence[float]) -> RotationCurve:
    """Turn an image (1, C, H, W) about its centre, and take the largest response of each filter on it.

    The image is masked to the disc inside it, so that corners do not turn out of it.

    Raises
    ------
    ValueError
        The image is not square.
    """
    if image.shape[-1] != image.shape[-2]:
        raise ValueError("the image to be turned is square")
    mask = disc(image.shape[-1]).to(image)
    turned = rotate(image * mask, list(angles), "bicubic") * mask
    found = responses(turned, bank).flatten(2).amax(2)
    return RotationCurve(np.asarray(angles, np.float64), found.double().cpu().numpy())
