"""Saving the diagram of the shown network: asks where, writes in the background."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QFileDialog

from cnnviz.data.atomic import write_atomically
from cnnviz.ui.background import Background
from cnnviz.ui.main_window import MainWindow
from cnnviz.ui.stage import Stage


class GraphExport:
    """Of the network on the stage."""

    def __init__(self, window: MainWindow, stage: Stage, background: Background) -> None:
        self._window = window
        self._stage = stage
        self._background = background

    def save_svg(self) -> None:
        """Layers, shapes, weights and connections, as a drawing that can be edited."""
        network = self._stage.network
        if network is None:
            self._window.notices.show_message("There is no network yet; open one first.", "info")
            return
        chosen, _ = QFileDialog.getSaveFileName(self._window, "Save graph as SVG", f"{network.name}.svg", "SVG (*.svg)")
        if not chosen:
            return
        target = Path(chosen)
        target = target if target.suffix else target.with_suffix(".svg")
        graph, name = network.graph, network.name

        def job() -> None:
            from cnnviz.core.graph_svg import graph_svg

            write_atomically(target, graph_svg(graph, name).encode())

        self._background.run(
            job,
            lambda _: self._window.notices.show_message(f"Saved the graph as {target.name}.", "info"),
            f"Saving {target.name}",
        )
