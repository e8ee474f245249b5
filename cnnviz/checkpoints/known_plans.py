"""What is known of files that were parsed before, so that going back and forth between them is fast."""

from __future__ import annotations

import os
import threading
from typing import Any, BinaryIO

MOST_FILES = 2_000
MOST_TENSORS = 200_000
"""Of all plans together; a tensor's entry takes some hundred bytes."""

Stamp = tuple[int, int, int, int, int]


class KnownPlans:
    """Plans by what tells one state of a file from another; the one used last is forgotten last. For any thread.

    A file that was written over in place within the clock's resolution and to the same size would not be told apart;
    what reads the tensors then finds them within the file all the same.
    """

    def __init__(self) -> None:
        self._plans: dict[Stamp, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def get(self, file: BinaryIO) -> dict[str, Any] | None:
        """The plan of an open file; None where it was not parsed yet."""
        stamp = _stamp(file)
        with self._lock:
            plan = self._plans.pop(stamp, None)
            if plan is not None:
                self._plans[stamp] = plan
            return plan

    def keep(self, file: BinaryIO, plan: dict[str, Any]) -> None:
        stamp = _stamp(file)
        with self._lock:
            self._plans[stamp] = plan
            while len(self._plans) > 1 and (len(self._plans) > MOST_FILES or self._tensors() > MOST_TENSORS):
                del self._plans[next(iter(self._plans))]

    def _tensors(self) -> int:
        return sum(len(plan["tensors"]) for plan in self._plans.values() if "tensors" in plan)


def _stamp(file: BinaryIO) -> Stamp:
    status = os.fstat(file.fileno())
    # anybody can set the time of the last writing, nobody that of the last change
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


KNOWN = KnownPlans()
"""Of this process."""
