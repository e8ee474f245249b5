"""Labelled images for the slice through a network's loss, read beside what else goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.data.facts import ON_BOARD
from cnnviz.data.kept_images import KeptImages
from cnnviz.data.pixel_order import PERMUTED_WORDS
from cnnviz.engine.input_tensor import as_input
from cnnviz.panels.landscape import AUTOMATIC, LandscapeParams
from cnnviz.panels.shared.labelled_samples import in_order_of

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.data.labelled_images import LabelledImages
    from cnnviz.engine.observation import Observation

LOADING_S = 0.002
"""A data set that is being read is asked for this long at a time."""


@dataclass(frozen=True, eq=False)
class SliceBatch:
    """Images as the network takes them, their classes, and what they are called."""

    images: Tensor
    labels: Tensor
    title: str


_kept = KeptImages()


def data_set_of(params: LandscapeParams, observation: Observation) -> str:
    """The data set by its name: the network's own where nothing has to be fetched for it."""
    if params.data != AUTOMATIC:
        return params.data
    card = observation.network.card
    own = card.dataset.removesuffix(PERMUTED_WORDS)
    if own in ON_BOARD or (own in ("mnist", "fashion-mnist", "cifar10") and _has_folder()):
        return own
    return "digits" if card.input_size[0] == 1 else "shapes"


def _has_folder() -> bool:
    return bool(os.environ.get("CNNVIZ_DATA_DIR"))


def batch_for(params: LandscapeParams, observation: Observation) -> SliceBatch | None:
    """The batch, evenly spread over the test images; None while they are being read.

    Raises
    ------
    ValueError
        There are none, or the network has not as many classes.
    """
    name = data_set_of(params, observation)
    found = _kept.result(name, observation.network.card.input_size, LOADING_S)
    return None if found is None else _batch(found, name, params.images, observation)


def _batch(found: LabelledImages, name: str, most: int, observation: Observation) -> SliceBatch:
    import numpy as np
    import torch

    from cnnviz.training.preparation import at_size, to_unit_range
    from cnnviz.training.start import in_channels

    if not len(found.images):
        raise ValueError(f"{name} holds no images; choose other ones.")
    chosen = np.linspace(0, len(found.images) - 1, min(len(found.images), most)).round().astype(int)
    channels, height, width = observation.network.card.input_size
    part = in_channels(found.subset(chosen), channels)
    pixels = to_unit_range(in_order_of(observation.network, part.images))
    images = as_input(at_size(pixels, height, width), observation)
    labels = torch.tensor(part.labels, device=images.device)
    return SliceBatch(images, labels, name.partition(":")[2] or name)
