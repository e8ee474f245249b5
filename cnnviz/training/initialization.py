"""The weights that training starts with: random, but the same for the same seed and name of a layer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import nn

from cnnviz.nets.registry import build


def derived_seed(*parts: object) -> int:
    """A seed for one purpose, which its parts name; in [0, 2^63)."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def build_seeded(architecture: str, config: Mapping[str, object], seed: int) -> nn.Module:
    """A network of the registry with random weights that ``seed`` decides; draws of others are not disturbed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "network"))
        module = build(architecture, config)
    initialise(module, seed)
    return module


def initialise(module: nn.Module, seed: int) -> None:
    """Draw the weights of every layer anew, as the layer's own ``reset_parameters`` does.

    Each layer draws from a generator seeded by ``seed`` and the layer's name: one that is added or left out changes
    nothing for the others. A module that changes what was drawn does so in ``scale_initial_weights``.
    """
    with torch.random.fork_rng(devices=[]):
        for name, layer in module.named_modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                torch.manual_seed(derived_seed(seed, "weights", name))
                reset()
    for layer in module.modules():
        scale = getattr(layer, "scale_initial_weights", None)
        if callable(scale):
            scale()
