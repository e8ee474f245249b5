"""Where networks run."""

from __future__ import annotations

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


def accelerator_memory(device: torch.device) -> int | None:
    """Bytes of an accelerator that this process has in use; None for any other device."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.current_allocated_memory())
    return None
