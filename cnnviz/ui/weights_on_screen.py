"""Weights on their way from the process that trains to the screen, which sends newer ones once these were seen."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, QTimer

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.engine.delivery import Delivery
from cnnviz.engine.training_weights import offer
from cnnviz.training.client_events import Weights

PAINTED_BY_MS = 1000
"""Weights that no frame has shown by then are taken as seen: the window may be hidden, or another network shown."""


class WeightsOnScreen(QObject):
    """Lays weights ready for the engine, and tells ``seen`` once when a frame has shown them or none is to come."""

    def __init__(self, seen: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._seen = seen
        self._offer: int | None = None
        self._comes_next = False
        self._unseen = QTimer(self)
        self._unseen.setSingleShot(True)
        self._unseen.setInterval(PAINTED_BY_MS)
        self._unseen.timeout.connect(self.acknowledge)

    def offer(self, source: str, card: NetworkCard, weights: Weights) -> None:
        """Lay them ready as those of the network ``source``."""
        self._offer = offer(source, card, weights.step, weights.data)
        self._unseen.start()

    def take(self, delivery: Delivery, source: str | None) -> None:
        """Results were handed to the views: the weights laid ready for ``source`` come with the next frame."""
        network = delivery.network
        if delivery.complete and network is not None and network.source == source:
            self._comes_next = self._comes_next or (self._offer is not None and network.base.offer >= self._offer)

    def painted(self) -> None:
        """A frame was painted."""
        if self._comes_next:
            self.acknowledge()

    def acknowledge(self) -> None:
        """Take the weights as seen."""
        self.forget()
        self._seen()

    def forget(self) -> None:
        """Expect no weights to be seen: who sent them is gone."""
        self._unseen.stop()
        self._offer, self._comes_next = None, False
