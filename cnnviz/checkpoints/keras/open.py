"""Opens a Keras file: its tensors always, and a live network where every layer is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from torch import nn

from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.formats import KERAS_READER
from cnnviz.checkpoints.keras.build import build_module, candidates
from cnnviz.checkpoints.keras.config import NotUnderstood, describe
from cnnviz.checkpoints.keras.plan import KerasPlan
from cnnviz.checkpoints.keras.values import contents_of
from cnnviz.checkpoints.sandbox import RefusedFile, open_regular, plan_of

__all__ = ["KerasNetwork", "build", "contents_of", "open_keras", "read_plan"]


@dataclass(frozen=True, eq=False)
class KerasNetwork:
    """A Keras file that has been opened.

    Attributes
    ----------
    module : nn.Module or None
        In evaluation mode, on the CPU; takes images ``(N, C, H, W)`` whichever way Keras had them. None where it
        cannot be built.
    input_size : tuple of int or None
        Of one image ``(C, H, W)``; None where there is no network.
    outputs : tuple of str
        Names of the layers that give them; the module gives one as a tensor, several as a dictionary.
    contents : Contents
    notes : tuple of str
        What was assumed or changed, in sentences.
    message : str
        Why there is no network; empty where there is one.
    """

    path: Path
    module: nn.Module | None
    input_size: tuple[int, ...] | None
    outputs: tuple[str, ...]
    version: str
    contents: Contents
    notes: tuple[str, ...] = ()
    message: str = ""


def open_keras(path: str | Path, *, input_size: Sequence[int] | None = None) -> KerasNetwork:
    """Open the Keras file ``path``, as a live network where that can be.

    Parameters
    ----------
    path : str or Path
    input_size : sequence of int, optional
        Of one image ``(C, H, W)``; needed only where the file leaves it open and the usual sizes do not fit.

    Raises
    ------
    CheckpointError
        The file cannot be read, or h5py is not installed.
    """
    path = Path(path)
    return build(read_plan(path), path, input_size=input_size)


def read_plan(path: Path) -> KerasPlan:
    """What the Keras file ``path`` says, without its weights.

    Raises
    ------
    RefusedFile
        It cannot be read, or h5py is not installed.
    """
    with open_regular(path) as file:
        if find_spec("h5py") is None:
            raise RefusedFile(
                f"{path} needs h5py, which is not installed; install it with 'pip install cnnviz[keras]'."
            )
        return cast(KerasPlan, plan_of(file, str(path), KERAS_READER))


def build(plan: KerasPlan, path: Path, *, input_size: Sequence[int] | None = None) -> KerasNetwork:
    """The network of a plan that ``read_plan`` has made of ``path``."""
    contents = contents_of(plan, path)
    notes: list[str] = []
    module: nn.Module | None = None
    size: tuple[int, ...] | None = None
    outputs: tuple[str, ...] = ()
    message = ""
    try:
        if plan["model"] is None:
            raise NotUnderstood("The file holds weights alone, without the network that they belong to.")
        description = describe(plan["model"])
        outputs = tuple(name for name, _ in description.outputs)
        first: NotUnderstood | None = None
        for shape in candidates(description, input_size):
            try:
                module = build_module(description, plan, contents.load, shape, notes)
            except NotUnderstood as error:
                first = first or error
                continue
            size = shape
            break
        if module is None:
            raise first or NotUnderstood("The network does not say of what shape its images are.")
        if None in description.input_shape[1:] and input_size is None and size is not None:
            notes.append(f"The file leaves the size of its images open; {'×'.join(map(str, size))} was taken.")
    except NotUnderstood as error:
        message = str(error)
    return KerasNetwork(path, module, size, outputs, plan["version"], contents, tuple(dict.fromkeys(notes)), message)
