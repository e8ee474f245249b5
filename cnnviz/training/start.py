"""From the settings of a run to its network and images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.colour import LUMINANCE
from cnnviz.data.datasets import has_test_split, load_dataset
from cnnviz.data.labelled_images import DatasetError, LabelledImages
from cnnviz.data.pixel_order import PERMUTED_WORDS, permute_pixels
from cnnviz.data.split import split_by_class
from cnnviz.nets.registry import build
from cnnviz.training.device_data import DeviceImages, TrainingData
from cnnviz.training.metrics import Notice
from cnnviz.training.network_start import blueprint, starting_module
from cnnviz.training.preparation import channel_statistics
from cnnviz.training.settings import TrainingSettings

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a trainer is made from."""

    module: nn.Module
    """With the weights to start from; on the CPU."""
    data: TrainingData
    skipped: tuple[str, ...]
    """Files of the data set that could not be read as images."""
    notes: tuple[Notice, ...]
    """What the person should know."""


def prepare(settings: TrainingSettings, command: str = "", progress: Progress | None = None) -> Prepared:
    """Read the images and build the network that ``settings`` name.

    Parameters
    ----------
    command
        The command that makes the same network, for its card.
    progress
        Told what is being fetched.

    Raises
    ------
    DatasetError, SettingsError, ArchitectureError, CheckpointError
        They are not there, or do not fit together; the message is one sentence.
    """
    plan = blueprint(settings.network)
    train, test = load_images(settings, plan.input_size, progress)
    image_size = (train.images.shape[2], train.images.shape[3])
    plan = plan.sized(*image_size)
    skipped = tuple(dict.fromkeys(train.skipped + test.skipped))
    if not plan.follows_data:
        train, test = (in_channels(images, plan.input_size[0]) for images in (train, test))
    channels, classes = train.images.shape[1], len(train.class_names)
    start = settings.network
    module, config, note = starting_module(start, plan, channels, classes, settings.seed)
    if plan.card is not None and start.keep_weights:
        mean, std = plan.card.mean, plan.card.std
    else:
        mean, std = channel_statistics(train.images)
    card = NetworkCard(
        architecture=plan.architecture,
        # All of it, so that the file can be opened when a later version has other defaults.
        config=config,
        labels=train.class_names,
        input_size=(channels, *plan.input_size[1:]),
        mean=mean,
        std=std,
        dataset=without_machine_path(settings.dataset) + (PERMUTED_WORDS if settings.permute_pixels else ""),
        command=command,
        seed=settings.seed,
        permuted_at=image_size if settings.permute_pixels else None,
    )
    notes = [Notice(note)] if note else []
    if settings.permute_pixels:
        notes.append(
            Notice("The network learns from permuted pixels; what is on the canvas is permuted for it as well.")
        )
    if skipped:
        notes.append(_left_out(skipped))
    data = TrainingData(DeviceImages.of(train), DeviceImages.of(test), card)
    return Prepared(module, data, skipped, tuple(notes))


def _left_out(skipped: tuple[str, ...]) -> Notice:
    files = (
        "1 file is no image that can be read and is"
        if len(skipped) == 1
        else (f"{len(skipped):,} files are no images that can be read and are")
    )
    return Notice(f"{files} left out: {skipped[0]}{' …' if len(skipped) > 1 else ''}", details="\n".join(skipped))


def prepare_again(settings: TrainingSettings, card: NetworkCard, progress: Progress | None = None) -> Prepared:
    """Images and architecture of a run whose network has this card; the weights are still to be filled in.

    Raises
    ------
    DatasetError, ArchitectureError
        The data set is not there any more, or has become another.
    """
    train, test = (
        in_channels(images, card.input_size[0]) for images in load_images(settings, card.input_size, progress)
    )
    if train.class_names != card.labels:
        raise DatasetError(
            f"{settings.dataset} has other classes than when the run began; put it back, or start another run."
        )
    data = TrainingData(DeviceImages.of(train), DeviceImages.of(test), card.model_copy(update={"test_accuracy": None}))
    return Prepared(build(card.architecture, card.config), data, tuple(dict.fromkeys(train.skipped + test.skipped)), ())


def load_images(
    settings: TrainingSettings, input_size: tuple[int, int, int], progress: Progress | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Images to train on and to test with, in the channels that they have; those of a folder in the network's size.

    Where their pixels are permuted, they are before the images are brought to that size.

    Raises
    ------
    DatasetError
        The data set is not there or damaged, has fewer than two classes, or training and test images differ in them.
    """
    name, folder = settings.dataset, settings.data_folder
    train = load_dataset(name, "train", folder, input_size, progress)
    if has_test_split(name):
        test = load_dataset(name, "test", folder, input_size, progress)
    else:
        train, test = split_by_class(train, settings.seed)
    if len(np.unique(train.labels)) < 2:
        raise DatasetError(f"{name} has images of only one class to train on; give at least two.")
    if test.class_names != train.class_names:
        unknown = sorted(set(train.class_names) ^ set(test.class_names))
        raise DatasetError(f"Training and test images of {name} differ in the class '{unknown[0]}'; give it to both.")
    if settings.permute_pixels:
        return permute_pixels(train), permute_pixels(test)
    return train, test


def without_machine_path(text: str) -> str:
    """A path, or ``folder:PATH``, that says nothing of the machine: of an absolute one the last part."""
    kind, colon, path = text.rpartition(":") if text.startswith("folder:") else ("", "", text)
    return kind + colon + (Path(path).name if Path(path).is_absolute() else Path(path).as_posix())


def in_channels(images: LabelledImages, channels: int) -> LabelledImages:
    """Grey from colour, or grey in every channel; raises DatasetError where neither will do."""
    if images.images.shape[1] == channels:
        return images
    if images.images.shape[1] == 1:
        return replace(images, images=np.repeat(images.images, channels, axis=1))
    if channels == 1:
        return replace(images, images=_grey(images.images))
    raise DatasetError(
        f"The network takes images of {channels} channels, those of the data set have {images.images.shape[1]}; "
        "choose another network."
    )


def _grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = sum(weight * images[:, channel].astype(np.float32) for channel, weight in enumerate(LUMINANCE))
    return np.rint(grey).astype(np.uint8)[:, None]
