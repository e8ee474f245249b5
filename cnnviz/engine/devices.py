"""Where networks run."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def resolve_device(choice: str) -> torch.device:
    """The device for ``auto``, ``cpu``, ``cuda`` or ``mps``; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    ValueError
        The device asked for is not there.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if choice == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(choice, False):
        raise ValueError(f"This machine has no {choice.upper()} device that PyTorch can use; choose auto or cpu.")
    return torch.device(choice)


@cache
def leave_a_core_to_the_window() -> None:
    """Let torch use one core less than there are, once.

    A pass that takes them all waits for the window's painting, and the painting for the pass; where another program is
    busy as well, threads that wait for each other made a pass of 2 ms last 70.
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if torch.get_num_threads() >= cores > 1:
        torch.set_num_threads(cores - 1)
