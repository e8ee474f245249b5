"""What tests of networks with changes have in common."""

import torch
from torch import Tensor, nn

from cnnviz.core.network_edits import apply
from cnnviz.core.trace import prepare


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def seeded(make, *arguments) -> nn.Module:
    torch.manual_seed(0)
    return make(*arguments).eval()


def changed(module: nn.Module, example: Tensor, *changes) -> nn.Module:
    return apply(module, prepare(module, example).graph, changes)
