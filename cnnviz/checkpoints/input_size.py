"""The size of the images that a network takes, found by running it."""

from __future__ import annotations

import torch
from torch import nn

LARGEST_INPUT = 2**24
"""Values of one image beyond which what a file says of its images is held for damaged."""

# The usual sizes, the most usual first.
SIZES = (224, 32, 28, 64, 96, 128, 256, 299)


def runs_on(module: nn.Module) -> tuple[int, int, int] | None:
    """Channels, height and width of the first usual size with which ``module`` runs; None where there is none."""
    parameter = next(module.parameters(), torch.zeros(0))
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    channels = first.in_channels if first is not None else 3
    for size in SIZES:
        try:
            with torch.no_grad():
                module(torch.zeros(1, channels, size, size, dtype=parameter.dtype, device=parameter.device))
        except Exception:  # noqa: BLE001 - the person's own code may raise anything for images that it does not take
            continue
        return channels, size, size
    return None
