"""What the person sets of a run and what the process trains with, kept the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from PyQt6.QtCore import QObject, QTimer

from cnnviz.scene.document import Document
from cnnviz.training.client_events import RunBegun
from cnnviz.training.settings import FIXED_WHILE_RUNNING, TrainingSettings

if TYPE_CHECKING:
    from cnnviz.ui.training_session import TrainingSession

SETTLED_MS = 120
"""A slider that is dragged changes the run this often at most."""
_PATH = "panels.training.settings"


class RunSettings(QObject):
    """Takes changes of the document to the run, and what the run has to the document.

    Parameters
    ----------
    send
        Sends changed settings by their names to the process.
    """

    def __init__(self, session: TrainingSession, document: Document, send: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(session)
        self._session = session
        self._document = document
        self._send = send
        self._agreed: TrainingSettings | None = None  # what the process trains with
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._settled.timeout.connect(self._send_what_is_new)

    @property
    def wanted(self) -> TrainingSettings:
        """Those of the document."""
        return cast(TrainingSettings, cast(Any, self._document.scene.panel("training")).settings)

    @property
    def can_carry_on(self) -> bool:
        """Whether the run that is over can go on: after a divergence, or to more epochs than it has had."""
        run, wanted, phase = self._session.run, self.wanted, self._session.phase
        if run is None or any(getattr(wanted, name) != getattr(run.settings, name) for name in FIXED_WHILE_RUNNING):
            return False
        return phase == "diverged" or (phase == "finished" and wanted.epochs > run.settings.epochs)

    def begin(self, run: RunBegun) -> None:
        """A run has begun: the document says what it has."""
        self._agreed = run.settings
        if run.settings != self.wanted:
            self._document.amend(_PATH, run.settings)

    def agree(self, settings: TrainingSettings) -> None:
        """The process trains with these now."""
        self._agreed = settings

    def follow(self) -> None:
        """Something in the document is another: see to it, in a moment, that the run has it too."""
        if self._session.goes_on and self._session.run is not None and not self._settled.isActive():
            self._settled.start()

    def send(self, *, even_none: bool = False) -> None:
        """Let the run have what the document has another; with ``even_none`` say so where that is nothing."""
        run, wanted = self._session.run, self.wanted
        if run is None:
            return
        fields = [name for name in TrainingSettings.model_fields if name not in FIXED_WHILE_RUNNING]
        changes = {
            name: getattr(wanted, name) for name in fields if getattr(wanted, name) != getattr(run.settings, name)
        }
        if changes or even_none:
            self._session.run = replace(run, settings=run.settings.changed(changes))
            self._send(changes)

    def take_back(self) -> None:
        """The run cannot have what was asked for: the document says again what it has."""
        run, agreed = self._session.run, self._agreed
        if run is not None and agreed is not None and agreed != run.settings:
            self._session.run = replace(run, settings=agreed)
            self._document.amend(_PATH, agreed)

    def close(self) -> None:
        """Change the run no more."""
        self._settled.stop()

    def _send_what_is_new(self) -> None:
        if self._session.goes_on:
            self.send()
