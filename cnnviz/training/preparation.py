"""From the bytes of a data set to what a network takes."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.checkpoints.card import NetworkCard


def to_unit_range(images: NDArray[np.uint8]) -> Tensor:
    """uint8 images as float32 in [0, 1]."""
    # from_numpy does not take read-only arrays, and what is read from bytes is one.
    return torch.tensor(images).float().div_(255)


def at_size(images: Tensor, height: int, width: int) -> Tensor:
    """Images (N, C, H, W) resampled to ``height`` × ``width``, bilinear with antialiasing; else as they are."""
    if images.shape[2:] == (height, width):
        return images
    return F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False, antialias=True)


def to_network_input(images: Tensor, card: NetworkCard) -> Tensor:
    """Images in [0, 1] brought to the network's height and width, mean and standard deviation."""
    _, height, width = card.input_size
    images = at_size(images, height, width)
    return (images - _per_channel(card.mean, images.device)) / _per_channel(card.std, images.device)


@lru_cache(maxsize=16)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Kept, because to bring numbers to an accelerator is to wait for it."""
    with torch.inference_mode(False):  # a tensor from within could take no part in a gradient later
        return torch.tensor(values, device=device).view(1, -1, 1, 1)


def channel_statistics(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of values in [0, 1], to four decimals.

    A channel that is the same everywhere gets the standard deviation 1, so that it can be divided by.
    """
    counts = np.stack([np.bincount(images[:, channel].ravel(), minlength=256) for channel in range(images.shape[1])])
    values = np.arange(256) / 255
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ values
    std = np.sqrt((share * (values - mean[:, None]) ** 2).sum(axis=1))
    std = np.where(std < 1e-4, 1.0, std)
    return tuple(mean.round(4).tolist()), tuple(std.round(4).tolist())
