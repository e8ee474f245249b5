"""A small residual network for 32×32 colour images."""

from collections import OrderedDict
from typing import ClassVar

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to their input.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, figure 2; input and output have the
    same shape, so that the shortcut is the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(images)))
        residual = self.bn2(self.conv2(residual))
        outputs: Tensor = self.relu2(images + residual)
        return outputs


class CifarNet(nn.Sequential):
    """A 7×7 first layer whose filters are large enough to be looked at, then 3×3 convolutions and residual blocks.

    The global average pooling before the only linear layer makes class activation maps exact (Zhou et al., "Learning
    Deep Features for Discriminative Localization", 2016).
    """

    input_height_width: ClassVar[tuple[int, int]] = (32, 32)

    def __init__(self, channels: int = 3, classes: int = 10, widths: tuple[int, int, int] = (48, 96, 160)) -> None:
        first, second, third = widths
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels, first, kernel_size=7, padding=3, bias=False),
                bn1=nn.BatchNorm2d(first),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(first, second, kernel_size=3, padding=1, bias=False),
                bn2=nn.BatchNorm2d(second),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                block3=ResidualBlock(second),
                conv4=nn.Conv2d(second, third, kernel_size=3, padding=1, bias=False),
                bn4=nn.BatchNorm2d(third),
                relu4=nn.ReLU(),
                pool4=nn.MaxPool2d(2),
                block5=ResidualBlock(third),
                average_pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                fc=nn.Linear(third, classes),
            )
        )
        self.scale_initial_weights()

    @torch.no_grad()
    def scale_initial_weights(self) -> None:
        """Let the filters of the first layer start small.

        Batch normalisation makes the scale of these weights free. From a small start the gradient soon outweighs the
        random numbers, so that the trained filters are smooth edges and colours with no noise of the start in them.
        """
        self.get_parameter("conv1.weight").mul_(0.1)
