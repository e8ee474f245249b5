"""Passes of a panel's own through the network, beside the one that all panels share."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from cnnviz.engine.panel import Cancelled, ComputeCancelled

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.trace import TracedNetwork

VALUES_AT_ONCE = 2_000_000
"""Of the input; larger batches are passed in parts."""


def outputs(traced: TracedNetwork, images: Tensor, layers: Collection[str], cancelled: Cancelled) -> dict[str, Tensor]:
    """What ``layers`` give for a batch; one image after the other where the network takes no batches."""
    import torch

    from cnnviz.core.trace import Cancelled as PassCancelled

    at_once = max(1, VALUES_AT_ONCE // images[0].numel())
    try:
        parts = [dict(traced.run(part, layers, cancelled=cancelled).values) for part in torch.split(images, at_once)]
    except PassCancelled:
        raise ComputeCancelled from None
    except (RuntimeError, ValueError) as error:
        if len(images) == 1 or isinstance(error, torch.OutOfMemoryError):
            raise
        return _joined([outputs(traced, image[None], layers, cancelled) for image in images])
    return _joined(parts)


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    import torch

    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
