"""The families of formats, by the ending of a file's name, and what is told of a file without torch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from cnnviz.checkpoints.sandbox import Reader, open_regular, plan_of

KERAS_SUFFIXES = (".h5", ".hdf5", ".keras")

TORCH_READER = Reader("cnnviz.checkpoints.inert.child")
"""Of all formats that are told by their content."""
ONNX_READER = Reader("cnnviz.checkpoints.onnx.child", "ONNX")
KERAS_READER = Reader("cnnviz.checkpoints.keras.child", "Keras", libraries=True)


def reader_of(path: Path) -> Reader:
    """What reads the file at ``path``."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return ONNX_READER
    return KERAS_READER if suffix in KERAS_SUFFIXES else TORCH_READER


def image_channels(path: Path) -> int | None:
    """1 or 3 where the first kernels in the file read so many channels; None where they tell nothing.

    Raises
    ------
    RefusedFile
        The file cannot be read.
    """
    reader = reader_of(path)
    with open_regular(path) as file:
        if reader is KERAS_READER and find_spec("h5py") is None:
            return None
        plan = plan_of(file, str(path), reader)
    axis = 2 if reader is KERAS_READER else 1
    channels = (tensor["shape"][axis] for tensor in plan["tensors"] if len(tensor["shape"]) == 4)
    return next((number for number in channels if number in (1, 3)), None)
