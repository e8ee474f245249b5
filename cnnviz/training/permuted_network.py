"""Images for a network that learned from permuted pixels."""

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.data.pixel_order import permuted_picture


def permuted_images(images: Tensor, size: tuple[int, int] | None) -> Tensor:
    """Images (N, C, H, W) with their pixels permuted as those of the training, at ``size``; of None as they are.

    They may be normalised already: each pixel stays as bright as it is.
    """
    if size is None:
        return images
    pictures = [permuted_picture(each, size) for each in images.detach().float().cpu().numpy()]
    return torch.from_numpy(np.stack(pictures)).to(images)


class TakesImagesInOrder(nn.Module):
    """A network that is given images in their order, and permutes them for itself: a shift comes before that."""

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, images: Tensor) -> object:
        return self.network(permuted_images(images, self.size))


def taking_images_in_order(network: nn.Module, size: tuple[int, int] | None) -> nn.Module:
    """``network`` itself unless it learned from images permuted at ``size``."""
    return network if size is None else TakesImagesInOrder(network, size)
