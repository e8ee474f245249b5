"""The shipped samples as inputs of a network, for panels that measure over several images."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cnnviz.data.fit import Fit
from cnnviz.data.pixel_order import permuted_picture

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.engine.observation import Observation

Shape = tuple[int, int, int]


def sample_inputs(observation: Observation, fit: Fit, most: int | None = None, *, in_order: bool = False) -> np.ndarray:
    """Images ``(N, C, H, W)`` in [0, 1], fitted as the input is: photos for colour, drawings for all others.

    For a network that learned from permuted pixels they are permuted, unless they are wanted ``in_order``.
    """
    import numpy as np

    card = observation.network.card
    found = _inputs(card.input_size, fit.size, fit.colour)[:most]
    if in_order or card.permuted_at is None:
        return found
    return np.stack([permuted_picture(each, card.permuted_at) for each in found])


@lru_cache(maxsize=4)
def _inputs(shape: Shape, size: str, colour: str) -> np.ndarray:
    import numpy as np

    from cnnviz.data.fit import fit_picture
    from cnnviz.data.samples import sample_picture, samples

    fit = Fit.model_validate({"size": size, "colour": colour})
    kind = "photo" if shape[0] == 3 else "drawing"
    chosen = [sample.name for sample in samples() if sample.kind == kind]
    return np.stack([fit_picture(sample_picture(name).pixels, *shape, fit) for name in chosen])
