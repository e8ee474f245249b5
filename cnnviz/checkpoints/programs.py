"""Files that are programs: run by torch, after the person has said that they trust this file, and never else."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.input_size import SIZES
from cnnviz.checkpoints.permissions import permit, permitted
from cnnviz.checkpoints.sandbox import open_regular
from cnnviz.checkpoints.traced_program import CannotBeTraced, traced_network
from cnnviz.core.error_words import first_line

_LARGEST_SIDE = 4_096


@dataclass(frozen=True, eq=False)
class RunProgram:
    """What became of a program that was trusted.

    Attributes
    ----------
    module : nn.Module or None
        Its operations as modules, in evaluation mode, on the CPU; None where they are not one sequence.
    input_size : (int, int, int) or None
    message : str
        Why there is no module, or what could not be kept, in a sentence; empty where all is well.
    """

    module: nn.Module | None
    input_size: tuple[int, int, int] | None
    message: str = ""


def is_trusted(path: Path) -> bool:
    """Whether the person has said of the file with this content that they trust it."""
    return permitted(path, "run its program") is not None


def run_program(path: Path, contents: Contents) -> RunProgram:
    """Have torch load and run the program in a file that the person trusts, and keep that they do.

    What is run is what was hashed, whatever happens to the file meanwhile.

    Raises
    ------
    CheckpointError
        Torch cannot load it.
    """
    with open_regular(path) as file:
        data = file.read()
    program = _loaded(path, contents.format, data)
    message = ""
    try:
        permit(path, "run its program", hashlib.sha256(data).hexdigest())
    except OSError as error:
        message = f"That you trust it could not be kept ({error.strerror or error})."
    reason = "it takes no image of a usual size"
    state = {**program.state_dict()}
    dtype = next((tensor.dtype for tensor in state.values() if tensor.is_floating_point()), torch.float32)
    for size in _sizes(program, contents):
        image = torch.zeros(1, *size, dtype=dtype)
        try:
            with torch.no_grad():
                program(image)
        except Exception:  # noqa: BLE001 - a foreign program may raise anything for images that it does not take
            continue
        try:
            return RunProgram(traced_network(program, state, image), size, message)
        except CannotBeTraced as error:
            reason = str(error)
            break
    return RunProgram(None, None, f"It is trusted, but is not shown alive, since {reason}.")


def _loaded(path: Path, kind: str, data: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the formats' age, which are read as they are
            if kind == "TorchScript":
                return torch.jit.load(io.BytesIO(data), map_location="cpu").eval()  # type: ignore[no-untyped-call]
            return torch.export.load(io.BytesIO(data)).module()
    except Exception as error:  # whatever the program does when it is loaded
        raise CheckpointError(
            f"{path} cannot be loaded by torch ({first_line(error)}); open it without trust to look at its tensors."
        ) from error


def _sizes(program: Any, contents: Contents) -> Iterator[tuple[int, int, int]]:
    """Channels, height and width of images that it may take: what it was exported with, then the usual ones."""
    for node in program.graph.nodes if isinstance(program, torch.fx.GraphModule) else ():
        shape = getattr(node.meta.get("val"), "shape", ()) if node.op == "placeholder" else ()
        if len(shape) == 4:
            channels, height, width = (side if isinstance(side, int) else SIZES[0] for side in shape[1:])
            if max(height, width) <= _LARGEST_SIDE:
                yield channels, height, width
    entries = sorted(contents.entries, key=lambda entry: entry.position)
    channels = next((entry.shape[1] for entry in entries if len(entry.shape) == 4), 3)
    for size in SIZES:
        yield channels, size, size
