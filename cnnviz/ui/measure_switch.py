"""A small button that stops a measurement which takes long, and lets it go on from where it was."""

from __future__ import annotations

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QPushButton, QWidget

from cnnviz.scene.document import Document
from cnnviz.ui.numbers import format_percent

PATIENCE_MS = 1000
"""What is measured sooner needs no button to stop it, which would only flicker at each stroke."""


class MeasureSwitch(QPushButton):
    """Stops, and lets go on; there while a measurement takes long, and where it was stopped.

    Parameters
    ----------
    document
        In which the switch stands.
    path
        Its place there: a truth value, whether curves are measured.
    what
        Is measured, in the plural.
    """

    def __init__(self, document: Document, path: str, what: str = "curves", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what, self._on, self._measuring = what, True, False
        self._name()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        kept = self.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # else the panel would be laid out anew as the button comes and goes
        self.setSizePolicy(kept)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self.show)
        self.clicked.connect(lambda: self._turn(document, path))
        self.hide()

    def show_share(self, done: float, *, on: bool) -> None:
        """Say that the share ``done`` is measured, and whether more is wanted."""
        if on != self._on:
            self._on = on
            self._name()
        measuring = on and done < 1
        if measuring and not self._measuring:
            self._patience.start()
        elif not measuring:
            self._patience.stop()
        if not measuring or not self._measuring:
            self.setVisible(not on)
        self._measuring = measuring

    def _turn(self, document: Document, path: str) -> None:
        """Take the click at once: of a slow network the next result comes after seconds."""
        self._on = not self._on
        self._name()
        document.edit(path, self._on)

    def _name(self) -> None:
        self.setText("Stop" if self._on else "Go on")
        tip = f"{self.text()} measuring the {self._what}"
        self.setToolTip(tip)
        self.setAccessibleName(tip)


def measuring_words(done: float, *, on: bool) -> str:
    """How far curves have come of which the share ``done``, below 1, is measured."""
    if on:
        return f"Coarse: {format_percent(done, 0)} measured, refining." if done else "Being measured."
    return f"Stopped: coarse, {format_percent(done, 0)} measured." if done else "Stopped: not measured."
