"""What kind of thing a file is, told from its name and first bytes, and images on their way into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice
from PyQt6.QtGui import QImage

NETWORK_SUFFIXES = (".safetensors", ".pt", ".pth", ".th", ".ckpt", ".bin", ".onnx", ".h5", ".keras", ".pt2")


def kind_of(path: Path) -> Literal["network", "image", "scene"]:
    """A network by its ending, a scene by its first character; everything else is tried as an image."""
    if path.suffix.lower() in NETWORK_SUFFIXES:
        return "network"
    if path.suffix.lower() == ".json":
        return "scene"
    return "image"


def picture_bytes(path: Path) -> bytes:
    """The bytes of an image file that has been checked to be one.

    Raises
    ------
    ImageError
        It is none that can be shown; says why.
    """
    from cnnviz.data.images import open_picture

    open_picture(path)
    return path.read_bytes()


def encoded(picture: QImage) -> bytes:
    """A pasted picture as PNG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    buffer.close()
    return bytes(data)
