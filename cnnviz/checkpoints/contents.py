"""What a file of weights holds, as plain values: nothing here can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

Status = Literal["opened", "partial", "refused"]

PROGRAMS = ("TorchScript", "torch.export")
"""Formats that hold a program beside the weights."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor as the file declares it, before any of its values is read.

    Attributes
    ----------
    dtype : str
        Torch's name without the prefix (``"float32"``, ``"bfloat16"``), or the file's own where torch has none.
    storage : str
        Names the memory behind it: tensors of one storage share their values (tied weights, views).
    note : str
        What it is where it is no plain dense tensor: ``"sparse"``, ``"quantised"``, ``"meta"`` …; else empty.
    position : int
        Its place in the order of the file, which in most files is the order of the layers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    storage: str
    note: str = ""
    position: int = 0


@dataclass(frozen=True)
class ModuleEntry:
    """A module inside a pickled network: its place, the class that the file names, and its plain settings."""

    path: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Contents:
    """A file that has been read without executing anything.

    Attributes
    ----------
    format : str
        In words: ``"PyTorch zip"``, ``"PyTorch legacy pickle"``, ``"safetensors"``, ``"NumPy"``, ``"ONNX"`` …
    entries : tuple of TensorEntry
        In natural order of their names, which are paths through the file's nesting.
    load : callable
        ``load(name)`` reads one tensor's values, on the CPU; the file is mapped, not copied, where that is possible.
    metadata : mapping of str to plain value
        Everything else: epoch, loss, hyper-parameters, the header of a safetensors file.
    modules : tuple of ModuleEntry
        The tree of a pickled network, outermost first.
    sources : mapping of str to str
        Source text that the file carries, by class name.
    refused : tuple of str
        Every global name outside the list of tensor constructors that the file asks for, as ``"module.name"``.
    message : str
        One sentence on what was found.
    """

    path: Path
    format: str
    entries: tuple[TensorEntry, ...]
    load: Callable[[str], Tensor]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[ModuleEntry, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    message: str = ""

    def entry(self, name: str) -> TensorEntry:
        """The entry called ``name``; raises KeyError."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)
