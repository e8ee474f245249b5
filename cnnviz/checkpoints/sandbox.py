"""Runs the reader of untrusted files in a child process that has little memory, little time and nothing to write to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.inert.limits import ANSWER

_MEMORY = 280 << 20
"""Bytes of address space beside the mapped file; the interpreter itself takes a tenth of it."""
_CPU_SECONDS = 4
_PATIENCE = 30.0
"""Seconds on the clock, which pass faster than the child's own on a busy computer."""
_KEPT = ("SYSTEMROOT", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What Python itself may need of the environment in order to start."""
_START = "import sys; sys.path.append(sys.argv.pop(1)); from inert import child; child.main()"


class RefusedFile(CheckpointError):
    """A file of weights cannot be read.

    Attributes
    ----------
    refused : tuple of str
        The names outside the list of tensor constructors that it asks for.
    """

    def __init__(self, message: str, refused: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.refused = refused


def plan_of(file: BinaryIO, name: str) -> dict[str, Any]:
    """The plan of an open file, as the child process tells it.

    Nothing of the answer has been checked yet; it is made of plain JSON values.

    Raises
    ------
    RefusedFile
        The file is not one that can be read, or reading it took too much memory or time.
    """
    # The child's imports are the standard library and the folder of the inert reader: without site-packages (-S) and
    # without what the environment or the working folder could add (-I) it starts fast, and the same everywhere.
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _START, str(Path(__file__).parent)]
    limits = [str(_MEMORY), str(_CPU_SECONDS)]
    environment = {key: value for key, value in os.environ.items() if key in _KEPT}
    try:
        done = subprocess.run(
            command + limits,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedFile(f"{name} cannot be read: it takes far longer than any checkpoint does.") from error
    except OSError as error:
        raise RefusedFile(f"{name} cannot be read: its reader cannot be started ({error.strerror}).") from error
    if done.returncode < 0 or len(done.stdout) > ANSWER:
        raise RefusedFile(f"{name} cannot be read: it takes more time or memory than any checkpoint does.")
    if done.returncode:
        raise RefusedFile(f"{name} cannot be read: it is damaged in a way that its reader does not understand.")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "plan" in answer:
        plan: dict[str, Any] = answer["plan"]
        return plan
    asked = f"; it asks for {listed(answer['refused'])}, none of which was run" if answer["refused"] else ""
    raise RefusedFile(f"{name} cannot be read: {answer['refusal']}{asked}.", tuple(answer["refused"]))


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    first = [name[:80] for name in names[:3]]
    if len(names) > 3:
        return f"{', '.join(first)} and {len(names) - 3} more"
    return " and ".join([", ".join(first[:-1]), first[-1]] if len(first) > 1 else first)
