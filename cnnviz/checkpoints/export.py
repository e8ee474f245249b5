"""Writes a checkpoint in harmless forms: its tensors as safetensors, their list as CSV."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.checkpoint import Checkpoint
from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.plain_values import plain_values
from cnnviz.data.atomic import write_atomically


def save_as_safetensors(checkpoint: Checkpoint, path: Path) -> tuple[str, ...]:
    """Write a checkpoint's tensors to the safetensors file ``path``; it is whole or as it was before.

    A live network is written under its architecture's names and with its description, so that the program opens the
    file like one of its own. Else the tensors are written under the names that they have.

    Returns
    -------
    tuple of str
        Names of tensors that the format cannot hold: sparse, quantised, without values, damaged.

    Raises
    ------
    CheckpointError
        There is no tensor to write, or the file cannot be written.
    """
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path} does not end in .safetensors; give a name that does.")
    if checkpoint.contents is None:
        raise CheckpointError(f"{checkpoint.path} has no tensors that could be saved: {checkpoint.message}")
    left_out: list[str] = []
    if checkpoint.module is not None and checkpoint.card is not None:
        tensors = dict(checkpoint.module.state_dict())
        metadata = checkpoint.card.to_metadata()
    else:
        tensors, left_out = _plain_tensors(checkpoint.contents)
        metadata = {"format": "pt"}
    if not tensors:
        raise CheckpointError(f"{checkpoint.path} holds no tensor that a safetensors file can hold.")
    # Tensors that share memory are written once each: the format has no sharing.
    copies = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    _write(path, safetensors.torch.save(copies, metadata))
    return tuple(left_out)


def save_as_csv(checkpoint: Checkpoint, path: Path) -> None:
    """Write a line for each tensor, with the statistics of its values, to ``path``; raises CheckpointError."""
    if checkpoint.contents is None:
        raise CheckpointError(f"{checkpoint.path} has no tensors that could be listed: {checkpoint.message}")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["name", "shape", "dtype", "numbers", "norm", "mean", "std", "zeros", "not finite", "note"])
    for entry in checkpoint.contents.entries:
        numbers = math.prod(entry.shape)
        shape = "×".join(map(str, entry.shape))
        writer.writerow(
            [_no_formula(entry.name), shape, entry.dtype, numbers, *_statistics(checkpoint.contents, entry), entry.note]
        )
    _write(path, text.getvalue().encode())


def _no_formula(name: str) -> str:
    """A name that no spreadsheet takes for a formula to compute."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _statistics(contents: Contents, entry: TensorEntry) -> list[object]:
    tensor = plain_values(contents, entry)
    if tensor is None or tensor.is_complex() or not tensor.numel():
        return [""] * 5
    values = tensor.double()
    finite = values[torch.isfinite(values)]
    std = f"{finite.std(correction=0):.6g}" if finite.numel() else ""
    mean = f"{finite.mean():.6g}" if finite.numel() else ""
    not_finite = values.numel() - finite.numel()
    return [f"{finite.norm():.6g}", mean, std, int((values == 0).sum()), not_finite]


def _plain_tensors(contents: Contents) -> tuple[dict[str, Tensor], list[str]]:
    found = {entry.name: plain_values(contents, entry) for entry in contents.entries}
    tensors = {name: tensor for name, tensor in found.items() if tensor is not None}
    return tensors, [name for name, tensor in found.items() if tensor is None]


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from error
