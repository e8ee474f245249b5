"""Saves runs so that they can go on after anything: each file is whole or not there, and nothing in one is executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.data.atomic import write_atomically
from cnnviz.training.run_folder import network_path, resumable_steps, resume_path, saved_steps
from cnnviz.training.state import TrainerState

KEPT_STATES = 2
"""So many of the last checkpoints of a run can be gone on from; of all others the network alone stays."""
KEPT_NETWORKS = 200
"""Of more, those are deleted that leave the smallest gap."""

_FORMAT_KEY = "cnnviz_run"
_FORMAT = "1"
_ABOUT_KEY = "about"


class SaveError(CheckpointError):
    """A checkpoint cannot be written; what was saved before is untouched."""


def save_checkpoint(folder: Path, state: TrainerState, card: NetworkCard) -> Path:
    """Write ``state`` into ``folder``; returns the file of the network, which opens as any other.

    Raises
    ------
    SaveError
        The disk is full, or the folder cannot be written to.
    """
    resume, network = resume_path(folder, state.step), network_path(folder, state.step)
    about = {_FORMAT_KEY: _FORMAT, _ABOUT_KEY: json.dumps(state.about)}
    try:
        # In this order, so that a network whose other half is there can be gone on from.
        write_atomically(resume, safetensors.torch.save(_plain(state.tensors), about))
        write_atomically(network, safetensors.torch.save(_plain(state.network), card.to_metadata()))
    except OSError as error:
        raise SaveError(
            f"Step {state.step} cannot be saved in {folder} ({error.strerror or error}); make room, or choose another "
            "folder. Nothing that was saved before is lost."
        ) from error
    _thin_out(folder)
    return network


def load_checkpoint(folder: Path, step: int | None = None) -> TrainerState:
    """The state of a run after ``step`` steps; without it, the last one that is whole.

    Raises
    ------
    CheckpointError
        There is none, or it is damaged.
    """
    steps = resumable_steps(folder) if step is None else (step,)
    error: CheckpointError | None = None
    for each in reversed(steps):
        try:
            return _load(folder, each)
        except CheckpointError as damaged:
            error = error or damaged
    raise error or CheckpointError(f"{folder} holds no checkpoint to go on from; start the run anew.")


def _load(folder: Path, step: int) -> TrainerState:
    resume, network = resume_path(folder, step), network_path(folder, step)
    try:
        with safe_open(resume, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
        about: dict[str, Any] = json.loads(metadata[_ABOUT_KEY])
        if metadata.get(_FORMAT_KEY) != _FORMAT or about["step"] != step:
            raise KeyError(_FORMAT_KEY)
        return TrainerState(safetensors.torch.load_file(network), tensors, about)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"The checkpoint of step {step} in {folder} is damaged; go on from an earlier one."
        ) from error


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """With storages of their own, which the format asks for."""
    seen: set[int] = set()
    plain = {}
    for name, tensor in tensors.items():
        own = tensor.contiguous()
        plain[name] = own.clone() if own.untyped_storage().data_ptr() in seen else own
        seen.add(own.untyped_storage().data_ptr())
    return plain


def _thin_out(folder: Path) -> None:
    """Delete what is no longer needed; where that fails, it stays."""
    try:
        for step in resumable_steps(folder)[:-KEPT_STATES]:
            resume_path(folder, step).unlink(missing_ok=True)
        steps = list(saved_steps(folder))
        while len(steps) > KEPT_NETWORKS:
            gaps = [after - before for before, after in zip(steps, steps[2:-KEPT_STATES], strict=False)]
            spare = steps.pop(gaps.index(min(gaps)) + 1)
            network_path(folder, spare).unlink(missing_ok=True)
    except OSError:
        return
