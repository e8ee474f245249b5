"""Memory that one step of training frees is kept for the next, which takes as much again."""

from __future__ import annotations

import ctypes
import os
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2
"""Names of glibc's ``malloc.h``."""
_LARGEST_MMAP_THRESHOLD = 32 << 20
_KEPT = 1 << 30
_AT_ONCE = 64 << 20


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed, up to a gigabyte and blocks of 32 MiB; whether it is one that can.

    By itself glibc gives blocks of many kilobytes back to the system, and takes new pages for the next step, each of
    which the system clears when it is first written to. That is a page for every 4 KiB: 1,300 to 2,400 of them in a
    step of mnist-lenet with 64 images, an eighth of the processor's time.

    Nothing is changed where the person has said how memory is kept (``MALLOC_TRIM_THRESHOLD_`` and the like).

    References
    ----------
    mallopt(3), ``M_TRIM_THRESHOLD``, ``M_MMAP_THRESHOLD`` and ``M_TOP_PAD``.
    """
    if not sys.platform.startswith("linux") or _is_settled():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # such as musl's, which keeps little and has nothing to set
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _AT_ONCE))
    taken = [mallopt(name, value) == 1 for name, value in wanted]
    return all(taken)


def _is_settled() -> bool:
    return any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
