"""Training in the window: commands go to the process that trains, and its news and weights come to the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cnnviz.engine.delivery import Delivery
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.training_weights import source_of, withdraw
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.training import run_folder
from cnnviz.training.client import TrainingClient
from cnnviz.training.client_events import (
    Answers,
    ClientEvent,
    ClientWord,
    Failed,
    Fetching,
    Lost,
    Metrics,
    RunBegun,
    RunPhase,
    RunState,
    SettingsChanged,
    Silent,
    Weights,
)
from cnnviz.training.metrics import Divergence, EpochMetrics, Notice, Saved, StepMetrics
from cnnviz.training.run_curve import RunCurve
from cnnviz.training.settings import TrainingSettings
from cnnviz.ui.data_watch import DataWatch
from cnnviz.ui.run_settings import RunSettings
from cnnviz.ui.run_shelf import RunShelf
from cnnviz.ui.training_queue import TrainingQueue
from cnnviz.ui.weights_on_screen import WeightsOnScreen

HAND_RESTS_MS = 300
"""After so long without a stroke the hand is taken to rest."""
_SILENT = (
    "The training process does not answer: wait for it, or press Stop, which ends it; the run can then go on from its "
    "last checkpoint."
)


class TrainingSession(QObject):
    """Owns the client. All of it is used on the UI thread; what the process says hops there.

    Parameters
    ----------
    refresh
        Asks the engine for the present scene: newer weights lie ready.
    kept_in
        The folder in which each run gets one of its own.
    """

    changed = pyqtSignal()
    """Something of the state below is another."""

    _heard = pyqtSignal(object, object)

    def __init__(
        self,
        document: Document,
        failures: FailuresHub,
        refresh: Callable[[], None],
        kept_in: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._failures = failures
        self._refresh = refresh
        self._kept_in = kept_in
        self._client: TrainingClient | None = None
        self._closing: threading.Thread | None = None
        self._closed = False
        self._says_busy = False
        self._shows_next = False
        self._stood = RunState("idle")  # how far the run came, which the process forgets when it lets it go
        self.curve = RunCurve()
        self.state = RunState("idle")
        self.run: RunBegun | None = None
        """The run that goes on, or went on last."""
        self.fetching: Fetching | None = None
        self.trouble = ""
        """Why the last thing asked for could not be done."""
        self._stops = False
        self._awaits = False  # what the process says of the run before the one that was asked for is over
        self.unsaved = ""
        """Why the run cannot be saved at present; empty where it can."""
        self.silent = ""
        """That the process does not answer, and what to do; empty while it does."""
        self.pending: tuple[run_folder.PendingRun, ...] = ()
        """Runs that were killed, the newest first."""
        self._heard.connect(self._hear)
        self._hand = QTimer(self)
        self._hand.setSingleShot(True)
        self._hand.setInterval(HAND_RESTS_MS)
        self._hand.timeout.connect(lambda: self._say_busy(False))
        self._weights = WeightsOnScreen(self._acknowledge, self)
        self._settings = RunSettings(self, document, lambda changes: self._connected().change(changes))
        document.changed.connect(self._on_changed)
        self._data = DataWatch(failures, self)
        self._data.changed.connect(self.changed)
        self.queue = TrainingQueue(self, document, failures, kept_in)
        """Runs that are trained in turn."""
        self.shelf = RunShelf(self, failures)
        """Names and deletes runs."""

    # what can be asked of it

    @property
    def phase(self) -> RunPhase:
        return self.state.phase

    @property
    def goes_on(self) -> bool:
        """Whether there is a run whose network, data and seed cannot be changed."""
        return self.phase in ("preparing", "training", "testing", "paused")

    @property
    def cancelling(self) -> bool:
        """Whether the run that is still being prepared was told not to begin."""
        return self._stops and self.phase == "preparing"

    @property
    def data_gone(self) -> str:
        """What it means for the run that its images were taken away; empty while they are there."""
        return self._data.gone

    @property
    def source(self) -> str | None:
        """How the scene names the network of the run; None before there is one."""
        return source_of(self.run.folder) if self.run is not None and self.run.folder else None

    @property
    def is_shown(self) -> bool:
        """Whether the document shows the network of the run."""
        return self.source is not None and self._document.scene.network.source == self.source

    @property
    def process_id(self) -> int | None:
        """Of the process that trains; None where there is none."""
        return self._client.process_id if self._client is not None else None

    def warm_up(self) -> None:
        """Start the process ahead of the first run, and look for runs that were killed."""
        if self._closed:
            return
        self._connected().warm_up()
        self.look_for_pending()
        self.queue.load()

    def look_for_pending(self) -> None:
        """See which runs were killed and can go on."""
        here = self.run.folder if self.run is not None and self.goes_on else ""
        self.pending = tuple(run for run in run_folder.pending_runs(self._kept_in) if str(run.folder) != here)
        self.changed.emit()

    def start(self, *, paused: bool = False, folder: Path | None = None) -> None:
        """Begin a run with the settings of the document, in ``folder`` or a new one."""
        settings = self.settings
        folder = folder or run_folder.new_run_folder(
            self._kept_in or run_folder.runs_folder(), settings.dataset, settings.network.name
        )
        self._begin()
        self._connected().start(settings, folder, paused=paused)

    def go_on_with(self, folder: Path) -> None:
        """Go on with the run in ``folder`` from its last checkpoint."""
        self._begin()
        self._connected().resume_run(folder)

    def dismiss(self, folder: Path) -> None:
        """Offer the run in ``folder`` no more."""
        try:
            run_folder.dismiss(folder)
        except OSError as error:
            self._failures.tell(f"{folder} cannot be written ({error.strerror}); the run will be offered again.")
        self.look_for_pending()

    def forget(self, folder: Path) -> None:
        """Offer the run in ``folder`` no more: it is gone."""
        if self.run is not None and self.run.folder == str(folder) and not self.goes_on:
            self.run = None
            self.curve = RunCurve()
            self.state = self._stood = RunState("idle")
        self.look_for_pending()

    def pause(self) -> None:
        self._connected().pause()

    def resume(self) -> None:
        self._connected().resume()

    @property
    def can_carry_on(self) -> bool:
        """Whether the run that is over can go on: after a divergence, or to more epochs than it has had."""
        return self._settings.can_carry_on

    def carry_on(self) -> None:
        """Go on with the run that is over, with the settings of the document."""
        self._settings.send(even_none=True)

    def step(self) -> None:
        """Make one step, then rest."""
        self._connected().step()

    def stop(self) -> None:
        """Save the run and let it go; one that is being prepared does not begin, and a process that is silent ends."""
        if self.silent:
            self._connected().end_now()
            return
        self._stops = True
        self._connected().stop()
        self.changed.emit()

    def show(self) -> None:
        """Let every panel show the network of the run."""
        if self.run is None or self.source is None:
            return
        with self._document.gesture():
            card = self.run.card
            actions.use_network(self._document, self.source, card.input_size[0], dataset=card.dataset)
            self._document.edit("panels.epochs.folder", self.run.folder)

    @property
    def settings(self) -> TrainingSettings:
        """Those of the document."""
        return self._settings.wanted

    def close(self) -> None:
        """Save the run and end its process, beside what else is closed; `has_closed` says when that is done."""
        if self._closed:
            return
        self._closed = True
        self._hand.stop()
        self._weights.forget()
        self._settings.close()
        self._document.changed.disconnect(self._on_changed)
        self._data.close()
        self.queue.close()
        if self.source is not None:
            withdraw(self.source)
        if self._client is not None:
            self._closing = threading.Thread(target=self._client.close, name="ends training")
            self._closing.start()

    def has_closed(self, wait: float) -> bool:
        """Whether the run is saved and its process gone, after waiting for that for at most ``wait`` seconds."""
        if self._closing is None:
            return True
        self._closing.join(wait)
        return not self._closing.is_alive()

    # frames

    def take(self, delivery: Delivery) -> None:
        """Results were handed to the views: these weights come with the next frame."""
        self._weights.take(delivery, self.source)

    def painted(self) -> None:
        """A frame was painted."""
        self._weights.painted()

    def _acknowledge(self) -> None:
        if self._client is not None and not self._closed:
            self._client.acknowledge()

    # what the process says

    def _tell(self, event: ClientEvent) -> None:
        """On the client's thread."""
        if self._closed:
            self._take_last_word(event)
            return
        curve: tuple[Any, ...] = ()
        if isinstance(event, RunBegun) and event.folder:
            curve = run_folder.read_curve(Path(event.folder))
        self._heard.emit(event, curve)

    def _take_last_word(self, event: ClientEvent) -> None:
        """Of a run that is saved as the program closes."""
        if isinstance(event, Saved):
            self.unsaved = ""
        elif (isinstance(event, Notice) and event.unsaved) or isinstance(event, Failed):
            self.unsaved = "\n\n".join(dict.fromkeys([*filter(None, self.unsaved.split("\n\n")), event.message]))

    def _hear(self, event: ClientEvent, curve: tuple[StepMetrics | EpochMetrics | Divergence, ...]) -> None:
        if self._closed:
            return
        if isinstance(event, RunBegun):
            self._take_run(event, curve)
        elif isinstance(event, Weights):
            self._take_weights(event)
            return
        else:
            self._take_word(event)
        self._data.watch(self.run.settings if self.run is not None and self.goes_on else None)
        self.changed.emit()

    def _take_run(self, run: RunBegun, curve: tuple[StepMetrics | EpochMetrics | Divergence, ...]) -> None:
        self.run = run
        self._awaits = False
        self._shows_next = True
        self.fetching = None
        self.curve = RunCurve()
        for event in curve:
            self.curve.add(event)
        self._settings.begin(run)
        self.pending = tuple(each for each in self.pending if str(each.folder) != run.folder)

    def _take_word(self, event: ClientWord) -> None:
        if isinstance(event, RunState):
            self._awaits = self._awaits and event.phase != "preparing"
            if self._awaits:
                return
            self._stood = event if event.total_steps else self._stood
            self.state = event if event.phase != "idle" else self._stood.at_rest()
        elif isinstance(event, Metrics):
            for figure in event.events:
                self.curve.add(figure)
        elif isinstance(event, SettingsChanged):
            self._settings.agree(event.settings)
        elif isinstance(event, Fetching):
            self.fetching = event
        elif isinstance(event, Saved):
            self.unsaved = ""
        elif isinstance(event, Notice):
            self.unsaved = event.message if event.unsaved else self.unsaved
            stays = event.unsaved or bool(event.details)
            self._failures.tell(event.message, "warning" if stays else "info", event.details)
        elif isinstance(event, Failed):
            self._fail(event)
            self._awaits = False
            if self.phase == "preparing":
                self.state = self._stood.at_rest()
            else:
                self._settings.take_back()
        elif isinstance(event, Silent):
            self.silent = _SILENT
            self._failures.tell(_SILENT)
        elif isinstance(event, Answers):
            self.silent = ""
        elif isinstance(event, Lost):
            self.silent = ""
            self._fail(event)
            self._awaits = False
            self.state = self._stood.at_rest()
            self._weights.forget()
            self.look_for_pending()

    def _fail(self, event: Failed | Lost) -> None:
        self.fetching = None
        self.trouble = event.message
        self._failures.tell(event.message, "warning", event.details)

    def _take_weights(self, weights: Weights) -> None:
        if self.run is None or self.source is None:
            self._weights.acknowledge()
            return
        is_first, self._shows_next = self._shows_next, False
        self._weights.offer(self.source, self.run.card, weights)
        if is_first and not self.is_shown:
            self.show()
        elif self.is_shown:
            self._refresh()
        else:
            self._weights.acknowledge()

    # the document

    def _on_changed(self, old: Scene, new: Scene) -> None:
        if old.input is not new.input and self.goes_on:
            self._hand.start()
            self._say_busy(True)
        self._settings.follow()

    def _say_busy(self, busy: bool) -> None:
        if busy != self._says_busy and self._client is not None:
            self._says_busy = busy
            self._client.busy(busy)

    def _begin(self) -> None:
        self.trouble, self.unsaved, self.fetching = "", "", None
        self.state = RunState("preparing")
        self._awaits, self._stops = True, False
        self.changed.emit()

    def _connected(self) -> TrainingClient:
        if self._client is None:
            self._client = TrainingClient(self._tell)
        return self._client
