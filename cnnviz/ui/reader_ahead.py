"""Has a process ready for the next file of weights while the window has nothing to do."""

from __future__ import annotations

from importlib import import_module

from PyQt6.QtCore import QObject, QTimer

from cnnviz.checkpoints.formats import TORCH_READER
from cnnviz.checkpoints.sandbox import is_one_ahead, leave_none_ahead, start_ahead
from cnnviz.engine.delivery import Delivery
from cnnviz.ui.background import Background

# how long nothing new was shown before it is started
IDLE_MS = 400


class ReaderAhead(QObject):
    """Every file of weights is parsed in a process of its own, and starting it takes longer than parsing does."""

    def __init__(self, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._background = background
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self._start)

    def take(self, delivery: Delivery) -> None:
        """Something was shown: what is left to start is put off."""
        if delivery.complete and not is_one_ahead():
            self._idle.start()

    def close(self) -> None:
        self._idle.stop()
        leave_none_ahead()

    def _start(self) -> None:
        self._background.run(_get_ready, lambda _: None, "Getting ready to read files", only_reads=True)


def _get_ready() -> None:
    """Import what the first picture did not wait for, and start the process."""
    import_module("cnnviz.checkpoints.checkpoint")  # what opens files
    import_module("cnnviz.ui.searchable_choice")  # superqt takes 0.3 s, which the first list would hold the window for
    start_ahead(TORCH_READER)
