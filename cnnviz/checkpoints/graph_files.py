"""Files that hold their network's graph beside its weights: ONNX and Keras."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.formats import KERAS_READER, ONNX_READER, reader_of
from cnnviz.checkpoints.keras.open import open_keras
from cnnviz.checkpoints.onnx.open import (
    GENERATED_LIMIT,
    MOST_GENERATED,
    GeneratedTooMuch,
    build,
    declared_size,
    read_plan,
)
from cnnviz.checkpoints.onnx.values import contents_of
from cnnviz.checkpoints.permissions import permit, permitted


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A file that says itself what its network computes.

    Attributes
    ----------
    module : nn.Module or None
        In evaluation mode, on the CPU; None where it cannot be built, which ``message`` explains.
    input_size : (int, int, int) or None
        Channels, height and width; None where the network takes no images.
    proposal : str
        What would be built if the person accepted it; empty where there is nothing to accept.
        Its ``input_size`` is known then.
    """

    format: str
    module: nn.Module | None
    input_size: tuple[int, int, int] | None
    contents: Contents
    message: str
    proposal: str = ""


def open_graph_file(path: Path, *, accept: bool = False) -> GraphFile | None:
    """The network of an ONNX or Keras file, told by its ending; None for files of another kind.

    Parameters
    ----------
    accept
        Let an ONNX file make constants that are far larger than the file, and keep that it may.

    Raises
    ------
    CheckpointError
        The file cannot be read; for Keras also where h5py is not installed.
    """
    reader = reader_of(path)
    if reader is ONNX_READER:
        return _onnx(path, accept)
    if reader is KERAS_READER:
        keras = open_keras(path)
        words = " ".join((keras.message, *keras.notes)).strip()
        size = _image(keras.input_size)
        return GraphFile(f"Keras {keras.version}".strip(), keras.module, size, keras.contents, words)
    return None


def _onnx(path: Path, accept: bool) -> GraphFile:
    plan = read_plan(path)
    form = f"ONNX, opset {plan['opset']}"
    try:
        onnx = build(plan, path)
    except GeneratedTooMuch as error:
        size = declared_size(plan)
        if size is not None and not accept and permitted(path, "make large constants") is None:
            proposal = f"the graph in the file, with constants of more than {GENERATED_LIMIT / 1e6:,.0f} MB"
            sentence = f"{error} If you know where it comes from, open it with --accept."
            return GraphFile(form, None, size, contents_of(plan, path), sentence, proposal)
        try:
            onnx = build(plan, path, generated_limit=MOST_GENERATED)
        except GeneratedTooMuch as more:
            sentence = f"{more} That is more than is ever made."
            return GraphFile(form, None, size, contents_of(plan, path), sentence)
        with contextlib.suppress(OSError):  # then it is asked again the next time
            permit(path, "make large constants")
    words = " ".join((onnx.message, *onnx.notes)).strip()
    return GraphFile(form, onnx.module, _image(onnx.input_size), onnx.contents, words)


def _image(size: tuple[int, ...] | None) -> tuple[int, int, int] | None:
    return (size[0], size[1], size[2]) if size is not None and len(size) == 3 else None
