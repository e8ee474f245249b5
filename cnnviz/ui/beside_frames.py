"""Does something a few times a second together with a frame, since a frame of its own would cost as much again."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, QTimer


class BesideFrames(QObject):
    """Calls ``act`` at each interval: with the next frame while frames come, and at once while none do.

    Parameters
    ----------
    interval_ms : int
    act
        What it paints is painted with the frame.
    """

    def __init__(self, interval_ms: int, act: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._act = act
        self._frames_come = self._is_due = False
        self._timer = QTimer(self)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def frame(self) -> None:
        """A frame is about to be painted."""
        self._frames_come = True
        if self._is_due:
            self._is_due = False
            self._act()

    def stop(self) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        if not self._frames_come:
            self._is_due = False
            self._act()
        else:
            self._is_due = True
        self._frames_come = False
