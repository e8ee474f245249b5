"""Small networks, images and shifts that equivariance is measured with."""

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.core.equivariance_result import Sweep
from cnnviz.core.trace import TracedNetwork, prepare
from cnnviz.core.transforms import Transform


def shifts(*values: float, border: str = "wrap", direction: str = "columns") -> tuple[Transform, ...]:
    return Sweep("shift", values, direction, border).transforms  # type: ignore[arg-type]


def network(*layers: nn.Module, size: tuple[int, int, int] = (2, 16, 16)) -> TracedNetwork:
    torch.manual_seed(0)
    module = nn.Sequential(*layers)
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0, 0.5)
    return prepare(module.eval(), torch.zeros(1, *size))


def images(count: int = 2, size: tuple[int, int, int] = (2, 16, 16)) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((count, *size))).float()


def periodic(stride: int = 1, channels: int = 2) -> nn.Conv2d:
    return nn.Conv2d(channels, 3, 3, stride, 1, padding_mode="circular")


def brute_force(net: TracedNetwork, image: Tensor, layer: str, distance: int, stride: int) -> float:
    """The error of a wrapped shift to the right by whole cells, over all cells."""
    moved = torch.roll(image, distance, 3)
    one, other = (net.run(x, [layer]).values[layer] for x in (image, moved))
    return float((other - torch.roll(one, distance // stride, 3)).norm() / one.norm())
