"""How a gradient becomes a change of the weights: torch's optimisers, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from cnnviz.training.choices import MOMENTUM_OPTIMIZERS
from cnnviz.training.settings import TrainingSettings

# Set here rather than left to torch, so that a run goes on as it began under a later version too. Fused, a step of Adam
# takes a tenth of the time: one pass over each weight instead of ten, which is much where networks are small.
_MAKERS: Mapping[str, Callable[..., Optimizer]] = MappingProxyType(
    {
        "sgd": partial(torch.optim.SGD, fused=True),
        "momentum": partial(torch.optim.SGD, fused=True),
        "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True, fused=True),
        "adagrad": partial(torch.optim.Adagrad, eps=1e-10),
        "rmsprop": partial(torch.optim.RMSprop, alpha=0.99, eps=1e-8),
        "adadelta": partial(torch.optim.Adadelta, rho=0.9, eps=1e-6),
        "adam": partial(torch.optim.Adam, betas=(0.9, 0.999), eps=1e-8, fused=True),
        "adamw": partial(torch.optim.AdamW, betas=(0.9, 0.999), eps=1e-8, fused=True),
        "nadam": partial(torch.optim.NAdam, betas=(0.9, 0.999), eps=1e-8, momentum_decay=4e-3),
    }
)


def make_optimizer(module: nn.Module, settings: TrainingSettings) -> Optimizer:
    """The optimiser of ``settings`` for the weights of ``module`` that ask for a gradient.

    Weight decay is AdamW's for ``adamw``, and part of the gradient for all others. Weights of one dimension, biases
    and the scales of normalisation, are spared: they do not overfit, and decay would only hold them back.
    """
    weights = [each for each in module.parameters() if each.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in weights if each.ndim > 1]},
        {"params": [each for each in weights if each.ndim <= 1]},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = _MAKERS[settings.optimizer](groups, lr=settings.learning_rate)
    apply_settings(optimizer, settings)
    return optimizer


def apply_settings(optimizer: Optimizer, settings: TrainingSettings) -> None:
    """Change decay and momentum of an optimiser that is at work; what it remembers stays."""
    for group in optimizer.param_groups:
        group["weight_decay"] = settings.weight_decay if group["params"][0].ndim > 1 else 0.0
        if settings.optimizer in MOMENTUM_OPTIMIZERS:
            group["momentum"] = settings.momentum


def set_learning_rate(optimizer: Optimizer, learning_rate: float) -> None:
    """Let the next step be taken with this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
