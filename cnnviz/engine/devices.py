"""Where networks run."""

from __future__ import annotations

import os
from functools import cache

from cnnviz.core.devices import accelerator_memory, resolve_device

__all__ = ["accelerator_memory", "leave_a_core_to_the_window", "resolve_device"]


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
