"""How long the window takes from an edit to the paint that shows it."""

from __future__ import annotations

import time
from collections import deque

from PyQt6.QtCore import QObject, pyqtSignal


class FrameClock(QObject):
    """Times each scene version from its edit to the end of the paint that contains it."""

    framed = pyqtSignal(int, float)
    """Version, and milliseconds from the first edit that it answers to the end of its paint."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._edits: deque[tuple[int, float]] = deque(maxlen=10_000)
        self._recent: deque[float] = deque(maxlen=30)
        self._painted = -1
        self._begins_with = 0  # the first version that is shown by the present network
        self._is_running = False

    def edited(self, version: int) -> None:
        self._edits.append((version, time.perf_counter()))

    def painted(self, version: int) -> None:
        """All panels show ``version`` and the window has been painted."""
        if version <= self._painted:
            return
        self._painted = version
        now = time.perf_counter()
        first = None
        while self._edits and self._edits[0][0] <= version:
            _, edited_at = self._edits.popleft()
            first = edited_at if first is None else first
        if self._is_running and first is not None:
            milliseconds = (now - first) * 1e3
            self._recent.append(milliseconds)
            self.framed.emit(version, milliseconds)
        elif not self._is_running and version >= self._begins_with:
            self._edits.clear()  # whatever was changed up to here has waited for the start or the loading
            self._is_running = True

    def restart(self, version: int) -> None:
        """Forget what was measured: another network begins with this version, and its loading is no frame."""
        self._recent.clear()
        self._begins_with = version
        self._is_running = False

    @property
    def median_ms(self) -> float | None:
        """Of the last 30 frames; None before the first."""
        ordered = sorted(self._recent)
        return ordered[len(ordered) // 2] if ordered else None
