"""Runs that are trained in turn: the next one begins when the one before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cnnviz.engine.failures import FailuresHub
from cnnviz.scene.document import Document
from cnnviz.training.run_folder import runs_folder
from cnnviz.training.run_label import RunLabel, write_label
from cnnviz.training.run_queue import RunQueue, WaitingRun, read_queue, waiting_run, write_queue
from cnnviz.training.settings import TrainingSettings

if TYPE_CHECKING:
    from cnnviz.ui.training_session import TrainingSession


class TrainingQueue(QObject):
    """Feeds the session from the queue on disk; all of it is used on the UI thread.

    A run leaves the queue once it has a folder and has begun: whatever ends before that, it still waits. One that
    cannot begin is set aside, behind the others, and the next one begins. Where a run is stopped, or its process is
    lost while it trains, the queue rests until it is told to go on.
    """

    changed = pyqtSignal()

    def __init__(
        self, session: TrainingSession, document: Document, failures: FailuresHub, kept_in: Path | None = None
    ) -> None:
        super().__init__(session)
        self._session = session
        self._document = document
        self._failures = failures
        self._kept_in = kept_in
        self._goes = False
        self._starting = ""
        self._phase: str = session.phase
        self._seen_run = ""
        self.runs: tuple[WaitingRun, ...] = ()
        """Those that wait, the next one first."""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._begin_next)
        session.changed.connect(self._on_session)

    @property
    def folder(self) -> Path:
        """In which the runs and the queue lie."""
        return self._kept_in or runs_folder()

    @property
    def goes(self) -> bool:
        """Whether the next run begins by itself."""
        return self._goes

    @property
    def starting(self) -> str:
        """The run that is being prepared; empty where none is."""
        return self._starting

    def load(self) -> None:
        """Read what waits since an earlier day; it is offered, and begins when the person says so."""
        self._take(read_queue(self.folder))

    def add(self, runs: Sequence[tuple[TrainingSettings, RunLabel]]) -> tuple[str, ...]:
        """Put runs at the end of the queue and let it go on; the names of the folders that they will have."""
        queue, taken = read_queue(self.folder), set[str]()
        taken.update(run.id for run in queue.waiting)
        added = []
        for settings, label in runs:
            run = waiting_run(self.folder, settings, label, taken)
            taken.add(run.id)
            added.append(run)
        self._keep(queue.with_runs(added))
        self.go_on()
        return tuple(run.id for run in added)

    def remove(self, run_id: str) -> None:
        """Let it wait no more."""
        if run_id != self._starting:
            self._keep(read_queue(self.folder).without(run_id))

    def move_up(self, run_id: str) -> None:
        """Train it before the one before it."""
        if run_id != self._starting:
            self._keep(read_queue(self.folder).moved_up(run_id))

    def rename(self, run_id: str, label: RunLabel) -> None:
        self._keep(read_queue(self.folder).relabelled(run_id, label))

    def try_again(self) -> None:
        """Begin the next run, at once or when the present one is done; those that could not begin have their turn."""
        queue = read_queue(self.folder)
        if queue.tried_again() != queue:
            self._keep(queue.tried_again())
        self.go_on()

    def pause(self) -> None:
        """Begin no other run after the present one."""
        self._goes = False
        self.changed.emit()

    def go_on(self) -> None:
        """Begin the next run, at once or when the present one is done."""
        self._goes = True
        self._soon.start()
        self.changed.emit()

    def close(self) -> None:
        self._soon.stop()
        self._session.changed.disconnect(self._on_session)

    def _begin_next(self) -> None:
        if not self._goes or self._starting or self._session.goes_on:
            return
        queue = read_queue(self.folder)  # another window may have taken some of them
        self._take(queue)
        run = queue.next
        if run is None:
            self._goes = False
            self.changed.emit()
            return
        self._starting = run.id
        self._document.amend("panels.training.settings", run.settings)
        self._session.start(folder=self.folder / run.id)
        self.changed.emit()

    def _on_session(self) -> None:
        session = self._session
        before, self._phase = self._phase, session.phase
        present = Path(session.run.folder).name if session.run is not None and session.run.folder else ""
        if present != self._seen_run:
            self._seen_run = present
            if present != self._starting:  # whoever put a run in the queue has said whether its curve is drawn
                self._show_curve_of(present)
        if self._starting:
            if present == self._starting:
                self._began(Path(cast(Any, session.run).folder))
            elif session.phase == "idle" and session.trouble:
                self._set_aside(session.trouble)
            elif session.phase == "idle":  # the person did not want it to begin
                self._starting = ""
                self.pause()
        elif session.phase in ("finished", "diverged"):
            if self._goes:
                self._soon.start()
        elif session.phase == "idle" and before not in ("idle", "finished", "diverged"):
            self.pause()

    def _began(self, folder: Path) -> None:
        queue = read_queue(self.folder)
        run = queue.find(self._starting)
        if run is not None:
            try:
                write_label(folder, run.label)
            except OSError as error:
                self._failures.tell(f"The name of the run cannot be written in {folder} ({error.strerror or error}).")
        began, self._starting = self._starting, ""
        self._keep(queue.without(began))

    def _set_aside(self, trouble: str) -> None:
        """Go on with the next one."""
        failed, self._starting = self._starting, ""
        self._keep(read_queue(self.folder).set_aside(failed, trouble))
        if self._goes:
            self._soon.start()
        self.changed.emit()

    def _show_curve_of(self, run_id: str) -> None:
        """A run that was begun by hand is among those whose curves are drawn."""
        shown = cast(Any, self._document.scene.panel("runs")).shown
        if run_id and shown is not None and run_id not in shown:
            self._document.amend("panels.runs.shown", (*shown, run_id))

    def _keep(self, queue: RunQueue) -> None:
        try:
            write_queue(self.folder, queue)
        except OSError as error:
            self._failures.tell(f"The queue of runs cannot be written in {self.folder} ({error.strerror or error}).")
        self._take(queue)

    def _take(self, queue: RunQueue) -> None:
        if queue.waiting != self.runs:
            self.runs = queue.waiting
            self.changed.emit()
