"""The child's side of the sandbox: reads the file that is its standard input, and answers in JSON.

Needs the standard library alone; see :mod:`cnnviz.checkpoints.sandbox`.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import mmap
import os
import sys
from collections.abc import Callable
from typing import Any

from .inert.limits import ANSWER
from .inert.refusal import Refusal

_PAGE = 4096
_WITHOUT_MEASURE = 1 << 30
_PIECE = 1 << 20


def serve(
    read: Callable[[memoryview], dict[str, Any]],
    names: Callable[[], list[str]] = list,
    prepare: Callable[[], object] | None = None,
) -> None:
    """Answer with the plan that ``read`` makes of the file, or why there is none; never returns.

    Parameters
    ----------
    read : callable
        From the file's bytes to a plan of plain JSON values; raises ``Refusal``.
    names : callable
        The names that a file which was refused has asked for.
    prepare : callable, optional
        Has everything loaded that is loaded when it is first needed, since no file can be opened later.
    """
    memory, seconds = (int(argument) for argument in sys.argv[1:3])
    if sys.argv[3:]:
        receive()
    size = os.fstat(0).st_size
    for encoding in ("ascii", "latin-1", "utf-8", "cp437", "raw-unicode-escape"):
        codecs.lookup(encoding)  # found by opening a file
    data = mmap.mmap(0, size, access=mmap.ACCESS_READ) if size else b""
    if prepare is not None:
        prepare()
    limit(_address_space() + memory, seconds)
    text = json.dumps(answer(read, memoryview(data), names))
    if len(text) > ANSWER:
        text = json.dumps({"refusal": "it describes more than any file of weights holds", "refused": []})
    for start in range(0, len(text), _PIECE):  # no second copy of all
        sys.stdout.buffer.write(text[start : start + _PIECE].encode())
    sys.stdout.buffer.flush()
    # Neither the views on the mapped file nor a library need tidying up.
    os._exit(0)


def receive() -> None:
    """Wait for the file, which comes by the socket that is standard input, and put it in its place."""
    import socket

    line = socket.socket(fileno=0)
    _, handles, _, _ = socket.recv_fds(line, 1, 1)
    if not handles:  # who would have sent it needs it no more
        os._exit(0)
    line.detach()
    os.dup2(handles[0], 0)
    os.close(handles[0])


def answer(
    read: Callable[[memoryview], dict[str, Any]], data: memoryview, names: Callable[[], list[str]] = list
) -> dict[str, Any]:
    """A plan under ``"plan"``, or a sentence under ``"refusal"`` with the names that were asked for."""
    try:
        return {"plan": read(data)}
    except Refusal as refusal:
        reason = str(refusal)
    except MemoryError:
        reason = "it asks for more memory than any file of weights needs"
    except RecursionError:
        reason = "it is nested too deeply"
    return {"refusal": reason, "refused": names()}


def limit(memory: int, seconds: int) -> None:
    """Give up the means to do harm, where the system can take them: memory, time, files, processes."""
    try:
        import resource
    except ImportError:  # Windows; the parent's timeout and the inert readers remain
        return
    limits = {"AS": memory, "CPU": seconds, "FSIZE": 0, "CORE": 0, "NOFILE": 3, "NPROC": 0}
    for kind, most in limits.items():
        # A system may lack a limit, or not let it be set.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


def _address_space() -> int:
    """Bytes that the interpreter, its libraries and the mapped file have reserved, which is far more than they use."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * _PAGE
    except (OSError, ValueError):
        return _WITHOUT_MEASURE
