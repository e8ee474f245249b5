"""Opened and pasted pictures, kept by what is in them, so that a scene can name them and find them again."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.atomic import write_atomically
from cnnviz.data.images import ImageError, Picture, open_picture, picture_from_array, picture_from_bytes

_NUMPY_MAGIC = b"\x93NUMPY"


class ImageStore:
    """A folder of pictures, each under the SHA-256 of its bytes; made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, image: bytes | NDArray[Any]) -> str:
        """Keep an image file's bytes, or an array as ``picture_from_array`` takes it; returns its SHA-256.

        Raises
        ------
        ImageError
            The folder cannot be written, or the array is no image.
        """
        content = image if isinstance(image, bytes) else _array_bytes(image)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        try:
            # What is there under this name may have been damaged since.
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                write_atomically(path, content)
        except OSError as error:
            raise ImageError(
                f"The picture cannot be kept in “{self.folder}” ({error.strerror or error}): "
                "make room there or give it permission to write."
            ) from error
        return sha256

    def keep_file(self, path: Path) -> str:
        """Keep an image file, once it is known to be one; returns its SHA-256. Raises ``ImageError``."""
        open_picture(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ImageError(f"“{path.name}” cannot be read ({error.strerror or error}): check the disk.") from error
        return self.keep(content)

    def open(self, sha256: str, name: str = "") -> Picture:
        """The picture kept under this hash, called ``name``.

        Raises
        ------
        ImageError
            It is not there or no longer what was kept.
        """
        name = name or f"kept picture {sha256[:8]}"
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise ImageError(f"“{name}” is named by no SHA-256 ({sha256[:80]!r}): open the picture again.")
        try:
            content = self._path(sha256).read_bytes()
        except OSError:
            raise ImageError(f"“{name}” is no longer kept in “{self.folder}”: open the picture again.") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ImageError(f"What was kept of “{name}” is damaged: open the picture again.")
        if content.startswith(_NUMPY_MAGIC):
            return picture_from_array(np.load(io.BytesIO(content), allow_pickle=False), name)
        return picture_from_bytes(content, name)

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.image"


def _array_bytes(array: NDArray[Any]) -> bytes:
    picture_from_array(array)
    stream = io.BytesIO()
    if array.dtype == np.uint8:
        from PIL import Image

        grey = array.ndim == 3 and array.shape[2] == 1
        Image.fromarray(np.ascontiguousarray(array[:, :, 0] if grey else array)).save(stream, "PNG")
    else:
        np.save(stream, array, allow_pickle=False)  # PNG would round it
    return stream.getvalue()
