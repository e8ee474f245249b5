"""A U-Net for images to images, in the form of the python-unet weights in the BioImage Model Zoo."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """Stages of two convolutions that halve the maps, as many that double them, and shortcuts between equal sizes.

    Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015. Unlike the
    paper: convolutions are padded, what each of them reads is normalised for each image and map, and maps grow by
    linear interpolation and a 1×1 convolution. Layers are named as in torch-em's ``UNet2d``.

    Parameters
    ----------
    outputs
        Maps of the result, which has the size of the image.
    depth
        How often the maps are halved; rows and columns of the image are multiples of ``2**depth``.
    width
        Maps of the first stage; each further stage has twice as many.
    """

    def __init__(self, channels: int = 1, outputs: int = 1, depth: int = 3, width: int = 16) -> None:
        super().__init__()
        widths = [width * 2**stage for stage in range(depth + 1)]
        self.encoder = _Encoder([channels, *widths[:-1]])
        self.base = ConvBlock(widths[-2], widths[-1])
        self.decoder = _Decoder(widths[::-1])
        self.out_conv = nn.Conv2d(width, outputs, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        maps, kept = self.encoder(images)
        result: Tensor = self.out_conv(self.decoder(self.base(maps), kept))
        return result


class ConvBlock(nn.Module):
    """Twice: normalisation, 3×3 convolution, ReLU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.InstanceNorm2d(channels),
            nn.Conv2d(channels, width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.InstanceNorm2d(width),
            nn.Conv2d(width, width, kernel_size=3, padding=1),
            nn.ReLU(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        outputs: Tensor = self.block(maps)
        return outputs


class _Encoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(*pair) for pair in itertools.pairwise(widths))
        self.poolers = nn.ModuleList(nn.MaxPool2d(2) for _ in widths[1:])

    def forward(self, maps: Tensor) -> tuple[Tensor, list[Tensor]]:
        kept = []
        for block, pooler in zip(self.blocks, self.poolers, strict=True):
            kept.append(block(maps))
            maps = pooler(kept[-1])
        return maps, kept


class _Decoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.blocks = nn.ModuleList(ConvBlock(*pair) for pair in pairs)
        self.samplers = nn.ModuleList(Upsampling(*pair) for pair in pairs)

    def forward(self, maps: Tensor, kept: list[Tensor]) -> Tensor:
        for block, sampler, shortcut in zip(self.blocks, self.samplers, reversed(kept), strict=True):
            maps = block(torch.cat([sampler(maps), shortcut], dim=1))
        return maps


class Upsampling(nn.Module):
    """Twice as many rows and columns, and fewer maps."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel_size=1)

    def forward(self, maps: Tensor) -> Tensor:
        larger = F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
        outputs: Tensor = self.conv(larger)
        return outputs
