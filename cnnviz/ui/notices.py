"""Notices at the window's bottom right: plain words, never in the way, the traceback one click away."""

from __future__ import annotations

from typing import Literal

from PyQt6.QtCore import QEvent, QObject, QRect, QRectF, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QFontDatabase, QFontMetrics, QGuiApplication, QPainter, QPaintEvent
from PyQt6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.engine.failures import Failure
from cnnviz.ui.controls import IconButton, text_button
from cnnviz.ui.icons import paint_icon
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

Severity = Literal["info", "success", "warning", "error"]
_TOKENS = {"info": "accent", "success": "ok", "warning": "warning", "error": "error"}


class NoticeStack(QObject):
    """The notices of a window, newest at the bottom.

    The same words again are counted, not stacked. Information goes by itself after eight seconds, unless the pointer
    rests on it; warnings and errors stay until they are closed. No notice ever takes the focus.
    """

    MOST_SHOWN = 3
    INFO_MS = 8000

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._notices: list[Notice] = []
        self._more = QLabel(window)
        self._more.setProperty("role", "pill")
        self._more.hide()
        window.installEventFilter(self)
        theme().changed.connect(self.arrange)

    def show_message(self, text: str, severity: Severity = "info", details: str = "") -> Notice:
        """Say a sentence; ``details``, such as a traceback, are shown on request."""
        for notice in self._notices:
            if (notice.text, notice.severity) == (text, severity):
                notice.count_again(details)
                self.arrange()
                return notice
        notice = Notice(text, severity, details, self._window)
        notice.closed.connect(self._remove)
        self._notices.append(notice)
        if severity in ("info", "success"):
            notice.go_after(self.INFO_MS)
        self.arrange()
        return notice

    def show_failure(self, failure: Failure) -> Notice:
        """Say what failed, with its traceback under Details."""
        return self.show_message(failure.message, failure.severity, failure.details)

    def texts(self) -> list[str]:
        """What is said at present, oldest first, also what there is no room to show."""
        return [notice.text for notice in self._notices]

    def clear(self) -> None:
        """Close all."""
        for notice in list(self._notices):
            notice.dismiss()

    def arrange(self) -> None:
        """Put the notices where they belong."""
        hub = theme()
        margin, gap = hub.px(12), hub.px(8)
        width = min(hub.px(400), max(self._window.width() - 2 * margin, 1))
        bottom = self._window.height() - margin
        left = self._window.width() - width - margin
        hidden = self._notices[: -self.MOST_SHOWN]
        for notice in hidden:
            notice.hide()
        for notice in reversed(self._notices[-self.MOST_SHOWN :]):
            height = notice.height_for(width)
            bottom -= height
            notice.setGeometry(left, bottom, width, height)
            notice.show()
            notice.raise_()
            bottom -= gap
        self._more.setVisible(bool(hidden))
        if hidden:
            self._more.setText(f"{len(hidden)} more")
            size = self._more.sizeHint()
            self._more.setGeometry(left + width - size.width(), bottom - size.height(), size.width(), size.height())
            self._more.raise_()

    def _remove(self, notice: Notice) -> None:
        if notice in self._notices:
            self._notices.remove(notice)
            notice.hide()
            notice.deleteLater()
            self.arrange()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Resize:
            self.arrange()
        return False


class Notice(QWidget):
    """One notice: severity, sentence, how often, and buttons to see the details and to close it."""

    closed = pyqtSignal(object)

    def __init__(self, text: str, severity: Severity, details: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.text, self.severity, self.details, self.count = text, severity, details, 1
        self._words = QLabel(text, self)
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        grows = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        grows.setHeightForWidth(True)
        self._words.setSizePolicy(grows)
        self._times = QLabel(self)
        self._times.setProperty("role", "muted")
        self._times.hide()
        self._details = text_button("Details", "What the program knows about it, to read or to copy")
        self._details.clicked.connect(self.show_details)
        self._details.setVisible(bool(details))
        self._close = IconButton("close", "Close this notice", quiet=True)
        self._close.clicked.connect(self.dismiss)
        for button in (self._details, self._close):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        hub = theme()
        row = QHBoxLayout(self)
        row.setContentsMargins(hub.px(42), hub.px(10), hub.px(10), hub.px(10))
        row.setSpacing(hub.px(8))
        row.addWidget(self._words, 1)
        row.addWidget(self._times)
        row.addWidget(self._details)
        row.addWidget(self._close)
        self.setAccessibleName(f"{severity}: {text}")

    def count_again(self, details: str) -> None:
        """The same happened once more."""
        self.count += 1
        self.details = details or self.details
        self._times.setText(f"×{self.count}")
        self._times.show()
        if self._timer.isActive():
            self._timer.start()

    def go_after(self, milliseconds: int) -> None:
        """Close by itself."""
        self._timer.start(milliseconds)

    def dismiss(self) -> None:
        """Close."""
        self._timer.stop()
        self.closed.emit(self)

    def show_details(self) -> None:
        """Open the details in a window of their own."""
        DetailsDialog(self.text, self.details, self.window()).show()

    def height_for(self, width: int) -> int:
        """Height at which all words are seen."""
        hub = theme()
        others = [self._times, self._details, self._close]
        beside = sum(other.sizeHint().width() + hub.px(8) for other in others if other.isVisibleTo(self))
        room = QRect(0, 0, max(width - beside - hub.px(42) - hub.px(14), 1), 10_000)
        words = QFontMetrics(hub.font("body")).boundingRect(room, int(Qt.TextFlag.TextWordWrap), self.text)
        return max(hub.px(46), words.height() + 2 * hub.px(10) + 2)

    def enterEvent(self, event: QEvent) -> None:
        if self._timer.isActive():
            self._timer.setInterval(max(self._timer.remainingTime(), 2000))
            self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        if self.severity in ("info", "success"):
            self._timer.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = hub.colour(_TOKENS[self.severity])
        painter.setPen(hub.colour("faint"))
        painter.setBrush(hub.colour("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), hub.px(8), hub.px(8))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        edge = QRectF(hub.px(6), hub.px(8), hub.px(3), self.height() - 2 * hub.px(8))
        painter.drawRoundedRect(edge, 1.5, 1.5)
        side = hub.px(20)
        top = (self.height() - side) / 2
        paint_icon(painter, QRectF(hub.px(16), top, side, side), self.severity, colour)


class DetailsDialog(QDialog):
    """A read-only text that can be selected and copied."""

    def __init__(self, title: str, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Details")
        hub = theme()
        heading = sentences(text=title)
        text = QPlainTextEdit(details)
        text.setReadOnly(True)
        text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(hub.px(12))
        text.setFont(font)
        copy = text_button("Copy", "Copy all of it", role="copy")
        copy.clicked.connect(lambda: _to_clipboard(f"{title}\n\n{details}"))
        close = text_button("Close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(copy)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        pad = hub.px(12)
        column.setContentsMargins(pad, pad, pad, pad)
        column.setSpacing(hub.px(8))
        column.addWidget(heading)
        column.addWidget(text, 1)
        column.addLayout(buttons)
        self.resize(hub.px(760), hub.px(420))


def _to_clipboard(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
