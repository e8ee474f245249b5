"""One network for each way in which networks are traced, with weights that are not the first ones."""

import torch
from torch import Tensor, nn

from .networks import ConcatNet, FunctionalNet, ResidualNet, ShapeDependent, ValueDependent

CASES = {
    "functional": (FunctionalNet, (1, 14, 14), "torch.fx"),
    "residual": (ResidualNet, (3, 12, 12), "torch.fx"),
    "concat": (ConcatNet, (4, 7, 6), "torch.fx"),
    "shape": (ShapeDependent, (3, 16, 16), "torch.export"),
    "value": (ValueDependent, (1, 6, 6), "hooks"),
}


def made(name: str) -> tuple[nn.Module, Tensor, str]:
    torch.manual_seed(0)
    make, shape, method = CASES[name]
    module = make()
    for path, buffer in module.named_buffers():  # batch normalisation that is not the identity
        if path.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        elif path.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return module, torch.randn(1, *shape), method
