"""LeNet for handwritten digits."""

from collections import OrderedDict
from typing import ClassVar

from torch import nn


class LeNet(nn.Sequential):
    """Two 5×5 convolutions, each with ReLU and 2×2 max pooling, then two linear layers.

    The design of LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
    Unlike the paper, it has ReLU for tanh, max for average pooling, every map connected to every other, and no third
    linear layer. With the default configuration it has 114,314 weights.
    """

    input_height_width: ClassVar[tuple[int, int]] = (28, 28)

    def __init__(
        self, channels: int = 1, classes: int = 10, widths: tuple[int, int] = (16, 32), hidden: int = 64
    ) -> None:
        first, second = widths
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels, first, kernel_size=5, padding=2),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(first, second, kernel_size=5, padding=2),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(second * 7 * 7, hidden),
                relu3=nn.ReLU(),
                fc2=nn.Linear(hidden, classes),
            )
        )
