"""TinyVGG, the network of CNN Explainer."""

from collections import OrderedDict
from typing import ClassVar

from torch import nn


class TinyVGG(nn.Sequential):
    """Four 3×3 convolutions without padding, max pooling after every second, one linear layer.

    Wang et al., "CNN Explainer: Learning Convolutional Neural Networks with Interactive Visualization", 2020, whose
    layer names these are. The softmax at its end is left to the loss here: the output is logits.
    """

    input_height_width: ClassVar[tuple[int, int]] = (64, 64)

    def __init__(self, channels: int = 3, classes: int = 10, width: int = 10) -> None:
        super().__init__(
            OrderedDict(
                conv_1_1=nn.Conv2d(channels, width, kernel_size=3),
                relu_1_1=nn.ReLU(),
                conv_1_2=nn.Conv2d(width, width, kernel_size=3),
                relu_1_2=nn.ReLU(),
                max_pool_1=nn.MaxPool2d(2),
                conv_2_1=nn.Conv2d(width, width, kernel_size=3),
                relu_2_1=nn.ReLU(),
                conv_2_2=nn.Conv2d(width, width, kernel_size=3),
                relu_2_2=nn.ReLU(),
                max_pool_2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                output=nn.Linear(width * 13 * 13, classes),
            )
        )
