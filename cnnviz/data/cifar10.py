"""Reads CIFAR-10: the official binary batches, or one JPEG per image in class folders; unpacked or in an archive."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from cnnviz.data.folders import decode, read_class_folders
from cnnviz.data.images import ImageError
from cnnviz.data.labelled_images import DatasetError, LabelledImages

if TYPE_CHECKING:
    from cnnviz.data.fetching import Progress

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BINARY_ARCHIVE = "cifar-10-binary.tar.gz"
JPEG_ARCHIVE = "cifar10-jpg.tar.gz"

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32
_BATCHES = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}


def read_cifar10(
    folder: Path, split: Literal["train", "test"], progress: Progress | None = None
) -> LabelledImages | None:
    """CIFAR-10 in whichever form ``folder`` has it; None where it has none.

    The forms are tried in this order: binary batches (in ``folder`` or ``cifar-10-batches-bin``), their archive
    ``cifar-10-binary.tar.gz``, the archive ``cifar10-jpg.tar.gz`` with ``train/CLASS/NNNN.jpg``, and such folders.
    """
    for place in (folder, folder / "cifar-10-batches-bin"):
        batches = [place / name for name in _BATCHES[split]]
        if all(batch.is_file() for batch in batches):
            return _joined([read_batch(batch.read_bytes(), str(batch)) for batch in batches])
    if (folder / BINARY_ARCHIVE).is_file():
        return read_binary_archive(folder / BINARY_ARCHIVE, split)
    if (folder / JPEG_ARCHIVE).is_file():
        return read_jpeg_archive(folder / JPEG_ARCHIVE, split, progress)
    if all((folder / split / name).is_dir() for name in CLASS_NAMES):
        return read_class_folders(folder / split, _SHAPE, progress)
    return None


def read_batch(data: bytes, source: str) -> LabelledImages:
    """Images of one binary batch: records of a label byte and 3,072 bytes, red, green and blue one after another."""
    if not data or len(data) % _RECORD:
        raise DatasetError(
            f"{source} is no CIFAR-10 batch or is cut short: {len(data):,} bytes are not a whole number of "
            f"{_RECORD:,}-byte records."
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASS_NAMES):
        raise DatasetError(f"{source} is no CIFAR-10 batch: it has the label {labels.max()}, the largest is 9.")
    return LabelledImages(records[:, 1:].reshape(-1, *_SHAPE), labels, CLASS_NAMES)


def read_binary_archive(archive: Path, split: Literal["train", "test"]) -> LabelledImages:
    """Images of the official ``cifar-10-binary.tar.gz``, read without unpacking it."""
    batches = {name: data for name, data in _members(archive) if name.name in _BATCHES[split]}
    if len(batches) != len(_BATCHES[split]):
        raise DatasetError(f"{archive} lacks {', '.join(_BATCHES[split])}; get the file again.")
    in_order = sorted(batches, key=lambda name: name.name)
    return _joined([read_batch(batches[name], f"{archive}: {name}") for name in in_order])


def read_jpeg_archive(
    archive: Path, split: Literal["train", "test"], progress: Progress | None = None
) -> LabelledImages:
    """Images of an archive with members ``train/CLASS/NNNN.jpg`` and ``test/CLASS/NNNN.jpg``, sorted by their names.

    Those of the archive that was read last are kept: to decode 60,000 files takes half a minute.
    """
    status = archive.stat()
    key = archive, status.st_mtime_ns, status.st_size
    if not _kept or _kept[0][0] != key:
        _kept[:] = [(key, {})]
    decoded = _kept[0][1]
    if split not in decoded:
        decoded[split] = _decoded_archive(archive, split, progress)
    return decoded[split]


_kept: list[tuple[tuple[Path, int, int], dict[str, LabelledImages]]] = []


def _decoded_archive(archive: Path, split: str, progress: Progress | None) -> LabelledImages:
    images = {}
    skipped = []
    for name, data in _members(archive, progress):
        if len(name.parts) < 3 or name.parts[-3] != split or name.parts[-2] not in CLASS_NAMES:
            continue
        try:
            images[name.parts[-2:]] = decode(data, _SHAPE)
        except ImageError:
            skipped.append(str(name))
    if not images:
        raise DatasetError(f"{archive} has no images named {split}/CLASS/NNNN.jpg; get the file again.")
    # An archive keeps the order in which its files lay on somebody's disk; the same images get the same order here.
    in_order = sorted(images)
    labels = np.array([CLASS_NAMES.index(class_name) for class_name, _ in in_order], dtype=np.int64)
    return LabelledImages(np.stack([images[key] for key in in_order]), labels, CLASS_NAMES, tuple(sorted(skipped)))


def _members(archive: Path, progress: Progress | None = None) -> Iterator[tuple[PurePosixPath, bytes]]:
    try:
        size, told = archive.stat().st_size, -1
        with archive.open("rb") as packed, tarfile.open(fileobj=packed) as members:
            for member in members:
                if progress is not None and (percent := 100 * packed.tell() // max(size, 1)) != told:
                    told = percent
                    progress(f"reading {archive.name}", percent / 100)
                file = members.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield PurePosixPath(member.name), file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DatasetError(f"{archive} is damaged or cut short ({error}); get the file again.") from error


def _joined(batches: list[LabelledImages]) -> LabelledImages:
    return LabelledImages(
        np.concatenate([batch.images for batch in batches]),
        np.concatenate([batch.labels for batch in batches]),
        CLASS_NAMES,
    )
