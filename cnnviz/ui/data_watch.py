"""Says when the images of a run are taken away, and when they are back."""

from __future__ import annotations

import threading

from PyQt6.QtCore import QObject, pyqtSignal

from cnnviz.data.facts import ON_BOARD, plain_title
from cnnviz.engine.failures import FailuresHub
from cnnviz.training.settings import TrainingSettings

LOOKS_EVERY_S = 2.0
PATIENCE_S = 1.0


class DataWatch(QObject):
    """Looks on a thread of its own, since a folder on the network can take its time, and no system tells of all."""

    changed = pyqtSignal()
    """``gone`` says something else than before."""

    _seen = pyqtSignal(bool)

    def __init__(self, failures: FailuresHub, parent: QObject) -> None:
        super().__init__(parent)
        self._failures = failures
        self.gone = ""
        """What it means for the run that its images were taken away; empty while they are there."""
        self._seen.connect(self._say)
        self._of: tuple[str, str] | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, settings: TrainingSettings | None) -> None:
        """Look after the images of a run with these settings in place of those before; None ends it.

        Those on board cannot be taken away.
        """
        if settings is None:
            self.gone = ""
        elif settings.dataset in ON_BOARD:
            settings = None
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

    def _say(self, there: bool) -> None:
        if self._of is None:
            return
        dataset = self._of[0]
        what = dataset.partition(":")[2] or f"the files of {plain_title(dataset)}"
        if there:
            self.gone = ""
            self._failures.tell(f"The images of the run are there again: {what}.", "info")
        else:
            self.gone = (
                f"The images of this run are gone: {what}. It goes on with those in memory; but once stopped, it can "
                "go on only when they are back."
            )
            self._failures.tell(self.gone)
        self.changed.emit()

    def _look(self, settings: TrainingSettings, end: threading.Event) -> None:
        from cnnviz.data.datasets import is_at_hand

        there = True  # the run has just read them
        while not end.wait(LOOKS_EVERY_S):
            now = is_at_hand(settings.dataset, settings.data_folder)
            if now != there and not end.is_set():
                there = now
                self._seen.emit(now)
