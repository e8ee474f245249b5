"""Joins document, engine and panel views: scenes go down, results come up, and what is out of date says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from PyQt6.QtCore import QDeadlineTimer, QEventLoop, QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QApplication

from cnnviz.engine.delivery import Delivery
from cnnviz.engine.engine import Engine
from cnnviz.engine.failures import FailuresHub, plain_words
from cnnviz.engine.observation import LoadedNetwork
from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from cnnviz.data.pipeline import InputPipeline

# work faster than this never shows a "computing" sign, which would only flicker
PATIENCE_MS = 200


class View(Protocol):
    def show_result(self, result: Any) -> None: ...
    def show_error(self, message: str) -> None: ...
    def show_busy(self, text: str = ...) -> None: ...
    def show_unchanged(self) -> None: ...


class Stage(QObject):
    """The one place where results reach the panels, all of a scene version before the next repaint."""

    delivered = pyqtSignal(object)
    _arrived = pyqtSignal(object)

    def __init__(
        self,
        document: Document,
        specs: tuple[PanelSpec, ...],
        pipeline: InputPipeline,
        failures: FailuresHub,
        *,
        synchronous: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self.pipeline = pipeline
        self._views: dict[str, View] = {}
        self._visible: frozenset[str] = frozenset()
        self._started = False
        self._closed = False
        self._shown_version = -1
        self._network: LoadedNetwork | None = None
        self._posted = 0  # written by the engine's thread alone
        self._handled = 0  # written by the UI's thread alone
        self._arrived.connect(self._run)
        self._synchronous = synchronous
        self._failures = failures
        self._titles = {spec.id: spec.title for spec in specs}
        self._engine = Engine(specs, pipeline, self._post, self._show, failures, synchronous=synchronous)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._say_busy)
        document.changed.connect(self._on_changed)

    @property
    def network(self) -> LoadedNetwork | None:
        """The network that the views show."""
        return self._network

    @property
    def shown_version(self) -> int:
        """The scene version that the views show."""
        return self._shown_version

    def add_view(self, panel_id: str, view: View) -> None:
        self._views[panel_id] = view

    def start(self) -> None:
        """Begin to compute; called once the window has been painted, since the engine imports torch."""
        self._started = True
        self.refresh()

    def set_visible(self, panel_ids: Iterable[str]) -> None:
        """Panels that a person can see; the others compute nothing."""
        visible = frozenset(panel_ids)
        if visible != self._visible:
            self._visible = visible
            self.refresh()

    def refresh(self) -> None:
        """Ask the engine for the present scene."""
        if not self._started or self._closed:
            return
        if not self._synchronous and not self._patience.isActive():
            self._patience.start()
        self._engine.request(self._document.scene, self._document.version, self._visible)

    def wait_until_idle(self, timeout: float = 30.0) -> bool:
        """Process events until all is delivered and painted; False when ``timeout`` seconds passed first."""
        deadline = QDeadlineTimer(int(timeout * 1000))
        while not deadline.hasExpired():
            settled = self._engine.wait_until_idle(0.005) and self._posted == self._handled
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            if settled and self._engine.idle and self._posted == self._handled:
                # one more round: what the last delivery made dirty is painted
                QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
                return True
        return False

    def close(self) -> bool:
        """Stop; False when a forward pass is still running after two seconds."""
        if not self._closed:
            self._document.changed.disconnect(self._on_changed)
            self._patience.stop()
            self._closed = True
        return self._engine.close()

    def _on_changed(self, old: Scene, new: Scene) -> None:
        self.refresh()

    def _post(self, call: Callable[[], None]) -> None:
        """Called on the engine's thread: the signal is queued to the UI's."""
        if self._synchronous:
            call()
            return
        self._posted += 1
        self._arrived.emit(call)

    def _run(self, call: Callable[[], None]) -> None:
        try:
            if not self._closed:  # what was posted before may arrive when the views are gone
                call()
        finally:
            self._handled += 1

    def _show(self, delivery: Delivery) -> None:
        self._network = delivery.network or self._network
        for panel_id, result in delivery.results.items():
            if panel_id in self._views:
                self._show_result(panel_id, result)
        for panel_id, message in delivery.errors.items():
            if panel_id in self._views:
                self._views[panel_id].show_error(message)
        if delivery.complete:
            self._shown_version = delivery.version
            self._be_patient_anew(delivery)
        self.delivered.emit(delivery)

    def _show_result(self, panel_id: str, result: Any) -> None:
        """A view that fails says so in its panel, and keeps no other from its result."""
        view = self._views[panel_id]
        try:
            view.show_result(result)
        except Exception as error:  # noqa: BLE001 - anything may go wrong in it
            self._failures.report(error, f"Showing {self._titles[panel_id]}")
            view.show_error(f"This could not be shown: {plain_words(error)}")

    def _be_patient_anew(self, delivery: Delivery) -> None:
        self._patience.stop()
        if delivery.version != self._document.version:
            self._patience.start()
            return
        for panel_id in (self._visible & self._views.keys()) - delivery.results.keys() - delivery.errors.keys():
            self._views[panel_id].show_unchanged()

    def _say_busy(self) -> None:
        words = "computing" if self._network is not None else "loading the network"
        for panel_id in self._visible & self._views.keys():
            self._views[panel_id].show_busy(words)
