"""A layer's output as maps, for every panel that shows some."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def feature_maps(value: Tensor) -> Tensor:
    """``(C, h, w)`` of one layer's output ``(1, …)``; a vector becomes C maps of one cell."""
    maps = value[0]
    if maps.dim() > 3:
        raise ValueError(
            f"{maps.dim() - 1}-dimensional maps cannot be shown yet; select a layer with rows and columns."
        )
    return maps.reshape(maps.shape[0] if maps.dim() else 1, *((1,) * (3 - max(maps.dim(), 1))), *maps.shape[1:])
