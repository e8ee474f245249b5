"""Reads images from a folder that has one folder per class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.fit import Fit, fit_picture
from cnnviz.data.images import ImageError, Picture, open_picture, picture_from_bytes
from cnnviz.data.labelled_images import DatasetError, LabelledImages

if TYPE_CHECKING:
    from cnnviz.data.fetching import Progress


_TOLD_EVERY = 100
"""Files between two words about how far the reading is."""
_HOPELESS = 1_000
"""So many files at the beginning without an image: this is another kind of folder, which may be as large as a disk."""


def decode(data: bytes, shape: tuple[int, int, int] | None = None) -> NDArray[np.uint8]:
    """Pixels of an encoded image, (C, H, W), as a person who opens it in the program gets them.

    Parameters
    ----------
    shape
        Channels, height and width that are wanted: the image is scaled until it covers them, and what is too long is
        cut off evenly on both sides. Without it, size stays, and grey images have one channel.

    Raises
    ------
    ImageError
        These bytes are no image, or a damaged one.
    """
    return _fitted(picture_from_bytes(data), shape)


def _fitted(picture: Picture, shape: tuple[int, int, int] | None) -> NDArray[np.uint8]:
    pixels = picture.pixels if shape is None else fit_picture(picture.pixels, *shape, Fit(size="crop"))
    return np.rint(pixels * 255).astype(np.uint8)


def read_class_folders(
    folder: Path, shape: tuple[int, int, int] | None = None, progress: Progress | None = None
) -> LabelledImages:
    """Every image in the folders of ``folder``, each of which is a class named after it.

    What is no image or may not be read is left out and listed in ``skipped``; what is hidden is left out.

    Raises
    ------
    DatasetError
        The folder cannot be read, there are fewer than two classes with images, the first thousand files are no
        images, or the images differ in size and ``shape`` does not say which is wanted.
    """
    if not folder.is_dir():
        what = "is not a folder; choose" if folder.exists() else "is not there; bring it back, or choose"
        raise DatasetError(f"{folder} {what} a folder with one folder of images per class.")
    arrays: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    class_names: list[str] = []
    skipped: list[str] = []
    found = class_files(folder, skipped)
    total, done = sum(map(len, found.values())), 0
    for class_folder, files in found.items():
        count_before = len(arrays)
        for file in files:
            if progress is not None and done % _TOLD_EVERY == 0:
                progress(f"reading {folder.name}", done / total)
            done += 1
            try:
                arrays.append(_fitted(open_picture(file), shape))
            except ImageError:
                skipped.append(f"{class_folder.name}/{file.name}")
                if not arrays and len(skipped) >= _HOPELESS:
                    raise DatasetError(
                        f"None of the first {_HOPELESS:,} files in the folders of {folder} is an image that can be "
                        "read; choose a folder with one folder of images per class."
                    ) from None
        if len(arrays) > count_before:
            labels += [len(class_names)] * (len(arrays) - count_before)
            class_names.append(class_folder.name)
    if len(class_names) < 2:
        only = f"only the class '{class_names[0]}'" if class_names else "no class"
        raise DatasetError(
            f"{folder} has {only} with readable images; it needs at least two folders of images, named by class."
        )
    return LabelledImages(
        _stacked(arrays, folder), np.array(labels, dtype=np.int64), tuple(class_names), tuple(skipped)
    )


def class_files(folder: Path, skipped: list[str] | None = None) -> dict[Path, list[Path]]:
    """What lies in each folder of ``folder``; folders that may not be read are added to ``skipped``.

    Raises ``DatasetError`` where ``folder`` itself cannot be read.
    """
    try:
        class_folders = [entry for entry in _visible(folder) if os.path.isdir(entry)]
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be read ({error.strerror or error}); ask for permission, or choose another folder."
        ) from error
    found: dict[Path, list[Path]] = {}
    for class_folder in class_folders:
        try:
            found[class_folder] = [entry for entry in _visible(class_folder) if not os.path.isdir(entry)]
        except OSError:
            if skipped is not None:
                skipped.append(class_folder.name)
    return found


def _visible(folder: Path) -> list[Path]:
    return sorted(folder / name for name in os.listdir(folder) if not name.startswith("."))


def _stacked(arrays: Sequence[NDArray[np.uint8]], folder: Path) -> NDArray[np.uint8]:
    sizes = {array.shape[1:] for array in arrays}
    if len(sizes) > 1:
        (height, width), (other_height, other_width) = sorted(sizes)[:2]
        raise DatasetError(
            f"The images in {folder} differ in size, for example {width}×{height} and {other_width}×{other_height} "
            "pixels; say which size they are to be scaled to."
        )
    channels = max(array.shape[0] for array in arrays)
    return np.stack([np.broadcast_to(array, (channels, *array.shape[1:])) for array in arrays])
