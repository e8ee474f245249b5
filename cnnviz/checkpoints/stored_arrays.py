"""Checks a network against an input and the output for it that lie beside its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.known_plans import KNOWN
from cnnviz.checkpoints.reader import read_checkpoint

_PAIRS = (("test_input.npy", "test_output.npy"), ("input.npy", "output.npy"))
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True)
class StoredCheck:
    """How far a network's output is from the stored one.

    Attributes
    ----------
    input_name, output_name : str
        The two files.
    largest_difference : float
    standardised : bool
        Whether the input was first given mean 0 and standard deviation 1, with which it came nearer.
    """

    input_name: str
    output_name: str
    largest_difference: float
    standardised: bool

    @property
    def sentence(self) -> str:
        how = " (its input given mean 0 and standard deviation 1)" if self.standardised else ""
        return f"The output stored in {self.output_name} is reproduced to {self.largest_difference:.1e}{how}."


def check_stored_arrays(module: nn.Module, folder: Path) -> StoredCheck | None:
    """Run ``module`` on the input stored in ``folder``; None where there is none with an output of the right shape."""
    for input_name, output_name in _PAIRS:
        image, expected = _array(folder / input_name), _array(folder / output_name)
        if image is None or expected is None:
            continue
        # Model cards say of many inputs that they are to be standardised, in words that are not read here.
        standardised = (image - image.mean()) / image.std().clamp(min=1e-6)
        found = [(_difference(module, given, expected), given is standardised) for given in (image, standardised)]
        known = [(difference, how) for difference, how in found if difference is not None]
        if known:
            difference, how = min(known)
            return StoredCheck(input_name, output_name, difference, how)
    return None


def _array(path: Path) -> Tensor | None:
    """What lies beside a file is trusted no more than the file."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        contents = read_checkpoint(path, KNOWN)
        if contents.format != "NumPy" or len(contents.entries) != 1:
            return None
        values = contents.load(contents.entries[0].name)
    except (OSError, CheckpointError):
        return None
    return values.float() if values.is_floating_point() and values.numel() else None


def _difference(module: nn.Module, image: Tensor, expected: Tensor) -> float | None:
    try:
        with torch.no_grad():
            output = module(image)
    except Exception:  # noqa: BLE001 - arrays that lie there for another purpose may fail in any way
        return None
    if not isinstance(output, Tensor) or output.shape != expected.shape:
        return None
    return float((output - expected).abs().max())
