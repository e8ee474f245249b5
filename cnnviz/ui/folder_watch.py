"""Says when a folder changes."""

from __future__ import annotations

from PyQt6.QtCore import QFileSystemWatcher, QObject, QTimer, pyqtSignal

SOON_MS = 300
LATER_MS = 2_500


class FolderWatch(QObject):
    """Watches one folder; many changes at once are told once, and again later.

    A file that grows while it is written is no change of its folder, so that it is looked at a second time.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watcher: QFileSystemWatcher | None = None
        self._folder = ""
        self._soon = self._timer(SOON_MS)
        self._later = self._timer(LATER_MS)

    def watch(self, folder: str) -> None:
        """Watch ``folder`` in place of the one before; nothing where it is empty."""
        if folder == self._folder:
            return
        self._folder = folder
        self._soon.stop()
        self._later.stop()
        if self._watcher is None:
            self._watcher = QFileSystemWatcher(self)
            self._watcher.directoryChanged.connect(self._on_change)
        if self._watcher.directories():
            self._watcher.removePaths(self._watcher.directories())
        if folder:
            self._watcher.addPath(folder)

    def _timer(self, after_ms: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(after_ms)
        timer.timeout.connect(self.changed)
        return timer

    def _on_change(self) -> None:
        if not self._soon.isActive():  # a run that writes without pause is told of all the same
            self._soon.start()
        self._later.start()
