"""Images decoded once and kept as bytes where the network runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.training.augmentation import Draws, augment
from cnnviz.training.initialization import derived_seed
from cnnviz.training.preparation import to_network_input


@dataclass(frozen=True, eq=False)
class DeviceImages:
    """Images and the outputs that stand for their classes, on one device.

    Attributes
    ----------
    images
        uint8, (N, C, H, W).
    labels
        int64, (N,).
    """

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, images: LabelledImages) -> DeviceImages:
        """On the CPU, without a copy where the array may be written to."""
        pixels = images.images if images.images.flags.writeable else images.images.copy()
        return cls(torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(images.labels.astype(np.int64)))

    def to(self, device: torch.device) -> DeviceImages:
        """On ``device``; where that has no room for them, they stay, and batches are moved."""
        try:
            return DeviceImages(self.images.to(device), self.labels.to(device))
        except torch.OutOfMemoryError:
            return self

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a run trains on and is tested with."""

    train: DeviceImages
    test: DeviceImages
    card: NetworkCard

    def to(self, device: torch.device) -> TrainingData:
        """The same with its images on ``device``."""
        return TrainingData(self.train.to(device), self.test.to(device), self.card)

    def training_batch(
        self, indices: Tensor, augmentations: Sequence[str], draws: Draws, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Network inputs (N, C, H, W) and labels (N,) of these training images, changed at random."""
        indices = indices.to(self.train.images.device)
        images = _unit_range(self.train.images[indices].to(device))
        return to_network_input(augment(images, augmentations, draws), self.card), self.train.labels[indices].to(device)

    def test_batch(self, chosen: slice, device: torch.device) -> tuple[Tensor, Tensor]:
        """Network inputs and labels of these test images."""
        images = _unit_range(self.test.images[chosen].to(device))
        return to_network_input(images, self.card), self.test.labels[chosen].to(device)


def epoch_order(seed: int, epoch: int, count: int) -> Tensor:
    """In which order the images of an epoch are taken; int64, (count,)."""
    return torch.randperm(count, generator=Generator().manual_seed(derived_seed(seed, "order", epoch)))


def augmentation_generator(seed: int, step: int) -> Generator:
    """Of the random changes to the images of one step.

    A new one for each step, so that nothing has to be remembered for a run to go on as it would have.
    """
    return Generator().manual_seed(derived_seed(seed, "augmentation", step, 0))


def _unit_range(images: Tensor) -> Tensor:
    return images.float().div_(255)
