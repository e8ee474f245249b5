"""A reader's child process that was started ahead of the file that it is for, which saves its start.

It is given the open file itself, over a pair of sockets, and reads that one file as any other child does: one process
for each file, and nothing of the file is read before its limits are set. Not on Windows, where no open file can be
handed over like that.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Hashable
from typing import BinaryIO

Process = subprocess.Popen[bytes]


class WaitingReader:
    """A process that waits for its file.

    Parameters
    ----------
    command : list of str
        Starts a child that takes its file by :func:`cnnviz.checkpoints.sandboxed.receive`.
    environment : dict
        All that the child gets of it.
    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            try:
                self._process: Process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
                )
            except BaseException:
                self._line.close()
                raise

    def give(self, file: BinaryIO) -> Process | None:
        """Hand the file over; the process that reads it now, or None where it has ended meanwhile."""
        given = False
        with self._line:
            if self._process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.send_fds(self._line, [b"."], [file.fileno()])
                    given = True
        if given:
            return self._process
        self._end()
        return None

    def dismiss(self) -> None:
        """Nobody needs it any more; where this program ends without a word, it notices by itself."""
        self._line.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        with self._process:
            pass


class WaitingRoom:
    """At most one reader that waits, and what it is a reader of; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: tuple[Hashable, WaitingReader] | None = None

    @property
    def is_empty(self) -> bool:
        return self._waiting is None

    def fill(self, kind: Hashable, start: Callable[[], WaitingReader]) -> None:
        """Start one, unless one waits already; where none can be had, files are read without."""
        if not hasattr(socket, "send_fds"):
            return
        with self._lock:
            if self._waiting is None:
                with contextlib.suppress(OSError):
                    self._waiting = kind, start()

    def give(self, kind: Hashable, file: BinaryIO) -> Process | None:
        """The process that reads ``file`` now; None where none waits for files of this kind."""
        with self._lock:
            waiting = self._waiting
            if waiting is None or waiting[0] != kind:
                return None
            self._waiting = None
        return waiting[1].give(file)

    def clear(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[1].dismiss()
