"""The window's side of training: starts the process that trains, commands it, and hears of it; without torch."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from cnnviz.training.client_events import Answers, ClientEvent, Lost, Silent, event_of
from cnnviz.training.messages import MalformedMessage, Message, pack, unpack
from cnnviz.training.settings import TrainingSettings

NICENESS = 5
"""Of the process that trains: where both want the processor, the window comes first."""
_PATIENCE = 5.0
_PATIENCE_TO_SAVE = 60.0
"""Seconds for the step that is being made, and for writing the run, while the process says that it lives."""
_ASK_SECONDS = 4.0
"""After so long without a word the process is asked whether it lives, which a thread of its own answers."""
_SILENT_SECONDS = 16.0
"""After so long without an answer the window says so: a machine that is full of work answers sooner."""
_SILENT_AT_THE_END_SECONDS = 8.0
_LOOK_SECONDS = 0.2


class TrainingClient:
    """One process that trains, started when it is first needed and kept warm.

    Every method returns at once; what comes of it is told through ``on_event``.

    Parameters
    ----------
    on_event
        Called with each event, one after another, on a thread of the client's own.
    niceness
        Added to the worker's; ignored where the system has no such thing.
    """

    def __init__(self, on_event: Callable[[ClientEvent], None], *, niceness: int = NICENESS) -> None:
        self._on_event = on_event
        self._niceness = niceness
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._events: queue.SimpleQueue[ClientEvent | None] = queue.SimpleQueue()
        self._teller = threading.Thread(target=self._tell, name="tells of training", daemon=True)
        self._teller.start()

    def warm_up(self) -> None:
        """Start the process, so that the first run need not wait for it; where that cannot be, the run says why."""
        with contextlib.suppress(OSError):
            self._connected()

    @property
    def process_id(self) -> int | None:
        """Of the process that trains; None where there is none."""
        with self._lock:
            return self._worker.process.pid if self._worker is not None else None

    def start(
        self, settings: TrainingSettings, folder: Path | None = None, *, paused: bool = False, command: str = ""
    ) -> None:
        """Begin a run, kept in ``folder``; one that goes on is saved and let go."""
        fields = {"settings": settings.model_dump(mode="json"), "folder": str(folder) if folder else ""}
        self._send(Message("start", {**fields, "paused": paused, "command": command}))

    def resume_run(self, folder: Path, *, paused: bool = False) -> None:
        """Go on with the run in ``folder`` from its last checkpoint."""
        self._send(Message("resume_run", {"folder": str(folder), "paused": paused}))

    def pause(self) -> None:
        """Make no step until told to go on."""
        self._send(Message("pause"))

    def resume(self) -> None:
        """Go on."""
        self._send(Message("resume"))

    def step(self, steps: int = 1) -> None:
        """Make so many steps, then pause."""
        self._send(Message("step", {"steps": steps}))

    def stop(self) -> None:
        """Save the run and let it go."""
        self._send(Message("stop"))

    def change(self, changes: Mapping[str, Any]) -> None:
        """Go on with other values of these fields of :class:`TrainingSettings`, from the next step."""
        self._send(Message("change", {"changes": dict(changes)}))

    def save(self) -> None:
        """Write a checkpoint now."""
        self._send(Message("save"))

    def busy(self, busy: bool) -> None:
        """While the person draws, train a little only; starts no process."""
        self._send(Message("busy", {"busy": busy}), start=False)

    def end_now(self) -> None:
        """End the process without waiting for it, as where it does not answer; `Lost` says that it is gone."""
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.end_now()

    def acknowledge(self) -> None:
        """Say that the last weights were taken over, so that the next may come."""
        self._send(Message("acknowledge"), start=False)

    def close(self) -> None:
        """Let the run be saved and the process end; one that saves for too long, or does not answer, is ended."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
        self._events.put(None)
        self._teller.join(_PATIENCE)

    def _send(self, message: Message, *, start: bool = True) -> None:
        with self._lock:
            worker = self._worker
        if worker is None and not start:
            return
        try:
            (worker or self._connected()).send(message)
        except OSError as error:
            self._events.put(Lost.before_it_began(error))

    def _connected(self) -> _Worker:
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self._events.put, self._gone, self._niceness)
            return self._worker

    def _gone(self, worker: _Worker, lost: Lost) -> None:
        """The process ended without being asked to."""
        with self._lock:
            if self._worker is not worker:
                return
            self._worker = None
        self._events.put(lost)

    def _tell(self) -> None:
        while (event := self._events.get()) is not None:
            self._on_event(event)


class _Worker:
    """A process that trains, and the connection to it; a thread of its own always reads."""

    def __init__(
        self, tell: Callable[[ClientEvent], None], gone: Callable[[_Worker, Lost], None], niceness: int
    ) -> None:
        self._tell = tell
        self._gone = gone
        self._outgoing: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._closing = self._ended = self._silent = self._connected = False
        self._asked: float | None = None
        """Since when it has not answered."""
        # A short path of its own: the address of a socket has room for some hundred bytes only.
        self._folder = tempfile.TemporaryDirectory(prefix="cnnviz-", ignore_cleanup_errors=True)
        name = rf"\\.\pipe\cnnviz-{uuid.uuid4().hex}" if os.name == "nt" else str(Path(self._folder.name) / "line")
        self._address = name
        self._log = Path(self._folder.name) / "errors"
        self._key = secrets.token_bytes(32)
        with self._log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cnnviz.training.worker", name, str(niceness)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        self._thread = threading.Thread(target=self._serve, name="hears of training", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        self._outgoing.put(message)

    def close(self) -> None:
        self._closing = True
        # Said rather than done: to close a connection on which another thread waits ends nothing.
        self._outgoing.put(Message("end"))
        end = time.monotonic() + _PATIENCE_TO_SAVE
        # before it can be reached it has no run that could be saved
        while self._connected and time.monotonic() < end and self._silence() < _SILENT_AT_THE_END_SECONDS:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_LOOK_SECONDS)
                break
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._thread.join(_PATIENCE)

    def end_now(self) -> None:
        self._ended = True
        self.process.kill()

    def _silence(self) -> float:
        """Seconds since it was asked in vain whether it lives."""
        asked = self._asked
        return 0.0 if asked is None else time.monotonic() - asked

    def _serve(self) -> None:
        """Connect, read until the end, and say what the end was."""
        connection: Connection | None = None
        with contextlib.suppress(OSError, EOFError, ValueError):  # what became of the process is told below
            connection = self._connect()
        if connection is not None:
            self._connected = True
            writer = threading.Thread(target=self._write, args=(connection,), name="commands training", daemon=True)
            writer.start()
            self._read(connection)
            self._outgoing.put(None)
            writer.join(_PATIENCE)
            connection.close()
        code = self._end_process()
        if not self._closing:
            self._gone(self, Lost.of(code, self._last_words(), ended=self._ended))
        self._folder.cleanup()

    def _connect(self) -> Connection:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise OSError("the process has no pipes")
        stdin.write(self._key.hex().encode() + b"\n")
        stdin.flush()
        if stdout.readline().strip() != b"ready":
            raise EOFError("the process ended before it could be reached")
        return Client(self._address, authkey=self._key)

    def _read(self, connection: Connection) -> None:
        while True:
            try:
                if not connection.poll(_ASK_SECONDS):
                    self._ask()
                    continue
                data = connection.recv_bytes()
            except (EOFError, OSError):
                return
            self._asked = None
            if self._silent:
                self._silent = False
                self._tell(Answers())
            try:
                message = unpack(data)
                if message.kind != "pong":
                    self._tell(event_of(message))
            except MalformedMessage:
                continue  # of another version of the program, which cannot be told of here

    def _ask(self) -> None:
        """Whether it lives; once only, until it has answered."""
        if self._asked is None:
            self._asked = time.monotonic()
            self._outgoing.put(Message("ping"))
        elif not self._silent and self._silence() > _SILENT_SECONDS:
            self._silent = True
            self._tell(Silent())

    def _write(self, connection: Connection) -> None:
        while (message := self._outgoing.get()) is not None:
            try:
                connection.send_bytes(pack(message))
            except OSError:
                return

    def _end_process(self) -> int:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what it was still to be told reaches nobody
                    pipe.close()
        try:
            return self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _last_words(self) -> str:
        try:
            return self._log.read_text(errors="replace")[-4000:]
        except OSError:
            return ""
