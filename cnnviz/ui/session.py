"""Keeps the scene on disk, so that nothing a person made is lost."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, QTimer

from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.scene.store import save_scene
from cnnviz.ui.background import Background
from cnnviz.ui.main_window import MainWindow

SAVE_AFTER_MS = 3000
SAVING = "Saving the session"


class SessionKeeper(QObject):
    """Saves in the background a few seconds after a change, and at once when the window closes."""

    def __init__(self, document: Document, window: MainWindow, path: Path, background: Background) -> None:
        super().__init__(window)
        self._document = document
        self._window = window
        self._path = path
        self._background = background
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_AFTER_MS)
        self._timer.timeout.connect(self._save)

    def touch(self) -> None:
        """Something changed: save soon, at the latest a few seconds after the first unsaved change."""
        if not self._timer.isActive():
            self._timer.start()

    def save_now(self) -> str:
        """Save before the program ends; returns why that could not be done, else nothing."""
        self._timer.stop()
        return self._written(self._path, "The session")

    def save_as(self, path: Path) -> str:
        """Save where the person says, as a scene that can be opened; returns why that could not be done."""
        return self._written(path, "The scene")

    def _written(self, path: Path, what: str) -> str:
        try:
            save_scene(self.scene(), path)
        except OSError as error:
            return f"{what} could not be saved as {path}: {error.strerror or error}."
        return ""

    def scene(self) -> Scene:
        """The present scene with the docks as they stand; the pointer is nobody's work."""
        return self._document.scene.model_copy(update={"layout": self._window.layout_state(), "pointer": None})

    def _save(self) -> None:
        scene = self.scene()
        self._background.run(lambda: save_scene(scene, self._path), lambda _: None, SAVING)
