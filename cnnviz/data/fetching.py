"""Fetches the files of known data sets into the user's cache, each checked against its sum."""

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

import platformdirs
import pooch

from cnnviz.data.labelled_images import DatasetError

_TIMEOUT_SECONDS = 20

Progress = Callable[[str, float], None]
"""Told what is done, in words, and the share of it that is done, from 0 to 1."""

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "fashion-mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "cifar10": "https://www.cs.toronto.edu/~kriz/",
    }
)

SUMS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("mnist", "train-images-idx3-ubyte.gz"): "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ("mnist", "train-labels-idx1-ubyte.gz"): "md5:d53e105ee54ea40749a09fcbcd1e9432",
        ("mnist", "t10k-images-idx3-ubyte.gz"): "md5:9fb629c4189551a2d022fa330f9573f3",
        ("mnist", "t10k-labels-idx1-ubyte.gz"): "md5:ec29112dd5afa0611ce80d1b7f02629c",
        ("fashion-mnist", "train-images-idx3-ubyte.gz"): "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ("fashion-mnist", "train-labels-idx1-ubyte.gz"): "md5:25c81989df183df01b3e8a0aad5dffbe",
        ("fashion-mnist", "t10k-images-idx3-ubyte.gz"): "md5:bef4ecab320f06d8554ea6380940ec79",
        ("fashion-mnist", "t10k-labels-idx1-ubyte.gz"): "md5:bb300cfdad3c16e7a12a480ee83cd310",
        ("cifar10", "cifar-10-binary.tar.gz"): "md5:c32a1d4ab5d03f1284b67883e8d87530",
    }
)


def cache_folder(dataset: str) -> Path:
    """Where the files of a data set are kept once they are fetched."""
    return platformdirs.user_cache_path("cnnviz") / "data" / dataset


def fetch(dataset: str, name: str, progress: Progress | None = None) -> Path:
    """The file ``name`` of a data set in the user's cache, downloaded if it is not there or damaged.

    ``progress`` is told how far it is, and that a damaged file is fetched again; without it, the terminal is.

    Raises
    ------
    DatasetError
        It can be neither downloaded nor written, or is not the file that is expected.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # what pooch would announce is told as progress
    folder = cache_folder(dataset)
    known_hash = SUMS[dataset, name]
    tell = progress or _Terminal(sys.stderr).tell
    downloader = pooch.HTTPDownloader(progressbar=_Bar(f"fetching {name}", tell), timeout=_TIMEOUT_SECONDS)
    try:
        if (folder / name).is_file() and not _is_whole(folder / name, known_hash):
            tell(f"{name} is damaged or cut short; it is fetched again", 0.0)
        return Path(
            pooch.retrieve(
                SOURCES[dataset] + name, known_hash=known_hash, fname=name, path=folder, downloader=downloader
            )
        )
    except (OSError, ValueError) as error:
        reason = "the file is not the expected one" if isinstance(error, ValueError) else "the download failed"
        raise DatasetError(
            f"{dataset} cannot be fetched from {SOURCES[dataset]} ({reason}); "
            "get it yourself and give its folder (--data-dir; in the window Settings, More settings, Data folder)."
        ) from error


def _is_whole(path: Path, known_hash: str) -> bool:
    algorithm, _, expected = known_hash.partition(":")
    return bool(pooch.file_hash(str(path), alg=algorithm) == expected)


class _Bar:
    """The part of tqdm that pooch calls."""

    def __init__(self, what: str, tell: Progress) -> None:
        self.total = 0
        self._what = what
        self._tell = tell
        self._done = 0
        self._percent = -1

    def update(self, count: int) -> None:
        self._done += count
        percent = min(100 * self._done // max(self.total, 1), 100)
        if percent != self._percent:
            self._percent = percent
            self._tell(self._what, percent / 100)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._tell(self._what.replace("fetching", "fetched"), 1.0)


class _Terminal:
    """One line that is overwritten; where the output is no terminal, only what happened is printed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, what: str, share: float) -> None:
        if not what.startswith("fetching"):
            start = "\r" if self._stream.isatty() else ""
            print(f"{start}{what}       ", file=self._stream)
        elif self._stream.isatty():
            print(f"\r{what}: {share:.0%}", end="", file=self._stream, flush=True)
