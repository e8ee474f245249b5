"""The VGG networks, in the form that torchvision's weights have."""

from torch import Tensor, nn

# Convolutions in each of the five stages; Simonyan and Zisserman, table 1, columns A, B, D and E.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Stages of 3×3 convolutions with max pooling between them, then three linear layers; for 224×224 pixels.

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014. Batch
    normalisation is torchvision's addition.

    Parameters
    ----------
    depth
        11, 13, 16 or 19: layers with weights.
    """

    def __init__(self, depth: int, batch_norm: bool = False, channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for convolutions, width in zip(STAGES[depth], _WIDTHS, strict=True):
            for _ in range(convolutions):
                layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.flatten(self.avgpool(self.features(images))))
        return logits


def caffe_names(depth: int) -> dict[str, str]:
    """The paper's names (``conv3_2``, ``fc6``), which files that came from Caffe have, and those here."""
    names = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
    index = 0
    for stage, convolutions in enumerate(STAGES[depth], 1):
        for number in range(1, convolutions + 1):
            names[f"conv{stage}_{number}"] = f"features.{index}"
            index += 2
        index += 1
    return names
