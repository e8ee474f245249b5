"""Goes through the checkpoints of a run, one after the other, as a player does through frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene


class CheckpointPlayer(QObject):
    """Shows checkpoints by editing the document; playing through many is one undo step.

    Where the person, undo or a file that cannot be shown brings another network, it stops.
    """

    playing_changed = pyqtSignal(bool)

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._paths: tuple[Path, ...] = ()
        self._expected = ""
        self._follows = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._catch_up = QTimer(self)
        self._catch_up.setSingleShot(True)
        self._catch_up.setInterval(0)
        self._catch_up.timeout.connect(self._show_last)
        document.changed.connect(self._on_changed)

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    @property
    def index(self) -> int | None:
        """Which of the checkpoints the document shows; None where it shows another network."""
        source = self._document.scene.network.source
        return next((index for index, path in enumerate(self._paths) if source == f"file:{path}"), None)

    def set_paths(self, paths: Sequence[Path]) -> None:
        """Go through these from now on; one that comes after the last is shown at once where the person wants that."""
        grown = bool(self._paths) and len(paths) > len(self._paths) and paths[-1] != self._paths[-1]
        was_last = self.index == len(self._paths) - 1
        self._paths = tuple(paths)
        self._follows = self._params().follow and grown and was_last and not self.playing
        if self._follows:
            self._catch_up.start()

    def show(self, index: int) -> None:
        """Show one checkpoint, as an edit of the person."""
        if 0 <= index < len(self._paths) and index != self.index:
            self._expected = f"file:{self._paths[index]}"
            self._document.edit("network.source", self._expected)

    def step(self, by: int) -> None:
        """To one of the neighbours."""
        self.pause()
        present = self.index
        self.show(0 if present is None else min(max(present + by, 0), len(self._paths) - 1))

    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """From the present checkpoint on; from the first where it is the last."""
        if len(self._paths) < 2 or self.playing:
            return
        present = self.index
        at_end = present is None or present == len(self._paths) - 1
        self.show(0 if present is None or at_end else present + 1)
        self._timer.start(self._interval())
        self.playing_changed.emit(True)

    def pause(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def _params(self) -> Any:
        return self._document.scene.panel("epochs")

    def _interval(self) -> int:
        return max(1, int(1000 / self._params().speed))

    def _tick(self) -> None:
        present = self.index
        if present is None:
            self.pause()
            return
        if present + 1 < len(self._paths):
            self._amend(present + 1)
        elif self._params().repeat:
            self._amend(0)
        else:
            self.pause()

    def _show_last(self) -> None:
        if self._paths:
            self._amend(len(self._paths) - 1)

    def _amend(self, index: int) -> None:
        """Show one without an undo step of its own: what began the play has one."""
        self._expected = f"file:{self._paths[index]}"
        self._document.amend("network.source", self._expected)

    def _on_changed(self, old: Scene, new: Scene) -> None:
        if old.network is not new.network and new.network.source != self._expected:
            self.pause()
        if self.playing and self._timer.interval() != self._interval():
            self._timer.setInterval(self._interval())
