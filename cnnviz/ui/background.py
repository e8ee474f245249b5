"""Small jobs off the UI thread: reading a picture, hashing it, writing the session."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from cnnviz.engine.failures import FailuresHub


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
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cnnviz-background")
        # queued also from this thread: ``then`` never runs within ``run``
        self._finished.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def run(self, job: Callable[[], Any], then: Callable[[Any], object], doing: str) -> None:
        """Do ``job`` in the background and call ``then`` with its result; ``doing`` is what a failure is said of."""
        future = self._pool.submit(job)

        def finished(done: Future[Any]) -> None:
            error = done.exception()
            if error is None:
                self._finished.emit(then, done.result())
            elif isinstance(error, ValueError):
                self._failures.tell(str(error), "warning")
            elif isinstance(error, OSError):
                self._failures.tell(f"{doing} failed: {error.strerror or error}.", "warning")
            else:
                self._failures.report(error, doing)

        future.add_done_callback(finished)

    def close(self) -> None:
        """Finish what was begun; results that come now are nobody's any more."""
        self._pool.shutdown(wait=True)
        self._closed = True

    def _hand_over(self, then: Callable[[Any], object], result: Any) -> None:
        if not self._closed:
            then(result)
