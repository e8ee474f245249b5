"""The line at the bottom: which network, how its graph was found, times and memory."""

from __future__ import annotations

import sys
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QProgressBar, QSizePolicy, QStatusBar

from cnnviz.ui.controls import ElidedLabel, text_button
from cnnviz.ui.frame_clock import FrameClock
from cnnviz.ui.theme import theme

# a file that is open sooner is not spoken of
PATIENCE_MS = 200


class StatusBar(QStatusBar):
    cancelled = pyqtSignal()
    """The person wants what is being opened no longer."""

    def __init__(self, clock: FrameClock) -> None:
        super().__init__()
        self._clock = clock
        self._forward_ms: float | None = None
        self.setSizeGripEnabled(False)
        self.setContentsMargins(0, 0, theme().px(8), 0)
        self._network = ElidedLabel()
        # else each other name would lay the window out anew
        self._network.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._opening = ElidedLabel("", token="text")
        self._progress = QProgressBar()
        self._progress.setRange(0, 0)
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(theme().px(80))
        self._cancel = text_button("Cancel", "Leave this file, and stay with what is shown")
        self._cancel.clicked.connect(self.cancelled)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(lambda: self._show_opening(True))
        self._times = ElidedLabel(
            align=Qt.AlignmentFlag.AlignRight, widest="frame 8888.8 ms   forward 8888.8 ms   memory 88,888 MB"
        )
        self._times.setToolTip("Median of the last 30 frames, the last forward pass, and the memory of the process")
        self.addWidget(self._network, 1)
        for widget in (self._opening, self._progress, self._cancel):
            self.addWidget(widget)
        self._show_opening(False)
        self.addPermanentWidget(self._times)

    def set_network(self, name: str, method: str, notes: tuple[str, ...]) -> None:
        self._network.set_text(f"{name}   ·   layers found by {method}")
        self._network.setToolTip("\n".join(notes) or f"The layers were found by {method}.")

    def set_opening(self, words: str) -> None:
        """Say what is being opened, once that takes a moment; nothing takes it away."""
        self._opening.set_text(words)
        if not words:
            self._patience.stop()
            self._show_opening(False)
        elif not self._opening.isVisible() and not self._patience.isActive():
            self._patience.start()

    def _show_opening(self, shown: bool) -> None:
        for widget in (self._opening, self._progress, self._cancel):
            widget.setVisible(shown)

    def set_forward(self, milliseconds: float) -> None:
        self._forward_ms = milliseconds

    def refresh(self) -> None:
        median = self._clock.median_ms
        parts = []
        if median is not None:
            parts.append(f"frame {median:.1f} ms")
        if self._forward_ms is not None:
            parts.append(f"forward {self._forward_ms:.1f} ms")
        memory = resident_bytes()
        if memory is not None:
            parts.append(f"memory {memory / 2**20:.0f} MB")
        self._times.set_text("   ".join(parts))


def resident_bytes() -> int | None:
    """Memory of this process that is in RAM; None where the system does not tell cheaply."""
    if not sys.platform.startswith("linux"):
        return None
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
