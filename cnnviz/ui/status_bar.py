"""The line at the bottom: which network, how its graph was found, times and memory."""

from __future__ import annotations

import sys
from pathlib import Path

from PyQt6.QtWidgets import QStatusBar

from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.frame_clock import FrameClock
from cnnviz.ui.top_bar import keep_width


class StatusBar(QStatusBar):
    def __init__(self, clock: FrameClock) -> None:
        super().__init__()
        self._clock = clock
        self._forward_ms: float | None = None
        self.setSizeGripEnabled(False)
        self._network = ElidedLabel()
        self._times = ElidedLabel()
        keep_width(self._times, "frame 8888.8 ms   forward 8888.8 ms   memory 88,888 MB")
        self._times.setToolTip("Median of the last 30 frames, the last forward pass, and the memory of the process")
        self.addWidget(self._network, 1)
        self.addPermanentWidget(self._times)

    def set_network(self, name: str, method: str, notes: tuple[str, ...]) -> None:
        self._network.set_text(f"{name}   ·   layers found by {method}")
        self._network.setToolTip("\n".join(notes) or f"The layers were found by {method}.")

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
