"""Labelled images that a network is looked at with: which data set, read in the background, and a fair choice of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.data.facts import plain_title
from cnnviz.data.kept_images import KeptImages
from cnnviz.data.pixel_order import PERMUTED_WORDS, pixel_permutation
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.data.labelled_images import LabelledImages
    from cnnviz.engine.observation import LoadedNetwork

AUTO = "auto"
"""The data set that the network was trained on where it is at hand, else one on board."""

LOADING_S = 0.15
"""A data set that is being read is asked for this long at a time."""


@dataclass(frozen=True)
class DataChoice:
    """A data set as ``load_dataset`` names it, where it lies, and why it is this one, in words."""

    spec: str
    folder: Path | None = None
    why: str = ""

    @property
    def title(self) -> str:
        """As one writes it: ``MNIST``; of a folder its own name."""
        kind, _, path = self.spec.partition(":")
        return Path(path).name if kind == "folder" else plain_title(self.spec)

    def name_of(self, number: int) -> str:
        """What one of its images is called."""
        return f"{self.title}, test image {number}"

    @property
    def is_networks_own(self) -> bool:
        """Whether it is the one that the network was trained on."""
        return self.why == _TRAINED_ON


@dataclass(frozen=True, eq=False)
class LabelledSamples:
    """Test images in the order in which they are looked at: any beginning has about as many of each class.

    Attributes
    ----------
    images : array (N, C, H, W) of uint8
        With as many channels as the network takes.
    labels : array (N,) of int
    numbers : array (N,) of int
        Of each image in the data set.
    """

    choice: DataChoice
    images: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def data_choice(wanted: str, network: LoadedNetwork, scene: Scene) -> DataChoice:
    """What ``wanted`` names; of `AUTO` the best that can be had without fetching anything."""
    from cnnviz.data.datasets import is_at_hand
    from cnnviz.training.start import without_machine_path

    run = getattr(scene.panel("training"), "settings", None)
    if wanted != AUTO:
        of_run = run is not None and run.dataset == wanted
        return DataChoice(wanted, run.data_folder if of_run else None)
    own = network.card.dataset.removesuffix(PERMUTED_WORDS)
    if run is not None and without_machine_path(run.dataset) == own and is_at_hand(run.dataset, run.data_folder):
        return DataChoice(run.dataset, run.data_folder, _TRAINED_ON)
    if own and is_at_hand(own):
        return DataChoice(own, None, _TRAINED_ON)
    board = "digits" if network.card.input_size[0] == 1 else "shapes"
    return DataChoice(
        board, None, f"those of {plain_title(own)}, which it was trained on, are not at hand" if own else ""
    )


_TRAINED_ON = "kept back from the data it was trained on"


@dataclass(frozen=True, eq=False)
class _Chosen:
    of: LabelledImages
    channels: int
    most: int
    samples: LabelledSamples


_kept = KeptImages(2)
_chosen: list[_Chosen] = []
"""The last choices, the newest first; a picture is made once for each."""
_MOST_CHOSEN = 4


def labelled_samples(choice: DataChoice, network: LoadedNetwork, most: int, wait: float) -> LabelledSamples | None:
    """At most ``most`` images of the data set; None while it is being read, for which ``wait`` seconds are waited.

    Raises
    ------
    DatasetError
        It cannot be had, or has images that the network does not take.
    """
    from cnnviz.core.unit_order import balanced_choice
    from cnnviz.training.start import in_channels

    found = _kept.result(choice.spec, network.card.input_size, wait, choice.folder)
    if found is None:
        return None
    channels = network.card.input_size[0]
    for known in _chosen:
        if known.of is found and (known.channels, known.most) == (channels, most):
            return known.samples
    numbers = balanced_choice(found.labels, most)
    part = in_channels(found.subset(numbers), channels)
    samples = LabelledSamples(choice, part.images, part.labels, numbers, part.class_names)
    _chosen[:] = [_Chosen(found, channels, most, samples), *_chosen[: _MOST_CHOSEN - 1]]
    return samples


def in_order_of(network: LoadedNetwork, images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) with their pixels permuted where the network learned from such."""
    if network.card.permuted_at is None:
        return images
    flat = images.reshape(*images.shape[:2], -1)
    return flat[:, :, pixel_permutation(*images.shape[2:])].reshape(images.shape)


def network_input(
    images: np.ndarray, network: LoadedNetwork, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """uint8 images (N, C, H, W) as the network takes them: of its size (bilinear, as in training), normalised.

    For a network that learned from permuted pixels they are permuted.
    """
    from cnnviz.engine.input_tensor import normalised
    from cnnviz.training.preparation import at_size, to_unit_range

    pixels = to_unit_range(in_order_of(network, images))
    return normalised(at_size(pixels, *network.card.input_size[1:]), network, mean, std)
