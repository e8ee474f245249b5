"""MobileNetV2, in the form that torchvision's weights have."""

from torch import Tensor, nn

# Expansion, output maps, blocks and stride of the first of them; Sandler et al., table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """Inverted residual blocks: 1×1 convolutions widen the maps, a depthwise 3×3 works on them, 1×1 narrows them.

    Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
    """

    def __init__(self, channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(channels, 32, kernel_size=3, stride=2)]
        width = 32
        for expansion, outputs, blocks, stride in _STAGES:
            for block in range(blocks):
                layers.append(InvertedResidual(width, outputs, stride if block == 0 else 1, expansion))
                width = outputs
        layers.append(_convolution(width, 1280, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.flatten(self.avgpool(self.features(images))))
        return logits


class InvertedResidual(nn.Module):
    """The block; input and output are added where they have the same shape."""

    def __init__(self, channels: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = channels * expansion
        widening = [_convolution(channels, width, kernel_size=1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *widening,
            _convolution(width, width, kernel_size=3, stride=stride, groups=width),
            nn.Conv2d(width, outputs, kernel_size=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and channels == outputs

    def forward(self, maps: Tensor) -> Tensor:
        outputs: Tensor = self.conv(maps)
        return maps + outputs if self.adds else outputs


def _convolution(channels: int, width: int, kernel_size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel_size, stride, padding=kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU6(),
    )
