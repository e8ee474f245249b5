"""Saving a panel's figure, and beside it the scene that made it: asks where, writes in the background."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QFileDialog

from cnnviz.data.atomic import write_atomically
from cnnviz.scene.document import Document
from cnnviz.scene.store import save_scene
from cnnviz.ui.background import Background
from cnnviz.ui.figure import Figure, rendered, scene_beside
from cnnviz.ui.main_window import MainWindow
from cnnviz.ui.numbers import MINUS


class FigureExport:
    """Figures that the panels' menus offer."""

    def __init__(self, window: MainWindow, document: Document, background: Background) -> None:
        self._window = window
        self._document = document
        self._background = background
        window.figure_offered.connect(self.save)

    def save(self, figure: Figure) -> None:
        """Ask where, and save ``figure`` as picture, drawing or table, whichever the name's ending says."""
        kinds = ["Picture (*.png)", "Drawing of lines and letters (*.svg)"]
        if figure.csv() is not None:
            kinds.append("Table of numbers (*.csv)")
        plain = figure.title.lower().replace(MINUS, " minus ").replace("+", " plus ")
        name = "-".join("".join(letter if letter.isalnum() else " " for letter in plain).split())
        chosen, kind = QFileDialog.getSaveFileName(self._window, "Save figure", f"{name}.png", ";;".join(kinds))
        if not chosen:
            return
        path = Path(chosen)
        if not path.suffix:
            path = path.with_suffix(kind[kind.rfind(".") : -1] or ".png")
        self.write(figure, path)

    def write(self, figure: Figure, path: Path) -> None:
        """Save ``figure`` at ``path``, as it is shown now, with the scene beside it."""
        try:
            content = rendered(figure, path.suffix)
        except ValueError as error:
            self._window.notices.show_message(str(error), "warning")
            return
        scene = self._document.scene.model_copy(update={"layout": self._window.layout_state(), "pointer": None})

        def job() -> None:
            write_atomically(path, content)
            save_scene(scene, scene_beside(path))

        words = f"Saved {path.name}, and the scene that made it as {scene_beside(path).name}."
        self._background.run(job, lambda _: self._window.notices.show_message(words, "info"), f"Saving {path.name}")
