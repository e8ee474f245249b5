"""A test image of a data set that lies on this machine, for a network that learned from it to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cnnviz.data.datasets import has_test_split, is_at_hand, load_dataset
from cnnviz.data.folders import class_files
from cnnviz.data.images import ImageError
from cnnviz.data.kinds import picture_bytes
from cnnviz.data.labelled_images import DatasetError


@dataclass(frozen=True)
class FirstPicture:
    """An image as the image store takes it: the bytes of a file, or uint8 (H, W) or (H, W, 3)."""

    image: bytes | NDArray[Any]
    name: str
    """Its file, or what it is called."""
    label: str
    """Its class."""


def first_picture(spec: str, data_dir: Path | None = None) -> FirstPicture | None:
    """The first test image, of a folder the first that can be read; None where none is at hand: nothing is fetched.

    ``spec`` and ``data_dir`` are as for :func:`~cnnviz.data.datasets.load_dataset`.
    """
    try:
        if not is_at_hand(spec, data_dir):
            return None
        kind, _, path = spec.partition(":")
        if kind == "folder":
            return _first_of_folder(Path(path) / "test" if has_test_split(spec) else Path(path))
        test = load_dataset(spec, "test", data_dir)
    except (DatasetError, OSError):
        return None
    pixels, label = test.images[0], test.class_names[test.labels[0]]
    image = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return FirstPicture(image, f"{spec}, test image 0", label)


def _first_of_folder(folder: Path) -> FirstPicture | None:
    for class_folder, files in class_files(folder).items():
        for file in files:
            try:
                return FirstPicture(picture_bytes(file), str(file), class_folder.name)
            except ImageError:
                continue
    return None
