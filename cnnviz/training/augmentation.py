"""Random changes that leave an image's class as it is, each drawn anew for every image of a batch."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

LARGEST_SHIFT = 0.18  # of the image's side: 5 of MNIST's 28 pixels
LARGEST_ROTATION = math.radians(20)
LARGEST_SHEAR = 0.3
SCALES = (0.65, 1.25)
ASPECT_RATIOS = (0.85, 1.18)
THICKNESSES = (-1.0, 2.0)
GAINS = (0.6, 1.6)
CROP_MARGIN = 0.125  # of the image's side: 4 of CIFAR-10's 32 pixels
CUTOUT_SIDE = 0.25


@dataclass(frozen=True)
class Draws:
    """Random numbers for every image of a batch, of which each process takes those of its own part.

    So that several processes change the images as one does that has the whole batch.

    Attributes
    ----------
    generator
        On the CPU wherever the images are: all devices draw the same.
    index, count
        Which part of how many, all of one size.
    """

    generator: Generator
    index: int = 0
    count: int = 1

    def uniform(self, size: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """float32, (size,), from ``low`` to ``high``."""
        return self._own(torch.rand(self.count * size, generator=self.generator)) * (high - low) + low

    def whole_numbers(self, size: int, below: int) -> Tensor:
        """int64, (size,), from 0 to ``below - 1``."""
        return self._own(torch.randint(below, (self.count * size,), generator=self.generator))

    def _own(self, drawn: Tensor) -> Tensor:
        size = len(drawn) // self.count
        return drawn[self.index * size : (self.index + 1) * size]


def augment(images: Tensor, names: Sequence[str], draws: Draws) -> Tensor:
    """Apply the augmentations called ``names``, one after another.

    Parameters
    ----------
    images
        (N, C, H, W), values in [0, 1].
    names
        Keys of ``AUGMENTATIONS``.
    draws
        Where every random number is from.

    Returns
    -------
    Tensor
        Of the same shape, values in [0, 1].
    """
    for name in names:
        images = AUGMENTATIONS[name](images, draws)
    return images


def affine(images: Tensor, draws: Draws) -> Tensor:
    """Shift, rotate, scale and shear about the centre; what comes in from outside is zero."""
    count, _, height, width = images.shape
    angle = draws.uniform(count, -LARGEST_ROTATION, LARGEST_ROTATION)
    shear = draws.uniform(count, -LARGEST_SHEAR, LARGEST_SHEAR)
    scale = draws.uniform(count, *SCALES)
    aspect = draws.uniform(count, *ASPECT_RATIOS).sqrt()
    cos, sin = angle.cos(), angle.sin()
    forward = torch.stack([cos, cos * shear - sin, sin, sin * shear + cos], dim=1).view(count, 2, 2)
    forward = forward * torch.stack([scale * aspect, scale / aspect], dim=1)[:, None, :]
    backward = torch.linalg.inv(forward)
    # grid_sample counts both sides from -1 to 1, so on an image that is not square a rotation has to be stretched.
    stretch = torch.tensor([[1.0, height / width], [width / height, 1.0]])
    shift = 2 * draws.uniform(2 * count, -LARGEST_SHIFT, LARGEST_SHIFT).view(count, 2, 1)
    matrices = torch.cat([backward * stretch, shift], dim=2).to(images.device)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def thickness(images: Tensor, draws: Draws) -> Tensor:
    """Thin or thicken bright strokes on dark ground, continuously from a 2×2 erosion to two 3×3 dilations."""
    amount = draws.uniform(len(images), *THICKNESSES)[:, None, None, None].to(images.device)
    thin = -F.max_pool2d(F.pad(-images, (0, 1, 0, 1)), kernel_size=2, stride=1)
    thick = F.max_pool2d(images, kernel_size=3, stride=1, padding=1)
    thicker = F.max_pool2d(thick, kernel_size=3, stride=1, padding=1)
    thinned = torch.lerp(images, thin, amount.clamp(-1, 0).neg())
    return torch.lerp(torch.lerp(thinned, thick, amount.clamp(0, 1)), thicker, (amount - 1).clamp(0, 1))


def brightness(images: Tensor, draws: Draws) -> Tensor:
    """Multiply by a gain; what passes 1 is cut off."""
    gain = draws.uniform(len(images), *GAINS)[:, None, None, None]
    return (images * gain.to(images.device)).clamp(max=1)


def flip(images: Tensor, draws: Draws) -> Tensor:
    """Mirror left and right, half of the images."""
    mirrored = draws.uniform(len(images)) < 0.5
    return torch.where(mirrored[:, None, None, None].to(images.device), images.flip(3), images)


def crop(images: Tensor, draws: Draws) -> Tensor:
    """Shift by whole pixels; what comes in from outside is the image's own reflection."""
    count, _, height, width = images.shape
    margin_rows, margin_columns = round(CROP_MARGIN * height), round(CROP_MARGIN * width)
    padded = F.pad(images, (margin_columns, margin_columns, margin_rows, margin_rows), mode="reflect")
    rows = draws.whole_numbers(count, 2 * margin_rows + 1)[:, None] + torch.arange(height)
    columns = draws.whole_numbers(count, 2 * margin_columns + 1)[:, None] + torch.arange(width)
    each = torch.arange(count, device=images.device)[:, None, None]
    rows, columns = rows.to(images.device), columns.to(images.device)
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor, draws: Draws) -> Tensor:
    """Grey out a square whose centre is anywhere in the image.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
    """
    count, _, height, width = images.shape
    inside = torch.ones(count, 1, 1, dtype=torch.bool)
    for side, axis in ((height, (1, -1, 1)), (width, (1, 1, -1))):
        centre = draws.whole_numbers(count, side)[:, None, None]
        inside = inside & ((torch.arange(side).view(axis) - centre).abs() <= CUTOUT_SIDE * side / 2)
    return images.masked_fill(inside[:, None].to(images.device), 0.5)


AUGMENTATIONS: Mapping[str, Callable[[Tensor, Draws], Tensor]] = MappingProxyType(
    {
        "affine": affine,
        "thickness": thickness,
        "brightness": brightness,
        "flip": flip,
        "crop": crop,
        "cutout": cutout,
    }
)
