"""How many examples a second a run gets through."""

from __future__ import annotations

import time
from collections import deque

_WINDOW = 1.0


class Pace:
    """Counts over the last second in which there was training; what lies between two steps counts unless told."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int]] = deque()
        self._last: float | None = None
        self._total = (0.0, 0)

    def pause(self) -> None:
        """Let the time until the next step count as none."""
        self._last = None

    def start(self) -> None:
        """At the begin of a step."""
        if self._last is None:
            self._last = time.perf_counter()

    def finish(self, examples: int) -> None:
        """At the end of a step over so many examples."""
        now = time.perf_counter()
        duration = now - (self._last if self._last is not None else now)
        self._steps.append((duration, examples))
        self._total = self._total[0] + duration, self._total[1] + examples
        self._last = now
        total = sum(duration for duration, _ in self._steps)
        while len(self._steps) > 1 and total - self._steps[0][0] >= _WINDOW:
            total -= self._steps.popleft()[0]

    @property
    def examples_per_second(self) -> float:
        """0 before the first step."""
        duration = sum(duration for duration, _ in self._steps)
        return sum(examples for _, examples in self._steps) / duration if duration > 0 else 0.0

    @property
    def average(self) -> float:
        """Examples a second over all steps; 0 before the first."""
        duration, examples = self._total
        return examples / duration if duration > 0 else 0.0
