"""Says when the images of a run are taken away, and when they are back."""

from __future__ import annotations

import threading

from PyQt6.QtCore import QObject, pyqtSignal

from cnnviz.training.settings import TrainingSettings

LOOKS_EVERY_S = 2.0
PATIENCE_S = 1.0


class DataWatch(QObject):
    """Looks on a thread of its own, since a folder on the network can take its time, and no system tells of all."""

    changed = pyqtSignal(bool)
    """Whether the images are there; told when that is another answer than before."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._of: tuple[str, str] | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, settings: TrainingSettings | None) -> None:
        """Look after the images of a run with these settings in place of those before; None ends it."""
        of = None if settings is None else (settings.dataset, settings.data_dir)
        if of == self._of:
            return
        self._of = of
        self._end.set()
        self._end = threading.Event()
        if settings is not None:
            self._thread = threading.Thread(
                target=self._look, args=(settings, self._end), name="looks after images", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End it; a look that takes long is not waited for."""
        self.watch(None)
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def _look(self, settings: TrainingSettings, end: threading.Event) -> None:
        from cnnviz.data.datasets import is_at_hand

        there = is_at_hand(settings.dataset, settings.data_folder)
        while not end.wait(LOOKS_EVERY_S):
            now = is_at_hand(settings.dataset, settings.data_folder)
            if now != there and not end.is_set():
                there = now
                self.changed.emit(now)
