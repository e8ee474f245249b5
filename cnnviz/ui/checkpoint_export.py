"""Saving a file of weights in harmless forms: asks where, writes in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog

from cnnviz.checkpoints.identify import network_path
from cnnviz.engine.training_weights import KIND, last_checkpoint
from cnnviz.scene.document import Document
from cnnviz.ui.background import Background
from cnnviz.ui.main_window import MainWindow


class CheckpointExport:
    """Of the file that the checkpoint panel shows."""

    def __init__(self, window: MainWindow, document: Document, background: Background) -> None:
        self._window = window
        self._document = document
        self._background = background

    def save_weights(self) -> None:
        """As safetensors, which holds nothing that could be run."""
        self._ask("Save weights as safetensors", ".safetensors", "Safetensors (*.safetensors)", _save_weights)

    def save_table(self) -> None:
        """A line for each tensor, with the statistics of its values."""
        self._ask("Save the tensor table as CSV", ".csv", "CSV (*.csv)", _save_table)

    def _source(self) -> Path | None:
        scene = self._document.scene
        path = getattr(scene.panel("checkpoint"), "path", None)
        if path is not None:
            return Path(path)
        kind, _, name = scene.network.source.partition(":")
        if kind == KIND:
            return last_checkpoint(scene.network.source)
        return None if kind == "live" else network_path(name)

    def _ask(self, title: str, suffix: str, kinds: str, save: Callable[[Path, Path], str]) -> None:
        source = self._source()
        if source is None:
            self._window.notices.show_message(
                "This module has no file; save it with torch.save or safetensors.", "info"
            )
            return
        chosen, _ = QFileDialog.getSaveFileName(self._window, title, str(source.with_suffix(suffix).name), kinds)
        if not chosen:
            return
        target = Path(chosen)
        target = target if target.suffix else target.with_suffix(suffix)
        self._background.run(
            lambda: save(source, target),
            lambda words: self._window.notices.show_message(words, "info"),
            f"Saving {target.name}",
        )


def _save_weights(source: Path, target: Path) -> str:
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.checkpoints.export import save_as_safetensors

    left_out = save_as_safetensors(open_checkpoint(source), target)
    rest = f" Left out, since the format cannot hold them: {', '.join(left_out)}." if left_out else ""
    return f"Saved the weights as {target.name}.{rest}"


def _save_table(source: Path, target: Path) -> str:
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.checkpoints.export import save_as_csv

    save_as_csv(open_checkpoint(source), target)
    return f"Saved the tensor table as {target.name}."
