"""Labelled images for the slice through a network's loss, read beside what else goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.data.facts import ON_BOARD
from cnnviz.data.kept_images import KeptImages
from cnnviz.data.pixel_order import PERMUTED_WORDS
from cnnviz.panels.labelled_samples import in_order_of
from cnnviz.panels.landscape import AUTOMATIC, LandscapeParams
from cnnviz.panels.unshifted_input import as_input

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
    import torch.nn.functional as F

    from cnnviz.training.preparation import to_unit_range

    if not len(found.images):
        raise ValueError(f"{name} holds no images; choose other ones.")
    chosen = np.linspace(0, len(found.images) - 1, min(len(found.images), most)).round().astype(int)
    channels, *size = observation.network.card.input_size
    pixels = to_unit_range(in_order_of(observation.network, found.images[chosen]))
    if pixels.shape[1] != channels:
        if 1 not in (pixels.shape[1], channels):
            raise ValueError(
                f"The network takes images of {channels} channels, those of {name} have {pixels.shape[1]}; "
                "choose other ones."
            )
        pixels = pixels.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    if list(pixels.shape[2:]) != size:
        pixels = F.interpolate(pixels, size=tuple(size), mode="bilinear", align_corners=False, antialias=True)
    images = as_input(pixels, observation)
    labels = torch.tensor(found.labels[chosen], device=images.device)
    return SliceBatch(images, labels, name.partition(":")[2] or name)
