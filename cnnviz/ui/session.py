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

    def save_now(self) -> None:
        """Save before the window goes; a full disk must not keep it from closing."""
        self._timer.stop()
        try:
            save_scene(self.scene(), self._path)
        except OSError as error:
            self._window.notices.show_message(f"The session could not be saved: {error.strerror}.", "error")

    def scene(self) -> Scene:
        """The present scene with the docks as they stand; the pointer is nobody's work."""
        return self._document.scene.model_copy(update={"layout": self._window.layout_state(), "pointer": None})

    def _save(self) -> None:
        scene = self.scene()
        self._background.run(lambda: save_scene(scene, self._path), lambda _: None, "Saving the session")
