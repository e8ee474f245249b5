"""Memory that one pass through a network, or one step of training, frees is kept for the next."""

from __future__ import annotations

import ctypes
import os
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2
"""Names of glibc's ``malloc.h``."""
_LARGEST_MMAP_THRESHOLD = 32 << 20
_AT_ONCE = 64 << 20
"""Also the size of the heaps that threads other than the first one have."""

FOR_PASSES = 256 << 20
FOR_TRAINING = 1 << 30
"""Bytes that are kept; a step holds the maps of a whole batch."""


def keep_freed_memory(at_most: int) -> bool:
    """Have the C library keep what is freed, in blocks up to 32 MiB; whether it is one that can.

    By itself glibc gives memory back to the system and takes new pages for the next pass, and the system clears each
    page when it is first written to. That is 1,300 to 2,400 pages in a step of training mnist-lenet with 64 images, an
    eighth of the processor's time, and up to half the time of a pass with maps of some megabytes.

    Nothing is changed where the person has said how memory is kept (``MALLOC_TRIM_THRESHOLD_`` and the like).

    Parameters
    ----------
    at_most : int
        Bytes that are kept at the end of the heap.

    References
    ----------
    mallopt(3), ``M_TRIM_THRESHOLD``, ``M_MMAP_THRESHOLD`` and ``M_TOP_PAD``.
    """
    if not sys.platform.startswith("linux") or _is_settled():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # such as musl's, which keeps little and has nothing to set
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_TRIM_THRESHOLD, at_most), (_TOP_PAD, _AT_ONCE))
    taken = [mallopt(name, value) == 1 for name, value in wanted]
    return all(taken)


def _is_settled() -> bool:
    return any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
