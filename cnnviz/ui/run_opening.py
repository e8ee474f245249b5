"""Opening the folder of a training run: its last checkpoint is shown, the others come on a slider."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog

from cnnviz.checkpoints.run_folder import run_start
from cnnviz.scene.document import Document
from cnnviz.ui.background import Background
from cnnviz.ui.main_window import MainWindow


class RunOpening:
    """``open_network`` shows the network of a source such as ``file:PATH``."""

    def __init__(
        self, window: MainWindow, document: Document, background: Background, open_network: Callable[[str], None]
    ) -> None:
        self._window = window
        self._document = document
        self._background = background
        self._open_network = open_network

    def ask(self) -> None:
        """Ask for a folder."""
        folder = QFileDialog.getExistingDirectory(self._window, "Open a folder of checkpoints")
        if folder:
            self.open(Path(folder))

    def open(self, folder: Path) -> None:
        """Show the last checkpoint in ``folder``."""
        folder = folder.resolve()
        self._background.run(
            partial(run_start, folder), partial(self._show, folder), f"Opening {folder.name}", only_reads=True
        )

    def _show(self, folder: Path, start: Path) -> None:
        with self._document.gesture():
            self._open_network(f"file:{start}")
            self._document.edit("panels.epochs.folder", str(folder))
        self._window.show_panel("epochs")
