"""Reads IDX files, the format of MNIST and Fashion-MNIST, gzipped or not."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.labelled_images import DatasetError

_UNSIGNED_BYTE = 0x08
_LARGEST_GZIP_RATIO = 1032  # no byte of a deflate stream stands for more
_CHUNK = 1 << 20


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in the IDX file at ``path``: (N,) for labels, (N, H, W) for images.

    Only unsigned bytes are read; MNIST and its descendants have nothing else.

    Raises
    ------
    DatasetError
        The file cannot be read, is not in this format, or holds less or more than its header says.

    Notes
    -----
    The format is described at http://yann.lecun.com/exdb/mnist: two zero bytes, the type of the values, the number of
    dimensions, the dimensions as big-endian 32-bit integers, the values.
    """
    try:
        with path.open("rb") as file:
            size_on_disk = os.fstat(file.fileno()).st_size
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not is_gzip:
                return _read(file, path, most_bytes=size_on_disk)
            # GzipFile lacks a read-into-bytes type in common with open files, but reads alike.
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=file))
            return _read(stream, path, most_bytes=size_on_disk * _LARGEST_GZIP_RATIO)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{path} is damaged or cut short: it cannot be decompressed; get the file again.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read(stream: BinaryIO, path: Path, most_bytes: int) -> NDArray[np.uint8]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or not 1 <= start[3] <= 4:
        raise DatasetError(f"{path} is not an IDX file: it does not begin with the format's four bytes.")
    if start[2] != _UNSIGNED_BYTE:
        raise DatasetError(f"{path} holds values of IDX type 0x{start[2]:02x}; only unsigned bytes (0x08) can be read.")
    dimensions = start[3]
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DatasetError(f"{path} is cut short within its header; get the file again.")
    shape = struct.unpack(f">{dimensions}I", header)
    expected = math.prod(shape)
    # A damaged header must not be able to ask for all memory.
    if expected > most_bytes:
        raise DatasetError(f"{path} is cut short: its header promises {expected:,} values, more than it can hold.")
    values = bytearray()
    while len(values) <= expected and (chunk := stream.read(min(_CHUNK, expected + 1 - len(values)))):
        values += chunk
    if len(values) < expected:
        raise DatasetError(f"{path} is cut short: its header promises {expected:,} values, it holds {len(values):,}.")
    if len(values) > expected:
        raise DatasetError(f"{path} is damaged: it holds more than the {expected:,} values that its header promises.")
    return np.frombuffer(bytes(values), dtype=np.uint8).reshape(shape)
