"""The residual networks for CIFAR-10, whose shortcuts have no weights."""

import torch.nn.functional as F
from torch import Tensor, nn


class CifarResNet(nn.Module):
    """A 3×3 convolution, three stages of residual blocks on 16, 32 and 64 maps, average pooling, one linear layer.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.2. Layers are named as in
    akamaster's "Proper ResNet Implementation for CIFAR10/CIFAR100".

    Parameters
    ----------
    depth
        6n + 2 layers with weights: 20, 32, 44, 56, 110.
    """

    def __init__(self, depth: int, channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"a residual network for CIFAR has 6n + 2 layers, not {depth}")
        self.conv1 = nn.Conv2d(channels, 16, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = _stage(16, 16, blocks)
        self.layer2 = _stage(16, 32, blocks)
        self.layer3 = _stage(32, 64, blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        logits: Tensor = self.linear(self.flatten(self.avgpool(maps)))
        return logits


class CifarBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut that leaves out every second pixel and adds empty maps (option A)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, stride=width // channels, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = Shrink(width - channels) if width != channels else nn.Identity()
        self.relu2 = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(maps)))))
        outputs: Tensor = self.relu2(residual + self.shortcut(maps))
        return outputs


class Shrink(nn.Module):
    """Every second row and column, with half of ``more`` empty maps before and half after those there are."""

    def __init__(self, more: int) -> None:
        super().__init__()
        self.more = more

    def forward(self, maps: Tensor) -> Tensor:
        return F.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more // 2))


def _stage(channels: int, width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(CifarBlock(channels, width), *(CifarBlock(width, width) for _ in range(blocks - 1)))
