"""Runs the readers of untrusted files in a child process that has little memory, little time and nothing to write to.

There is one such process for each file, whatever its format; what it answers is JSON, and every way in which it can end
is one sentence here. The other side is :mod:`cnnviz.checkpoints.sandboxed`.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.inert.limits import ANSWER
from cnnviz.checkpoints.leaving import go_on
from cnnviz.checkpoints.waiting_reader import Process, WaitingReader, WaitingRoom

_MEMORY = 270 << 20
"""Bytes of address space beside the mapped file, the interpreter and its libraries."""
_CPU_SECONDS = 4
_PATIENCE = 30.0 if sys.platform == "win32" else 120.0
"""Seconds on the clock, which pass faster than the child's own on a busy computer; Windows counts no others."""
_GLANCE = 0.05
"""Seconds after which it is seen whether the file is still wanted."""
_KEPT = ("SYSTEMROOT", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What Python itself may need of the environment in order to start."""
_SET = {"OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}
"""No threads of its own for h5py's arrays, and no filters for HDF5 beside those that it comes with."""
# The program's package without its own start, so that the child imports what it needs of it and nothing else.
START = (
    "import sys, types; program = types.ModuleType('cnnviz'); program.__path__ = [sys.argv.pop(1)]; "
    "sys.modules['cnnviz'] = program; "
)
_AHEAD = "--ahead"

_room = WaitingRoom()


@dataclass(frozen=True)
class Reader:
    """What reads one family of formats.

    Attributes
    ----------
    module : str
        Its ``main`` is what the child runs.
    title : str
        The format in words, where the file's ending says which it is; empty where its content does.
    libraries : bool
        Whether it needs more than the standard library.
    """

    module: str
    title: str = ""
    libraries: bool = False


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


def plan_of(file: BinaryIO, name: str, reader: Reader) -> dict[str, Any]:
    """The plan of an open file, as the child process tells it.

    Nothing of the answer has been checked yet; it is made of plain JSON values.

    Raises
    ------
    RefusedFile
        The file is not one that can be read, or reading it took too much memory or time.
    FileLeft
        Nobody wants it any more; its process has been ended. See :func:`cnnviz.checkpoints.leaving.left_when`.
    """
    if not os.fstat(file.fileno()).st_size:
        raise _refused(name, reader, "it is empty")
    try:
        with _room.give(reader, file) or _started(reader, file) as process:
            text = _answer_of(process)
    except subprocess.TimeoutExpired as error:
        raise _refused(name, reader, "it takes far longer than any file of weights does") from error
    except OSError as error:
        raise RefusedFile(
            f"{name} cannot be read: its reader cannot be started ({error.strerror}); close other programs."
        ) from error
    if process.returncode < 0 or len(text) > ANSWER:
        raise _refused(name, reader, "it takes more time or memory than any file of weights does")
    if process.returncode:
        raise _refused(name, reader, "it is damaged in a way that its reader does not understand")
    answer: dict[str, Any] = json.loads(text)
    if "plan" in answer:
        plan: dict[str, Any] = answer["plan"]
        return plan
    raise _refused(name, reader, answer["refusal"], tuple(answer["refused"]))


def start_ahead(reader: Reader) -> None:
    """Have a process wait for the next file of this reader, so that it is read sooner; see :func:`leave_none_ahead`."""
    _room.fill(reader, lambda: WaitingReader([*command(reader), _AHEAD], _environment()))


def is_one_ahead() -> bool:
    """Whether a process waits for the next file."""
    return not _room.is_empty


def leave_none_ahead() -> None:
    """End the process that waits, if one does."""
    _room.clear()


def _started(reader: Reader, file: BinaryIO) -> Process:
    return subprocess.Popen(
        command(reader),
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _answer_of(process: Process) -> bytes:
    end = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                return process.communicate(timeout=_GLANCE)[0]
            except subprocess.TimeoutExpired:
                go_on()
                if time.monotonic() >= end:
                    raise
    except BaseException:
        process.kill()
        raise


def _environment() -> dict[str, str]:
    return {**{key: value for key, value in os.environ.items() if key in _KEPT}, **_SET}


def command(reader: Reader, deed: str = "child.main()") -> list[str]:
    """What starts the child: without what the environment or the working folder could add (-I).

    A reader that needs the standard library alone is started without site-packages (-S), which is fast and the same
    everywhere.
    """
    options = ["-I"] if reader.libraries else ["-I", "-S"]
    code = f"{START}import {reader.module} as child; {deed}"
    limits = [str(_MEMORY), str(_CPU_SECONDS)]
    return [sys.executable, *options, "-X", "utf8", "-c", code, str(Path(__file__).parents[1]), *limits]


def _refused(name: str, reader: Reader, reason: str, names: tuple[str, ...] = ()) -> RefusedFile:
    kind = f" as {reader.title}" if reader.title else ""
    asked = f"; it asks for {listed(names)}, none of which was run" if names else ""
    return RefusedFile(f"{name} cannot be read{kind}: {reason}{asked}; get the file again, or open another.", names)


def open_regular(path: Path) -> BinaryIO:
    """The file, open for reading; only a regular file is ever waited for.

    Raises
    ------
    RefusedFile
        It is not there, is no regular file, or cannot be read.
    """
    try:
        # Opening a pipe would wait for its other end; a folder cannot be read.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RefusedFile(f"{path} cannot be read ({reason}); check the path and its permissions.") from error
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    kind = "a folder" if stat.S_ISDIR(mode) else "no regular file but a pipe, a socket or a device"
    raise RefusedFile(f"{path} is {kind}; give a file of weights.")


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    first = [name[:80] for name in names[:3]]
    if len(names) > 3:
        return f"{', '.join(first)} and {len(names) - 3} more"
    return " and ".join([", ".join(first[:-1]), first[-1]] if len(first) > 1 else first)
