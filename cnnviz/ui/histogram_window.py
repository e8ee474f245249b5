"""The histogram large, in a window of its own: zoomed and moved with the mouse, counts linear or logarithmic."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.ui.controls import ElidedLabel, Toggle
from cnnviz.ui.theme import theme


class HistogramWindow(QDialog):
    """Follows the layer that is shown until it is closed; pyqtgraph is imported when the first one opens."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        import pyqtgraph

        self.setWindowTitle("Histogram of activations")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._graph = pyqtgraph
        self._caption = ElidedLabel("", token="text")
        self._logarithmic = Toggle("logarithmic counts")
        self._logarithmic.setToolTip("Rare values show; empty bins stay empty")
        self._logarithmic.edited.connect(self._draw)
        self._plot = pyqtgraph.PlotWidget()
        self._plot.setLabel("bottom", "activation")
        self._plot.setLabel("left", "units")
        self._plot.setMenuEnabled(False)
        self._bars = pyqtgraph.BarGraphItem(x0=[0.0], x1=[1.0], height=[0.0])
        self._plot.addItem(self._bars)
        row = QHBoxLayout()
        row.addWidget(self._caption, 1)
        row.addWidget(self._logarithmic)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self._plot, 1)
        self.resize(theme().px(640), theme().px(400))
        self._counts, self._edges = np.zeros(1), np.array([0.0, 1.0])
        theme().changed.connect(self._restyle)
        self._restyle()

    def set_histogram(self, counts: np.ndarray, edges: np.ndarray, caption: str) -> None:
        """Show ``counts`` (n) between ``edges`` (n + 1)."""
        self._counts, self._edges = counts, edges
        self._caption.set_text(caption)
        self._draw()

    def _draw(self) -> None:
        heights = np.log10(np.maximum(self._counts, 0.5)) - np.log10(0.5) if self._logarithmic.value() else self._counts
        self._bars.setOpts(x0=self._edges[:-1], x1=self._edges[1:], height=heights)
        axis = self._plot.getAxis("left")
        if self._logarithmic.value():
            top = int(np.ceil(np.log10(max(float(self._counts.max()), 1.0))))
            axis.setTicks([[(power - np.log10(0.5), f"{10**power:,}") for power in range(top + 1)]])
        else:
            axis.setTicks(None)

    def _restyle(self) -> None:
        hub = theme()
        self._plot.setBackground(hub.colour("panel"))
        for side in ("bottom", "left"):
            axis = self._plot.getAxis(side)
            axis.setPen(hub.colour("line"))
            axis.setTextPen(hub.colour("muted"))
        self._bars.setOpts(brush=hub.colour("accent"), pen=self._graph.mkPen(None))
