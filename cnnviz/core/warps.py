"""Smooth elastic deformations of images."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.core.pyramids import smooth

Sampling = Literal["bilinear", "bicubic"]
"""Of values between pixels; the cubic is Keys's with a = −3/4, as in torch and OpenCV."""


def elastic_field(height: int, width: int, strength: float, *, smoothness: float = 4.0, seed: int = 0) -> Tensor:
    """A random smooth displacement of every pixel.

    Parameters
    ----------
    strength : float
        Root mean square of the displacements' lengths, in pixels. Fields of one seed are the same but for their length.
    smoothness : float
        Width of the Gaussian that smooths them, in pixels; displacements this far apart are alike.

    Returns
    -------
    Tensor (2, height, width)
        By how many rows and columns away each pixel of the result is taken from.

    Raises
    ------
    ValueError
        The strength is negative, the smoothness is not above 0, or one of them is not finite.

    Notes
    -----
    Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks", 2003; unlike there the strength is
    that of the result, so that it does not depend on the smoothness.
    """
    if not (math.isfinite(strength) and strength >= 0 and math.isfinite(smoothness) and smoothness > 0):
        raise ValueError("the strength of a warp is 0 or more pixels, and its smoothness more than 0")
    noise = torch.rand((1, 2, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    field = smooth(noise * 2 - 1, smoothness)[0]
    # what all pixels share is a shift, which other measures are about
    field = field - field.mean((1, 2), keepdim=True)
    length = field.square().sum(0).mean().sqrt()
    return field * (strength / length) if length > 0 else field


def warp(images: Tensor, fields: Tensor, sampling: Sampling = "bilinear") -> Tensor:
    """Images with each pixel taken from where a displacement points to; beyond the border the edge goes on.

    Parameters
    ----------
    images : Tensor (N, C, H, W) or (1, C, H, W)
    fields : Tensor (N, 2, H, W) or (2, H, W)
        As of :func:`elastic_field`. One image is warped by each field, or each image by its own.
    """
    fields = (fields if fields.ndim == 4 else fields[None]).to(images)
    count = max(len(images), len(fields))
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device)[:, None] + fields[:, 0]
    columns = torch.arange(width, device=images.device) + fields[:, 1]
    # −1 and 1 are the centres of the first and the last pixel
    grid = torch.stack([2 * columns / max(width - 1, 1) - 1, 2 * rows / max(height - 1, 1) - 1], -1)
    return F.grid_sample(
        images.expand(count, -1, -1, -1),
        grid.expand(count, -1, -1, -1),
        mode=sampling,
        padding_mode="border",
        align_corners=True,
    )


def elastic_warps(
    images: Tensor,
    strengths: Sequence[float],
    *,
    smoothness: float = 4.0,
    seed: int = 0,
    sampling: Sampling = "bilinear",
) -> Tensor:
    """One image under the same warp in several strengths.

    Parameters
    ----------
    images : Tensor (1, C, H, W)
    strengths : sequence of float
        In pixels; with ``smoothness`` and ``seed`` as of :func:`elastic_field`.

    Returns
    -------
    Tensor (len(strengths), C, H, W)
    """
    height, width = images.shape[-2:]
    unit = elastic_field(height, width, 1.0, smoothness=smoothness, seed=seed)
    amounts = torch.tensor(list(strengths), dtype=unit.dtype)
    return warp(images, amounts[:, None, None, None] * unit, sampling)
