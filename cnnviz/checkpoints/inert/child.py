"""The child process: reads the file that is its standard input, and writes a plan, or why there is none, as JSON."""

from __future__ import annotations

import codecs
import contextlib
import json
import mmap
import os
import sys
from typing import Any

from .constructors import CONSTRUCTORS
from .limits import ANSWER
from .names import outside
from .pickles import PickleReader
from .recognise import read_plan
from .refusal import Refusal
from .source import Source


def answer(source: Source) -> dict[str, Any]:
    """A plan under ``"plan"``, or a sentence under ``"refusal"`` with the names that were asked for."""
    reader = PickleReader()
    try:
        return {"plan": read_plan(source, reader)}
    except Refusal as refusal:
        reason = str(refusal)
    except MemoryError:
        reason = "it asks for more memory than any checkpoint needs"
    except RecursionError:
        reason = "it is nested too deeply"
    return {"refusal": reason, "refused": outside(reader.names.all(), CONSTRUCTORS)}


def limit(memory: int, seconds: int) -> None:
    """Give up the means to do harm, where the system can take them: memory, time, files, processes."""
    try:
        import resource
    except ImportError:  # Windows; the parent's timeout and the inert reader remain
        return
    limits = {"AS": memory, "CPU": seconds, "FSIZE": 0, "CORE": 0, "NOFILE": 3, "NPROC": 0}
    for kind, most in limits.items():
        # A system may lack a limit, or not let it be set.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


def main() -> None:
    memory, seconds = (int(argument) for argument in sys.argv[1:3])
    size = os.fstat(0).st_size
    codecs.lookup("raw-unicode-escape")  # found by opening a file, which is over in a moment
    data = mmap.mmap(0, size, access=mmap.ACCESS_READ) if size else b""
    limit(memory + size, seconds)
    result = json.dumps(answer(Source(memoryview(data)))).encode()
    if len(result) > ANSWER:
        result = json.dumps({"refusal": "it describes more than any checkpoint holds", "refused": []}).encode()
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    # The views on the mapped file need no tidying up.
    os._exit(0)
