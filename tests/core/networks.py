"""Small networks, each with one difficulty for tracing."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FunctionalNet(nn.Module):
    """The network of PyTorch's MNIST example: modules for weights, functions for all else."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.fc = nn.Linear(150, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.dropout(x, training=self.training)
        return F.log_softmax(self.fc(torch.flatten(x, 1)), dim=1)


class BasicBlock(nn.Module):
    """A residual block with one in-place ReLU that is called twice, and an in-place sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.relu(self.bn1(self.conv1(x))))
        out += x
        return self.relu(out)


class ResidualNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(4), BasicBlock(4))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.layer1(self.stem(x)))
        return self.fc(x.view(x.size(0), -1))


class ConcatNet(nn.Module):
    """Grouped and dilated branches, concatenated, and one half of the channels gated by the other."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(4, 8, 3, padding=1, groups=4)
        self.dilated = nn.Conv2d(4, 4, 3, padding="same", dilation=2)
        self.drop = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        both = self.drop(torch.cat([self.grouped(x), self.dilated(x)], dim=1)).contiguous()
        value, gate = both.chunk(2, dim=1)
        return value * torch.sigmoid(gate)


class ShapeDependent(nn.Module):
    """Asks for its input's size, which torch.fx cannot follow and torch.export can."""

    def __init__(self) -> None:
        super().__init__()
        self.body = ResidualNet()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] > 8:
            x = F.avg_pool2d(x, 2)
        return self.body(x * self.scale)


class ValueDependent(nn.Module):
    """Chooses its way by the values it computes, which only hooks can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.dark = nn.Conv2d(2, 2, 3, padding=1)
        self.bright = nn.Conv2d(2, 2, 1)
        self.head = nn.Conv2d(2, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        x = x + (self.bright(x) if float(x.detach().mean()) > 0.5 else self.dark(x))
        return self.head(self.relu(x))
