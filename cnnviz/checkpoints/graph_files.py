"""Files that hold their network's graph beside its weights: ONNX and Keras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.keras.open import open_keras
from cnnviz.checkpoints.onnx.open import open_onnx

KERAS_SUFFIXES = (".h5", ".hdf5", ".keras")


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A file that says itself what its network computes.

    Attributes
    ----------
    module : nn.Module or None
        In evaluation mode, on the CPU; None where it cannot be built, which ``message`` explains.
    input_size : (int, int, int) or None
        Channels, height and width; None where the network takes no images.
    """

    format: str
    module: nn.Module | None
    input_size: tuple[int, int, int] | None
    contents: Contents
    message: str


def open_graph_file(path: Path) -> GraphFile | None:
    """The network of an ONNX or Keras file, told by its ending; None for files of another kind.

    Raises
    ------
    CheckpointError
        The file cannot be read; for Keras also where h5py is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        onnx = open_onnx(path)
        words = " ".join((onnx.message, *onnx.notes)).strip()
        return GraphFile(f"ONNX, opset {onnx.opset}", onnx.module, _image(onnx.input_size), onnx.contents, words)
    if suffix in KERAS_SUFFIXES:
        keras = open_keras(path)
        words = " ".join((keras.message, *keras.notes)).strip()
        size = _image(keras.input_size)
        return GraphFile(f"Keras {keras.version}".strip(), keras.module, size, keras.contents, words)
    return None


def _image(size: tuple[int, ...] | None) -> tuple[int, int, int] | None:
    return (size[0], size[1], size[2]) if size is not None and len(size) == 3 else None
