"""Pictures from files, bytes and arrays of every kind, as float32 in [0, 1]; what is none is told in a sentence."""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnviz.data.colour import Pixels
from cnnviz.data.resampling import resample

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000
WORKING_SIZE = 2048
"""Longer side of what is kept of a photo: networks see a few hundred pixels of it, and each edit touches them all."""

# Formats whose decoders are part of Pillow itself. Left out are those that start another program (EPS).
_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "ICO", "TGA", "PCX")

# What Pillow's decoders raise for damaged files, as found by cutting and altering files of every format.
_DECODER_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(RuntimeError, AssertionError, struct.error, zlib.error),
)


class ImageError(ValueError):
    """There is no picture to be had; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Picture:
    """An image ready to be fitted to a network: float32, (C, H, W), C = 1 or 3, in [0, 1]."""

    pixels: Pixels
    name: str
    notes: tuple[str, ...] = ()
    """What was done to get there, in words."""


def open_picture(path: str | os.PathLike[str]) -> Picture:
    """Read an image file.

    Raises
    ------
    ImageError
        It is missing, no ordinary file, empty, unreadable, no image, damaged or larger than ``MAX_PIXELS``; the size is
        read from the header, before anything is decoded.
    """
    path = Path(path)
    name = path.name or str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"“{name}” is a folder: choose an image file in it.")
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe that nobody writes to would wait for ever.
            raise ImageError(f"“{name}” is a pipe or a device: save the image to an ordinary file and open that.")
        with path.open("rb") as file:
            return _decode(file, status.st_size, name)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(f"There is no file “{path}”: check the name.") from None
    except PermissionError:
        raise ImageError(f"“{name}” may not be read: ask for permission or copy it to a folder of your own.") from None
    except OSError as error:
        raise ImageError(
            f"“{name}” cannot be read ({error.strerror or error}): check the name and the disk."
        ) from error
    except ValueError as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{str(path)!r} is no name of a file: check it.") from error


def picture_from_bytes(data: bytes, name: str = "image") -> Picture:
    """Decode what an image file holds. Raises ``ImageError`` as ``open_picture`` does."""
    return _decode(io.BytesIO(data), len(data), name)


def picture_from_array(array: NDArray[Any], name: str = "array") -> Picture:
    """A picture from an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), of any real type.

    uint8 is divided by 255, uint16 by 65535. Floats within [0, 1] are taken as they are, within [0, 255] divided by
    255, others scaled from their range to [0, 1]. Values that are not finite become 0. The notes tell of what was done.
    """
    values = np.asarray(array)
    if values.ndim == 2:
        values = values[:, :, np.newaxis]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4) or values.dtype.kind not in "buif":
        raise ImageError(
            f"An array of shape {np.shape(array)} and type {values.dtype} is no image: "
            "give real numbers as (rows, columns), (rows, columns, 3) or (rows, columns, 4)."
        )
    height, width, channels = values.shape
    _check_size(width, height, name)
    planes = values.transpose(2, 0, 1)
    pixels, notes = _scaled(planes)
    if channels == 4:
        pixels, more = _over_white(pixels[:3], pixels[3:])
        notes += more
    pixels, more = _at_working_size(pixels, width, height)
    return Picture(pixels, name, notes + more)


def _reduced(height: int, width: int, size: int) -> tuple[int, int]:
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _check_size(width: int, height: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"“{name}” has no pixels ({width}×{height}): choose another image.")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"“{name}” is too large ({width}×{height}): "
            f"scale it down to at most {MAX_PIXELS // 1_000_000} million pixels."
        )


def _decode(file: IO[bytes], size: int, name: str) -> Picture:
    if size == 0:
        raise ImageError(f"“{name}” is empty: choose another file.")
    from PIL import Image, UnidentifiedImageError

    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them is told as an error or a note
        try:
            with Image.open(file, formats=[known for known in _FORMATS if known in Image.OPEN]) as image:
                _check_size(image.width, image.height, name)
                return _from_pillow(image, name)
        except ImageError:
            raise
        except (Image.DecompressionBombError, MemoryError):
            raise ImageError(
                f"“{name}” is too large: scale it down to at most {MAX_PIXELS // 1_000_000} million pixels."
            ) from None
        except UnidentifiedImageError:
            raise ImageError(
                f"“{name}” is no image that can be read, or its beginning is missing: "
                "choose a PNG, JPEG, GIF, BMP, TIFF or WebP file."
            ) from None
        except _DECODER_ERRORS as error:
            raise ImageError(f"“{name}” is damaged or cut off: get it again from where it came from.") from error


def _from_pillow(image: Image, name: str) -> Picture:
    frames = getattr(image, "n_frames", 1)
    notes: tuple[str, ...] = (f"first of {frames} frames",) if frames > 1 else ()
    width, height = image.size
    image.draft(None, (WORKING_SIZE, WORKING_SIZE))  # a JPEG can be decoded at a fraction of its size
    image.load()
    deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    pixels, more = _deep_grey(image) if deep else _eight_bit(image)
    notes += more
    pixels, more = _at_working_size(pixels, width, height)
    notes += more
    turn = _TURNS.get(_orientation(image))
    if turn:
        pixels = np.ascontiguousarray(turn(pixels))
        notes += ("turned as its EXIF tag says",)
    return Picture(pixels, name, notes)


def _eight_bit(image: Image) -> tuple[Pixels, tuple[str, ...]]:
    from PIL.Image import Resampling

    notes: tuple[str, ...] = ()
    if image.mode in ("P", "PA"):
        notes = ("palette converted to RGB",)
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes = (f"{image.mode} converted to RGB",)
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        mode += "A"
    image = image.convert(mode)
    if max(image.size) > WORKING_SIZE:
        # As bytes: as floats a large photo would take four times the memory before it is made smaller.
        height, width = _reduced(image.height, image.width, WORKING_SIZE)
        image = image.resize((width, height), Resampling.BILINEAR, reducing_gap=2.0)
    values = np.asarray(image)
    planes = values[np.newaxis] if values.ndim == 2 else values.transpose(2, 0, 1)
    pixels, _ = _scaled(planes)
    if mode.endswith("A"):
        pixels, more = _over_white(pixels[:-1], pixels[-1:])
        notes += more
    return pixels, notes


def _deep_grey(image: Image) -> tuple[Pixels, tuple[str, ...]]:
    values = np.asarray(image)[np.newaxis]
    if image.mode == "I" and values.min() >= 0 and values.max() < 2**16:
        values = values.astype(np.uint16)  # so are 16-bit portable greymaps read
    return _scaled(values)


def _scaled(planes: NDArray[Any]) -> tuple[Pixels, tuple[str, ...]]:
    """Values of any real type, (C, H, W), brought to [0, 1], and what was done to them."""
    if planes.dtype == np.bool_:
        return planes.astype(np.float32, order="C"), ()
    if planes.dtype == np.uint8:
        return np.divide(planes, np.float32(255), order="C"), ()
    if planes.dtype == np.uint16:
        grey = "grey" if planes.shape[0] == 1 else "colour"
        return np.divide(planes, np.float32(65535), order="C"), (f"16-bit {grey} scaled to [0, 1]",)
    single = planes.dtype == np.float32 or planes.dtype.itemsize <= 2
    values: NDArray[np.floating[Any]] = planes.astype(np.float32 if single else np.float64)
    notes: tuple[str, ...] = ()
    unusable = ~np.isfinite(values)
    if unusable.any():
        notes = (f"{np.count_nonzero(unusable)} values that are NaN or infinite shown as 0",)
        values[unusable] = 0
    low, high = float(values.min()), float(values.max())
    fractions = planes.dtype.kind == "f"
    if fractions and low >= -1e-3 and high <= 1 + 1e-3:  # rounding errors of whoever scaled it
        pass
    elif low >= 0 and high <= 255:
        values = np.divide(values, 255)
        notes += ("values divided by 255",) if fractions else ()
    elif not fractions and low >= 0 and high <= 65535:
        values = np.divide(values, 65535)
        notes += ("values divided by 65535",)
    else:
        # In halves, since the range of finite numbers need not be finite.
        values = np.divide(np.divide(values, 2) - low / 2, (high / 2 - low / 2) or 1)
        notes += (f"values from {low:.4g} to {high:.4g} scaled to [0, 1]",)
    return np.clip(values, 0, 1).astype(np.float32, order="C"), notes


def _over_white(colour: Pixels, alpha: Pixels) -> tuple[Pixels, tuple[str, ...]]:
    if alpha.min() == 1:
        return colour, ()
    return colour * alpha + (1 - alpha), ("transparent parts laid over white",)


def _at_working_size(pixels: Pixels, width: int, height: int) -> tuple[Pixels, tuple[str, ...]]:
    """Pixels with at most ``WORKING_SIZE`` on the longer side, and a note if there were more, here or before."""
    _, rows, columns = pixels.shape
    if max(rows, columns) > WORKING_SIZE:
        pixels = resample(pixels, *_reduced(rows, columns, WORKING_SIZE))
        _, rows, columns = pixels.shape
    if rows * columns == width * height:
        return pixels, ()
    return pixels, (f"reduced from {width}×{height} to {columns}×{rows}",)


def _orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except _DECODER_ERRORS:
        return 1  # a damaged tag is no reason to refuse the picture


_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, :, ::-1],
    3: lambda pixels: pixels[:, ::-1, ::-1],
    4: lambda pixels: pixels[:, ::-1],
    5: lambda pixels: pixels.swapaxes(1, 2),
    6: lambda pixels: np.rot90(pixels, 3, (1, 2)),
    7: lambda pixels: pixels.swapaxes(1, 2)[:, ::-1, ::-1],
    8: lambda pixels: np.rot90(pixels, 1, (1, 2)),
}
"""What the values of the EXIF orientation tag ask for."""
