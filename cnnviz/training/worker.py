"""The process that trains: ``python -m cnnviz.training.worker ADDRESS``, started once by the window and kept warm.

It says ``ready`` on its standard output once it can be reached, and reads the key of the connection from its standard
input, which stays open for as long as the window lives. Commands come as messages, see ``cnnviz.training.worker_loop``.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener

from cnnviz.core.kept_memory import FOR_TRAINING, keep_freed_memory
from cnnviz.training.messages import MalformedMessage, Message, pack, unpack

_FLUSH_SECONDS = 5.0


class Line:
    """The connection to the window: one thread always reads, another writes, and neither keeps the training waiting.

    ``commands`` holds what came in; None is the end of the connection. What cannot wait for the next step is told to
    ``on_arrival`` as well, on the thread that reads, the end of the connection as the command to end. Whether this
    process is alive is answered by that thread itself.
    """

    def __init__(self, connection: Connection) -> None:
        self.commands: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self.on_arrival: Callable[[Message], None] = _end_before_there_is_a_run
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._connection = connection
        threading.Thread(target=self._read, name="reads commands", daemon=True).start()
        self._writer = threading.Thread(target=self._write, name="writes messages", daemon=True)
        self._writer.start()

    def send(self, message: Message) -> None:
        """Send as soon as what is before it is sent."""
        self._outgoing.put(pack(message))

    def close(self) -> None:
        """Wait until all is sent, for some seconds at most."""
        self._outgoing.put(None)
        self._writer.join(_FLUSH_SECONDS)

    def _read(self) -> None:
        while True:
            try:
                data = self._connection.recv_bytes()
            except (EOFError, OSError):
                self.on_arrival(Message("end"))
                self.commands.put(None)
                return
            try:
                message = unpack(data)
            except MalformedMessage as error:
                self.send(Message("notice", {"message": f"A command was not understood: {error}."}))
                continue
            if message.kind == "ping":
                self.send(Message("pong"))
                continue
            self.on_arrival(message)
            self.commands.put(message)

    def _write(self) -> None:
        while (data := self._outgoing.get()) is not None:
            try:
                self._connection.send_bytes(data)
            except OSError:
                return  # the reader notices the end


def main() -> None:
    """Wait for the window, then do what it says until it is gone."""
    address, niceness = sys.argv[1], int(sys.argv[2])
    # An interrupt at the terminal is for the window, which then ends this process by closing the connection.
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(niceness)
    key = bytes.fromhex(sys.stdin.readline().strip())
    connected = threading.Event()
    threading.Thread(target=_end_with_the_window, args=(connected,), name="outlives no window", daemon=True).start()
    with Listener(address, authkey=key) as listener:
        print("ready", flush=True)
        connection = listener.accept()
    connected.set()
    line = Line(connection)
    from cnnviz.training.worker_loop import WorkerLoop  # torch takes its time, in which commands can come already

    keep_freed_memory(FOR_TRAINING)
    loop = WorkerLoop(line.commands, line.send, leave=lambda: os._exit(0))
    line.on_arrival = loop.hear
    loop.run()
    line.close()


def _end_before_there_is_a_run(message: Message) -> None:
    """To import torch, or to fetch images, takes too long for a window that is closing to wait for."""
    if message.kind == "end":
        os._exit(0)


def _end_with_the_window(connected: threading.Event) -> None:
    """End this process where the window ends before it has connected; afterwards the connection tells."""
    sys.stdin.read()
    if not connected.is_set():
        os._exit(1)


if __name__ == "__main__":
    main()
