"""What every panel's widget is built on: a place for a result, and words where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent, QTextOption
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.icons import paint_icon
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.ui.figure import Figure
    from cnnviz.ui.training_session import TrainingSession


class PanelView(QWidget):
    """Base of all panels' widgets.

    A panel overrides `show_result`, beginning with ``super().show_result(result)``, `header_controls` if it has
    controls for its title bar, and `figures` if it has any. Showing never edits the document.
    """

    subtitle_changed = pyqtSignal(str)
    """What tensor is shown, with its shape, for the title bar."""
    state_changed = pyqtSignal(str)
    """``fresh``, ``computing``, ``stale``, ``error`` or ``empty``."""

    panel_wanted = pyqtSignal(str)
    """The person asks for another panel, by its id."""
    image_wanted = pyqtSignal(object, str, str)
    """The person asks for an image as the input: uint8 (H, W) or (H, W, 3), what it is called, and its class."""

    def __init__(self, document: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self._subtitle = ""
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._state = "fresh"
        self._message = _Message(self)
        self._has_result = False
        self._before_busy = (self._state, "")

    # For the panel

    def show_result(self, result: Any) -> None:
        """Show what was computed; takes away whatever message stood there."""
        self._has_result = True
        self._message.hide()
        self._set_state("fresh")

    def show_error(self, message: str) -> None:
        """Say in the middle of the panel what went wrong and what to do; the last picture stays, dimmed, behind."""
        self._message.say("warning", "warning", message, dim=self._has_result)
        self._set_state("error")

    def show_busy(self, text: str = "computing") -> None:
        """Say that a result is on its way: in the title bar, and where nothing is seen yet also in the middle.

        Whoever calls this waits a moment first, since a sign for fast work would only flicker.
        """
        if self._state != "computing":
            self._before_busy = (self._state, self.message)
        if not self._has_result:
            self._message.say("busy", "muted", text, dim=False)
        self._set_state("computing")

    def show_unchanged(self) -> None:
        """Take back `show_busy`: what was shown before it still holds, and need not be computed anew."""
        if self._state != "computing":
            return
        state, message = self._before_busy
        if state == "error":
            self.show_error(message)
        elif state == "empty":
            self.show_empty(message)
        else:
            self._message.hide()
            self._set_state(state)

    def show_stale(self) -> None:
        """Say that what is shown no longer belongs to what is set."""
        self._set_state("stale")

    def show_empty(self, message: str) -> None:
        """Say in words why there is nothing to see, and how to change that."""
        self._has_result = False
        self._message.say("empty", "faint", message, dim=False)
        self._set_state("empty")

    def attach(self, session: TrainingSession) -> None:
        """Take the session that trains; called once, after construction. Panels that do not train leave it."""

    def header_controls(self) -> list[QWidget]:
        """Widgets for the right end of the title bar, made once."""
        return []

    def figures(self) -> list[Figure]:
        """What of the panel can be saved as it is shown now; the title bar's menu offers it."""
        return []

    def set_subtitle(self, text: str) -> None:
        """Say in the title bar what is shown."""
        if text != self._subtitle:
            self._subtitle = text
            self.subtitle_changed.emit(text)

    @property
    def subtitle(self) -> str:
        """What the title bar says."""
        return self._subtitle

    @property
    def state(self) -> str:
        """The last of `state_changed`."""
        return self._state

    @property
    def message(self) -> str:
        """The words over the panel; empty when the result is seen."""
        return self._message.text if self._message.isVisibleTo(self) else ""

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

    def paintEvent(self, event: QPaintEvent) -> None:
        # opaque: what changes inside at each frame must not have the dock and the window painted below it
        QPainter(self).fillRect(event.rect(), theme().colour("panel"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._message.setGeometry(self.rect())
        super().resizeEvent(event)


class _Message(QWidget):
    """An icon and a sentence in the middle, over whatever the panel shows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.text = ""
        self._icon, self._token, self._dim = "empty", "faint", False
        theme().changed.connect(self.update)
        self.hide()

    def say(self, icon: str, token: str, text: str, *, dim: bool) -> None:
        self._icon, self._token, self.text, self._dim = icon, token, text, dim
        self.setAccessibleName(text)
        self.setGeometry(self.parentWidget().rect())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        cover = QColor(hub.colour("panel"))
        cover.setAlphaF(0.82 if self._dim else 1.0)
        painter.fillRect(self.rect(), cover)
        side, between = hub.px(28), hub.px(10)
        font = hub.font("body")
        painter.setFont(font)
        width = min(self.width() - hub.px(24), hub.px(360))
        option = QTextOption(Qt.AlignmentFlag.AlignHCenter)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        flags = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignHCenter)
        room = QRectF(0, 0, max(1, width), 10_000)
        height = painter.fontMetrics().boundingRect(room.toRect(), flags, self.text).height()
        if side + between + height > self.height():  # the words come first
            side = between = 0
        top = max(hub.px(4) if side else 0, (self.height() - side - between - height) / 2)
        if side:
            place = QRectF((self.width() - side) / 2, top, side, side)
            paint_icon(painter, place, self._icon, hub.colour(self._token))
        painter.setPen(hub.colour("text" if self._token == "warning" else "muted"))
        box = QRectF((self.width() - width) / 2, top + side + between, width, self.height() - top - side - between)
        painter.drawText(box, self.text, option)
