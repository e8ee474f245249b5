"""The program's samples as a batch for the network that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.data.fit import Fit
    from cnnviz.engine.observation import Observation

_known: list[tuple[tuple[object, ...], Tensor]] = []


def sample_batch(fit: Fit, observation: Observation) -> Tensor:
    """The digits for a network that sees one channel, else the photos: (N, C, H, W), normalised, on its device.

    For a network that learned from permuted pixels they are permuted.
    """
    import numpy as np
    import torch

    from cnnviz.data.fit import fit_picture, normalise
    from cnnviz.data.pixel_order import permuted_picture
    from cnnviz.data.samples import sample_picture, samples
    from cnnviz.engine.observation import dtype_of

    network = observation.network
    channels, height, width = observation.rendered.edited.shape
    order = network.card.permuted_at
    key = (channels, height, width, fit, observation.mean, observation.std, order)
    if not (_known and _known[0][0] == key):
        kind = "drawing" if channels == 1 else "photo"
        pictures = [sample_picture(each.name).pixels for each in samples() if each.kind == kind]
        fitted = [permuted_picture(fit_picture(each, channels, height, width, fit), order) for each in pictures]
        batch = np.stack([normalise(image, observation.mean, observation.std) for image in fitted])
        _known[:] = [(key, torch.from_numpy(batch))]
    return _known[0][1].to(network.device, dtype_of(network.module))
