"""Fetches the files of known data sets into the user's cache, each checked against its sum."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

import platformdirs
import pooch

from cnnviz.data.labelled_images import DatasetError

_TIMEOUT_SECONDS = 20

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


def fetch(dataset: str, name: str) -> Path:
    """The file ``name`` of a data set in the user's cache, downloaded if it is not there or damaged.

    Raises
    ------
    DatasetError
        It can be neither downloaded nor written, or is not the file that is expected.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # the progress line says what pooch would announce
    folder = platformdirs.user_cache_path("cnnviz") / "data" / dataset
    downloader = pooch.HTTPDownloader(progressbar=_ProgressLine(name, sys.stderr), timeout=_TIMEOUT_SECONDS)
    try:
        return Path(
            pooch.retrieve(
                SOURCES[dataset] + name, known_hash=SUMS[dataset, name], fname=name, path=folder, downloader=downloader
            )
        )
    except (OSError, ValueError) as error:
        reason = "the file is not the expected one" if isinstance(error, ValueError) else "the download failed"
        raise DatasetError(
            f"{dataset} cannot be fetched from {SOURCES[dataset]} ({reason}); "
            "get it yourself and give its folder with --data-dir."
        ) from error


class _ProgressLine:
    """The part of tqdm that pooch calls, on one line."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self.total = 0
        self._name = name
        self._stream = stream
        self._done = 0
        self._percent = -1

    def update(self, count: int) -> None:
        self._done += count
        percent = 100 * self._done // max(self.total, 1)
        if percent != self._percent and self._stream.isatty():
            self._percent = percent
            print(f"\rfetching {self._name}: {percent} %", end="", file=self._stream, flush=True)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        print(f"\rfetched {self._name}       ", file=self._stream)
