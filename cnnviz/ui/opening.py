"""A file that is being opened: what the status line says of it, and taking it back."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from cnnviz.engine.delivery import Delivery
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.ui.status_bar import StatusBar


class Opening(QObject):
    """Names the file in the scene at once; the engine opens it, and until then what was shown stays."""

    begun_to_show = pyqtSignal()
    """The first of the file is on the screen, or why there is nothing to be seen of it."""

    def __init__(self, document: Document, status: StatusBar, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._status = status
        self._source: str | None = None
        self._is_shown = False
        self._before: NetworkChoice = document.scene.network
        status.cancelled.connect(self.cancel)
        document.changed.connect(self._on_changed)

    def begin(self, source: str, path: Path) -> None:
        """Ask for the file, whatever it may be."""
        self._source = source
        self._is_shown = False
        self._before = self._document.scene.network
        with self._document.gesture():
            actions.use_network(self._document, source)
            self._document.edit_many(
                {"panels.checkpoint.path": None, "panels.guess.draft": None, "panels.guess.trying": False}
            )
        self._status.set_opening(f"opening {path.name} …")

    def take(self, delivery: Delivery) -> None:
        """See how far it is."""
        if self._source is None:
            return
        if not delivery.complete:
            self._say_shown()
            name = Path(self._source.partition(":")[2]).name
            self._status.set_opening(f"first layer of {name} shown, putting the network together …")
            return
        if delivery.network_error is not None:
            # a file that cannot be shown is still told what it is
            self._document.amend("panels.checkpoint.path", self._source.partition(":")[2])
        elif delivery.network is not None:
            if delivery.network.source != self._source:
                return  # of the scene before
            card = delivery.network.card
            self._suit_input(card.input_size[0], card.dataset)
        self._say_shown()
        self._end()

    def _say_shown(self) -> None:
        """Once what was delivered has been painted: laying out further panels would put it off."""
        if not self._is_shown:
            self._is_shown = True
            QTimer.singleShot(0, self.begun_to_show.emit)

    def cancel(self) -> None:
        """Go back to the network before; what the file's opening still does is nobody's."""
        if self._source is None:
            return
        self._end()
        self._document.amend("network", self._before)

    def _suit_input(self, channels: int, dataset: str) -> None:
        """A photo for who sees colour, a digit for who does not, where the person has drawn nothing yet."""
        suited = Document(self._document.scene)
        actions.use_network(suited, str(self._source), channels, dataset=dataset)
        if suited.scene.input is not self._document.scene.input:
            self._document.amend("input", suited.scene.input)
            self._document.amend("example", suited.scene.example)

    def _on_changed(self, old: Scene, new: Scene) -> None:
        if self._source is not None and new.network.source != self._source:
            self._end()

    def _end(self) -> None:
        self._source = None
        self._status.set_opening("")
