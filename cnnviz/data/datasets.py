"""Data sets by name: read from a folder that the person gives, or fetched once into the user's cache."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from cnnviz.data import cifar10, fetching
from cnnviz.data.digits import load_digits
from cnnviz.data.dots import load_dots
from cnnviz.data.facts import ON_BOARD
from cnnviz.data.fetching import Progress
from cnnviz.data.folders import read_class_folders
from cnnviz.data.idx import read_idx
from cnnviz.data.labelled_images import DatasetError, LabelledImages
from cnnviz.data.shapes import load_shapes

__all__ = ["DATASETS", "DatasetError", "LabelledImages", "Split", "load_dataset"]

Split = Literal["train", "test"]

DATASETS = ("digits", "shapes", "dots", "mnist", "fashion-mnist", "cifar10", "folder:PATH")

_IDX_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mnist": tuple("0123456789"),
        "fashion-mnist": (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    }
)
_IDX_PREFIX = MappingProxyType({"train": "train", "test": "t10k"})


def load_dataset(
    spec: str,
    split: Split,
    data_dir: Path | None = None,
    shape: tuple[int, int, int] | None = None,
    progress: Progress | None = None,
) -> LabelledImages:
    """The training or the test images of a data set.

    Parameters
    ----------
    spec
        ``digits``, ``shapes``, ``dots``, ``mnist``, ``fashion-mnist``, ``cifar10``, or ``folder:PATH`` with one folder
        of images per class; where PATH has the folders ``train`` and ``test``, these are the splits, else both splits
        are the whole of it.
    data_dir
        Where the data set lies, itself or in a folder of its name. Without it, the environment variable
        ``CNNVIZ_DATA_DIR`` says so; without that either, the data set is fetched into the user's cache.
    shape
        Channels, height and width to which the images of a folder are brought; the other data sets have their own.
    progress
        Told what is being fetched or read, where that takes long; without it, the terminal is told what is fetched.

    Raises
    ------
    DatasetError
        The data set is unknown, not there, damaged or cannot be fetched.
    """
    kind, _, path = spec.partition(":")
    if kind == "folder":
        if not path:
            raise DatasetError("The data set 'folder:' lacks its path; write folder:PATH.")
        return _load_folder(Path(path), split, shape, progress)
    if spec == "digits":
        return load_digits(split)
    if spec == "shapes":
        return load_shapes(split)
    if spec == "dots":
        return load_dots(split)
    if spec not in DATASETS:
        raise DatasetError(f"There is no data set '{spec}'; choose one of {', '.join(DATASETS)}.")
    if data_dir is None and (from_environment := os.environ.get("CNNVIZ_DATA_DIR")):
        data_dir = Path(from_environment)
    if data_dir is not None and not data_dir.is_dir():
        raise DatasetError(
            f"The data folder {data_dir} is not there; bring it back, or choose another one "
            "(--data-dir; in the window Settings, More settings, Data folder)."
        )
    if spec == "cifar10":
        return _load_cifar10(split, data_dir, progress)
    return _load_idx(spec, split, data_dir, progress)


def has_test_split(spec: str) -> bool:
    """Whether the data set keeps images apart for testing."""
    kind, _, path = spec.partition(":")
    return kind != "folder" or _is_split(Path(path))


def is_at_hand(spec: str, data_dir: Path | None = None) -> bool:
    """Whether the test images of a data set lie on this machine, so that nothing has to be fetched; none is read.

    ``spec`` and ``data_dir`` are as for :func:`load_dataset`.
    """
    kind, _, path = spec.partition(":")
    if kind == "folder":
        return bool(path) and _has_folders(Path(path))
    if spec in ON_BOARD:
        return True
    if spec not in DATASETS:
        return False
    from_environment = os.environ.get("CNNVIZ_DATA_DIR")
    folder = data_dir if data_dir is not None else Path(from_environment) if from_environment else None
    if folder is None:
        return all((fetching.cache_folder(spec) / name).is_file() for name in _fetched_files(spec))
    if spec == "cifar10":
        return (folder / spec).is_dir() or any((folder / name).is_file() for name in _fetched_files(spec))
    plain = [name.removesuffix(".gz") for name in _fetched_files(spec)]
    return all(
        any((place / name).is_file() for place in (folder, folder / spec) for name in (file, f"{file}.gz"))
        for file in plain
    )


def _has_folders(folder: Path) -> bool:
    try:
        return any(entry.is_dir() for entry in folder.iterdir())
    except OSError:
        return False


def _fetched_files(spec: str) -> tuple[str, ...]:
    if spec == "cifar10":
        return (cifar10.BINARY_ARCHIVE,)
    return tuple(f"{_IDX_PREFIX['test']}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))


def _load_folder(
    folder: Path, split: Split, shape: tuple[int, int, int] | None, progress: Progress | None
) -> LabelledImages:
    return read_class_folders(folder / split if _is_split(folder) else folder, shape, progress)


def _is_split(folder: Path) -> bool:
    return (folder / "train").is_dir() and (folder / "test").is_dir()


def _load_cifar10(split: Split, data_dir: Path | None, progress: Progress | None) -> LabelledImages:
    if data_dir is None:
        return cifar10.read_binary_archive(fetching.fetch("cifar10", cifar10.BINARY_ARCHIVE, progress), split)
    for folder in (data_dir, data_dir / "cifar10"):
        if (found := cifar10.read_cifar10(folder, split, progress)) is not None:
            return found
    raise DatasetError(
        f"CIFAR-10 is neither in {data_dir} nor in its folder cifar10: looked for {cifar10.BINARY_ARCHIVE}, "
        f"{cifar10.JPEG_ARCHIVE}, the .bin batches and folders {split}/CLASS."
    )


def _load_idx(spec: str, split: Split, data_dir: Path | None, progress: Progress | None) -> LabelledImages:
    prefix = _IDX_PREFIX[split]
    images_path = _idx_file(spec, f"{prefix}-images-idx3-ubyte", data_dir, progress)
    labels_path = _idx_file(spec, f"{prefix}-labels-idx1-ubyte", data_dir, progress)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3:
        raise DatasetError(f"{images_path} has {images.ndim} dimensions; images have 3.")
    if labels.ndim != 1:
        raise DatasetError(f"{labels_path} has {labels.ndim} dimensions; labels have 1.")
    try:
        return LabelledImages(images[:, None], labels.astype(np.int64), _IDX_CLASSES[spec])
    except DatasetError as error:
        raise DatasetError(f"{images_path.name} and {labels_path.name} do not fit together: {error}") from error


def _idx_file(spec: str, name: str, data_dir: Path | None, progress: Progress | None) -> Path:
    if data_dir is None:
        return fetching.fetch(spec, f"{name}.gz", progress)
    for folder in (data_dir, data_dir / spec):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DatasetError(f"{name} (or {name}.gz) is neither in {data_dir} nor in its folder {spec}.")
