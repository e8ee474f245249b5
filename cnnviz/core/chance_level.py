"""Unrelated images, whose features tell how large an error is by chance."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

MOST_PAIRS = 8


@dataclass(frozen=True, eq=False)
class Unrelated:
    """Pairs of images with nothing in common.

    Attributes
    ----------
    images : Tensor (N, C, H, W)
    first, second : tuple of int
        Which of the images make each pair.
    words : str
        Where they are from.
    """

    images: Tensor
    first: tuple[int, ...]
    second: tuple[int, ...]
    words: str


def unrelated(images: Tensor, others: Tensor | None = None, most: int = MOST_PAIRS) -> Unrelated:
    """Pairs of unrelated images, at most ``most`` and ``MOST_PAIRS``.

    Several images are paired with one another, each with the next; where ``others`` are given, the images with those;
    and one image alone with a picture made of it: the same amplitude at every spatial frequency, at random phases (the
    same at every call), so that it has the image's contrast and texture but not its content.
    """
    most = min(most, MOST_PAIRS)
    if others is not None and len(others):
        count = min(len(others), most)
        given = images[:count]
        first = tuple(index % len(given) for index in range(count))
        second = tuple(len(given) + index for index in range(count))
        words = f"between {'the images' if len(images) > 1 else 'the image'} and {count} unrelated"
        return Unrelated(torch.cat([given, others[:count]]), first, second, words)
    if len(images) > 1:
        count = max(min(len(images), most), 2)
        order = tuple(range(count))
        return Unrelated(images[:count], order, (*order[1:], 0), f"between {count} of the images, each and the next")
    pair = torch.cat([images, with_random_phases(images)])
    return Unrelated(pair, (0,), (1,), "between the image and one of the same spectrum at random phases")


def no_pairs(images: Tensor) -> Unrelated:
    """The first image alone, where no level of chance is asked for."""
    return Unrelated(images[:1], (), (), "not measured")


def with_random_phases(images: Tensor) -> Tensor:
    """Images (N, C, H, W) of the same amplitude spectrum and mean at other phases, shared by the channels."""
    spectrum = torch.fft.fft2(images)
    mixed: Tensor = torch.fft.ifft2(spectrum * _phases(*images.shape[2:]).to(spectrum)).real
    return mixed


@lru_cache(maxsize=4)
def _phases(height: int, width: int) -> Tensor:
    """Of noise, as numbers of size 1; that of the mean is left alone."""
    noise = torch.randn((height, width), generator=torch.Generator().manual_seed(0))
    phases: Tensor = torch.fft.fft2(noise)
    phases = phases / phases.abs().clamp_min(1e-12)
    phases[0, 0] = 1
    return phases
