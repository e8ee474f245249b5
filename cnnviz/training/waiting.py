"""How long the threads that share a step of training wait for each other awake, on cores that others want as well.

A thread that has done its half of a convolution spins for some milliseconds before it sleeps: most halves come sooner
than a sleeping thread wakes, and on two cores of its own that makes a step a third faster. Where another program keeps
a core busy, the spinning thread keeps the other core from the very one that it waits for, and training is ten times
slower. GNU OpenMP spins for a moment only in a process with more of its threads than cores (libgomp's manual,
``GOMP_SPINCOUNT``): so a second team of threads, which sleeps, is kept for as long as the cores are crowded.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

LOOK_SECONDS = 0.5
CROWDED = 0.2
"""Share of the time, of each thread, in which it could have gone on and found no core."""
FREE = 0.12
"""Below this the cores are its own again. Ten updates of the window a second make 0.08, another busy program 0.33."""

_TASKS = Path("/proc/self/task")
_SHARED_WORK = 1 << 18
"""Elements that torch works through on all its threads."""


class ThreadWaits:
    """To be looked at after every step; to be closed.

    Parameters
    ----------
    waited : callable
        Seconds for which the threads of this process have waited for a core so far; None where nobody knows.
    """

    def __init__(
        self,
        waited: Callable[[], float | None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waited, self._now = waited or waited_for_cores, now
        self._looked = (now(), self._waited())
        self._team: _SleepingTeam | None = None

    @property
    def brief(self) -> bool:
        """Whether the threads spin for a moment only."""
        return self._team is not None

    def look(self) -> None:
        """See, twice a second, how crowded the cores are, and let the threads wait accordingly."""
        (before, waited_before), now = self._looked, self._now()
        if now - before < LOOK_SECONDS or waited_before is None:
            return
        waited = self._waited()
        self._looked = (now, waited)
        threads = torch.get_num_threads()
        if waited is None or threads == 1 or _is_settled():
            return
        share = (waited - waited_before) / (now - before) / threads
        if self._team is None and share > CROWDED:
            self._team = _SleepingTeam()
        elif self._team is not None and share < FREE:
            self.close()

    def close(self) -> None:
        """Wait as the library does by itself."""
        if self._team is not None:
            self._team.end()
            self._team = None


def waited_for_cores() -> float | None:
    """Seconds for which the threads of this process could have gone on and found no core; None but on Linux."""
    if not sys.platform.startswith("linux"):
        return None
    nanoseconds = 0
    try:
        for task in os.listdir(_TASKS):
            try:
                nanoseconds += int((_TASKS / task / "schedstat").read_text().split()[1])
            except FileNotFoundError:
                continue  # this thread has just ended
    except (OSError, IndexError, ValueError):
        return None  # a kernel that does not count it
    return nanoseconds / 1e9


def _is_settled() -> bool:
    """Whether the person has said how threads wait."""
    return "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ


class _SleepingTeam:
    """A thread that has shared work once, and has a team of threads of its own for as long as it lives."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._sleep, name="lets others wait briefly", daemon=True)
        self._thread.start()
        self._begun.wait()

    def end(self) -> None:
        self._end.set()
        self._thread.join()

    def _sleep(self) -> None:
        torch.zeros(_SHARED_WORK).add_(1)
        self._begun.set()
        self._end.wait()
