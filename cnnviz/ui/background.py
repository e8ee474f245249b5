"""Small jobs off the UI thread: reading a picture, hashing it, writing the session."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from cnnviz.engine.failures import FailuresHub, plain_words

# how long closing waits for what only reads, and for what writes a person's file
PATIENCE_S = 2.0
PATIENCE_TO_WRITE_S = 60.0


class _Job(NamedTuple):
    do: Callable[[], Any]
    doing: str


class Background(QObject):
    """One worker thread; its results arrive on the UI thread.

    A ``ValueError`` or ``OSError`` of a job is what it has to say to the person; anything else is a failure with a
    traceback.
    """

    _finished = pyqtSignal(object, object)

    def __init__(self, failures: FailuresHub, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._failures = failures
        self._closed = False
        self.unwritten: dict[str, str] = {}
        """What was not written as this was closed: by what was being done a sentence on why."""
        self._reading: dict[Future[Any], _Job] = {}
        self._writing: dict[Future[Any], _Job] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cnnviz-background")
        # queued also from this thread: ``then`` never runs within ``run``
        self._finished.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def run(
        self, job: Callable[[], Any], then: Callable[[Any], object], doing: str, *, only_reads: bool = False
    ) -> None:
        """Do ``job`` in the background and call ``then`` with its result; ``doing`` is what a failure is said of.

        A job that ``only_reads`` is left behind by a program that closes; any other is finished first.
        """
        future = self._pool.submit(job)
        jobs = self._reading if only_reads else self._writing
        jobs[future] = _Job(job, doing)

        def finished(done: Future[Any]) -> None:
            jobs.pop(done, None)
            if done.cancelled():
                return
            error = done.exception()
            if error is None:
                self._finished.emit(then, done.result())
            elif isinstance(error, ValueError | OSError):
                self._failures.tell(_sentence(error, doing), "warning")
            else:
                self._failures.report(error, doing)

        future.add_done_callback(finished)

    def close(self) -> bool:
        """Finish what writes; False when something is still running after that. Results that come now are nobody's."""
        reading, writing = tuple(self._reading), dict(self._writing)
        for future in reading:
            future.cancel()
        self._pool.shutdown(wait=False)
        running = wait(reading, PATIENCE_S).not_done
        if running:
            writing = _past_the_reader(writing)
        running |= wait(writing, PATIENCE_TO_WRITE_S).not_done
        for future, (_, doing) in writing.items():
            if future in running:
                self.unwritten[doing] = f"{doing} has not ended."
            elif (error := future.exception()) is not None:
                self.unwritten[doing] = _sentence(error, doing)
        self._closed = True
        return not running

    def _hand_over(self, then: Callable[[Any], object], result: Any) -> None:
        if not self._closed:
            then(result)


def _past_the_reader(writing: dict[Future[Any], _Job]) -> dict[Future[Any], _Job]:
    """Write what waits for its turn on another thread: a large file that is still being read would hold it up."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cnnviz-last-writes")
    moved = {pool.submit(job.do) if future.cancel() else future: job for future, job in writing.items()}
    pool.shutdown(wait=False)
    return moved


def _sentence(error: BaseException, doing: str) -> str:
    if isinstance(error, ValueError):
        return str(error)
    return f"{doing} failed: {(isinstance(error, OSError) and error.strerror) or plain_words(error)}."
