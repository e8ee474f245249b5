"""Passes of a panel's own through the network, beside the one that all panels share."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from cnnviz.engine.panel import Cancelled, ComputeCancelled

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.trace import TracedNetwork

HEAVY = 1_000_000_000
"""Multiply-adds of a network that takes long for one image: a good part of a second on two cores."""
VALUES_AT_ONCE = 2_000_000
"""Of the input; larger batches are passed in parts."""


def outputs(traced: TracedNetwork, images: Tensor, layers: Collection[str], cancelled: Cancelled) -> dict[str, Tensor]:
    """What ``layers`` give for a batch, by passes that end at the last of them.

    One image goes after the other where the network takes no batches, takes long, or may go another way for each. What
    an image does not reach is NaN for it.
    """
    import torch

    from cnnviz.core.trace import Cancelled as PassCancelled

    one_by_one = traced.graph.macs > HEAVY or traced.graph.method == "hooks"
    at_once = 1 if one_by_one else max(1, VALUES_AT_ONCE // images[0].numel())
    try:
        parts = [_until_there(traced, part, layers, cancelled) for part in torch.split(images, at_once)]
    except PassCancelled:
        raise ComputeCancelled from None
    except (RuntimeError, ValueError) as error:
        if len(images) == 1 or isinstance(error, torch.OutOfMemoryError):
            raise
        return _joined([outputs(traced, image[None], layers, cancelled) for image in images])
    for part, given in zip(parts, torch.split(images, at_once), strict=True):
        for name in {*layers} - {*part}:
            shape = next((each[name].shape[1:] for each in parts if name in each), traced.graph[name].output_shape)
            part[name] = given.new_full((len(given), *shape), torch.nan)
    return _joined(parts)


class _AllThere(Exception):
    """Ends a pass whose remaining layers nobody asked for."""


def _until_there(
    traced: TracedNetwork, images: Tensor, layers: Collection[str], cancelled: Cancelled
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}

    def see(name: str, value: Tensor) -> None:
        if name in layers:
            found[name] = value.clone()  # a later layer may overwrite it
            if len(found) == len(set(layers)):
                raise _AllThere

    with contextlib.suppress(_AllThere):
        traced.stream(images, see, cancelled=cancelled)
    return found


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    import torch

    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
