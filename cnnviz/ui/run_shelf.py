"""Names and deletes runs that lie in their folders, off the UI thread where that may take a while."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QFile, QObject, pyqtSignal

from cnnviz.engine.failures import FailuresHub
from cnnviz.training.run_folder import LOCK_FILE, delete_run
from cnnviz.training.run_label import RunLabel, write_label
from cnnviz.training.run_lock import is_locked

if TYPE_CHECKING:
    from cnnviz.ui.training_session import TrainingSession


class RunShelf(QObject):
    """Speaks to the failures hub of what cannot be done."""

    changed = pyqtSignal()
    """A folder has another name, or is gone."""
    not_in_trash = pyqtSignal(object)
    """The system has no trash for this folder: the person is to be asked whether it is deleted for good."""

    _done = pyqtSignal(object, str)

    def __init__(self, session: TrainingSession, failures: FailuresHub) -> None:
        super().__init__(session)
        self._session = session
        self._failures = failures
        self._leaving: tuple[Path, bool] | None = None
        self._done.connect(self._finish)
        session.changed.connect(self._on_session)

    def rename(self, folder: Path, label: RunLabel) -> None:
        try:
            write_label(folder, label)
        except OSError as error:
            self._failures.tell(f"The name cannot be written in {folder} ({error.strerror or error}).")
        self.changed.emit()

    def delete(self, folder: Path, *, for_good: bool = False) -> None:
        """Move the folder to the system's trash, or delete it; that of a run that is being trained stays."""
        run = self._session.run
        if run is not None and run.folder == str(folder) and self._session.phase != "idle":
            if self._session.goes_on:
                self._failures.tell("This run is being trained; stop it before you delete it.", "info")
                return
            self._leaving = folder, for_good  # its process still holds the folder of a run that is over
            self._session.stop()
            return
        if is_locked(folder / LOCK_FILE):
            self._failures.tell(f"Another process works on the run in {folder}; stop it there first.", "info")
            return
        threading.Thread(target=self._delete, args=(folder, for_good), name="deletes a run", daemon=True).start()

    def _on_session(self) -> None:
        if self._leaving is not None and self._session.phase == "idle":
            (folder, for_good), self._leaving = self._leaving, None
            self.delete(folder, for_good=for_good)

    def _delete(self, folder: Path, for_good: bool) -> None:
        """On a thread of its own."""
        problem = ""
        if for_good:
            try:
                delete_run(folder)
            except OSError as error:
                problem = f"{folder} cannot be deleted ({error.strerror or error})."
        elif not QFile.moveToTrash(str(folder))[0]:
            problem = "trash"
        self._done.emit(folder, problem)

    def _finish(self, folder: Path, problem: str) -> None:
        if problem == "trash":
            self.not_in_trash.emit(folder)
        elif problem:
            self._failures.tell(problem)
        self._session.forget(folder)
        self.changed.emit()
