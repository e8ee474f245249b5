"""One place that hears of every error, from whatever thread."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What a person is told: a plain sentence, and the traceback for who wants it."""

    severity: Severity
    message: str
    details: str = ""


class FailuresHub:
    """Passes failures on to its listener, in order; keeps them until there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: Callable[[Failure], None] | None = None
        self._early: list[Failure] = []

    def listen(self, listener: Callable[[Failure], None]) -> None:
        """Send failures to ``listener`` from now on, on any thread; those that came before go first."""
        with self._lock:
            self._listener = listener
            early, self._early = self._early, []
        for failure in early:
            listener(failure)

    def tell(self, message: str, severity: Severity = "warning", details: str = "") -> None:
        """Tell the person ``message``, a sentence; on any thread. What is told before anyone listens is kept."""
        failure = Failure(severity, message, details)
        with self._lock:
            listener = self._listener
            if listener is None:
                self._early.append(failure)
        if listener is not None:
            listener(failure)

    def report(self, error: BaseException, doing: str) -> None:
        """Tell of an unforeseen ``error`` that happened while ``doing`` something, with its traceback."""
        details = "".join(traceback.format_exception(error))
        self.tell(f"{doing} failed: {plain_words(error)}", "error", details)


def plain_words(error: BaseException) -> str:
    """The first line of what an exception says, or its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
