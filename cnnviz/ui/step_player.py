"""Plays a number of the document through its range, as a player does through frames."""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cnnviz.scene.document import Document

FRAMES_A_SECOND = 25
SECONDS = 5
"""A play through the whole range takes no longer; a short one shows each step for a frame."""


class StepPlayer(QObject):
    """Counts the number at ``path`` up to ``most``; the play is no undo step."""

    playing_changed = pyqtSignal(bool)

    def __init__(self, document: Document, path: str, parent: QObject) -> None:
        super().__init__(parent)
        self._document, self._path = document, path
        self._step, self._most = 0, 0
        self._timer = QTimer(self)
        self._timer.setInterval(1000 // FRAMES_A_SECOND)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    def play(self, start: int, most: int) -> None:
        """From ``start`` on, or from 0 where that is the end."""
        self._step, self._most = (start if start < most else 0), most
        self._document.amend(self._path, self._step)
        self._timer.start()
        self.playing_changed.emit(True)

    def pause(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def _tick(self) -> None:
        stride = max(1, round(self._most / (FRAMES_A_SECOND * SECONDS)))
        self._step = min(self._step + stride, self._most)
        self._document.amend(self._path, self._step)
        if self._step >= self._most:
            self.pause()
