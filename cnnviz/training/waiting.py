"""How long the threads that share a step of training wait for each other awake, on cores that others want as well.

A thread that has done its half of a convolution spins for some milliseconds before it sleeps: most halves come sooner
than a sleeping thread wakes, and on two cores of its own that makes a step a third faster. Where another program keeps
a core busy, the spinning thread keeps the other core from the very one that it waits for, and training is ten times
slower. GNU OpenMP spins for a moment only in a process with more of its threads than cores (libgomp's manual,
``GOMP_SPINCOUNT``): so a second team of threads, which sleeps, is kept for as long as the cores are crowded.

The window that shows new weights takes a core for some milliseconds ten times a second, which is too short to be seen
by looking: the team is there from the moment at which the weights are sent until they are on the screen.
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
CROWDED = 0.25
"""Share of the time, of each thread, in which it could have gone on and found no core."""
FREE = 0.18
"""Below this the cores are its own again. Ten updates of the window a second make 0.10 to 0.15, since the threads then
wait for one core in turn; another busy program makes 0.31 to 0.42."""

_TASKS = Path("/proc/self/task")
_SHARED_WORK = torch.zeros(40_000, dtype=torch.uint8)
"""The fewest elements that torch works through on more than one thread, and some more."""


class BriefWaits:
    """Between `begin` and `end` the threads that share a step spin for a moment only; both return at once.

    What they work out is the same. Nothing is changed where the library that shares the work is another than GNU
    OpenMP, as on other systems than Linux, or where the person has said how threads wait.
    """

    def __init__(self) -> None:
        self._team: tuple[threading.Thread, threading.Event] | None = None

    @property
    def begun(self) -> bool:
        """Whether the threads spin for a moment only."""
        return self._team is not None

    def begin(self) -> None:
        """From now on."""
        if self._team is not None or torch.get_num_threads() == 1 or _is_settled():
            return
        ended = threading.Event()
        thread = threading.Thread(target=_sleep, args=(ended,), name="lets others wait briefly", daemon=True)
        self._team = thread, ended
        thread.start()

    def end(self, *, wait: bool = False) -> None:
        """Wait as the library does by itself; may be called on any thread. ``wait`` until the sleeping team is gone."""
        team, self._team = self._team, None
        if team is not None:
            thread, ended = team
            ended.set()
            if wait:
                thread.join()


def _sleep(ended: threading.Event) -> None:
    """A thread that has shared work once has a team of threads of its own for as long as it lives."""
    _SHARED_WORK.fill_(0)
    ended.wait()


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
        self._brief = BriefWaits()

    @property
    def brief(self) -> bool:
        """Whether the threads spin for a moment only."""
        return self._brief.begun

    def look(self) -> None:
        """See, twice a second, how crowded the cores are, and let the threads wait accordingly."""
        (before, waited_before), now = self._looked, self._now()
        if now - before < LOOK_SECONDS or waited_before is None:
            return
        waited = self._waited()
        self._looked = (now, waited)
        threads = torch.get_num_threads()
        if waited is None:
            return
        share = (waited - waited_before) / (now - before) / threads
        if share > CROWDED:
            self._brief.begin()
        elif share < FREE:
            self._brief.end(wait=True)

    def close(self) -> None:
        """Wait as the library does by itself."""
        self._brief.end(wait=True)


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
    """Whether there is nothing to say of how threads wait, or the person has said it."""
    return not sys.platform.startswith("linux") or "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ
