"""What kind of thing a file is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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
