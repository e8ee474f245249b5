"""SqueezeNet, in the form that torchvision's weights have."""

from typing import Literal

import torch
from torch import Tensor, nn

Version = Literal["1.0", "1.1"]

# Before each fire module: maps that it reads, squeezes to, and expands to by each of its two kernels; "pool" between.
_FIRES: dict[Version, tuple[tuple[int, int, int] | str, ...]] = {
    "1.0": (
        *((96, 16, 64), (128, 16, 64), (128, 32, 128), "pool"),
        *((256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256), "pool"),
        (512, 64, 256),
    ),
    "1.1": (
        *((64, 16, 64), (128, 16, 64), "pool"),
        *((128, 32, 128), (256, 32, 128), "pool"),
        *((256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)),
    ),
}


class SqueezeNet(nn.Module):
    """Fire modules in place of wide convolutions, and a 1×1 convolution as classifier; for 224×224 pixels.

    Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016. Version
    1.1 is its authors' later one, with 2.4 times fewer multiply-adds.
    """

    def __init__(self, version: Version, channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        width, kernel_size = (96, 7) if version == "1.0" else (64, 3)
        fires = [_pool() if isinstance(sizes, str) else Fire(*sizes) for sizes in _FIRES[version]]
        first = nn.Conv2d(channels, width, kernel_size, stride=2)
        self.features = nn.Sequential(first, nn.ReLU(), _pool(), *fires)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, classes, kernel_size=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.flatten = nn.Flatten()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.flatten(self.classifier(self.features(images)))
        return logits


class Fire(nn.Module):
    """Few maps by 1×1, then many by 1×1 and as many by 3×3, side by side."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, kernel_size=1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeezed, expanded, kernel_size=1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeezed, expanded, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = self.squeeze_activation(self.squeeze(maps))
        by_1x1 = self.expand1x1_activation(self.expand1x1(squeezed))
        by_3x3 = self.expand3x3_activation(self.expand3x3(squeezed))
        return torch.cat([by_1x1, by_3x3], dim=1)


def _pool() -> nn.Module:
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
