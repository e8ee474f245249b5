"""The text of one cell of numbers while it is typed."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QHideEvent, QKeyEvent
from PyQt6.QtWidgets import QLineEdit, QToolTip, QWidget


class CellField(QLineEdit):
    """Laid over a cell: Enter takes the number, Tab goes on to the next cell, Escape leaves the cell as it was."""

    taken = pyqtSignal(str, int)
    """The text, and how many cells to go on: 1 with Tab, −1 back, 0 with Enter."""
    left = pyqtSignal(str)
    """The focus went elsewhere."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMaxLength(24)
        self.textEdited.connect(lambda _: self._mark(""))
        self.hide()

    def refuse(self) -> None:
        """Say at once that this is no number; it stays open."""
        self._mark("Type a number, such as −1.5; Escape leaves the cell as it was")
        self.selectAll()
        QToolTip.showText(self.mapToGlobal(self.rect().bottomLeft()), self.toolTip(), self)

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self._mark("")

    def _mark(self, problem: str) -> None:
        self.setToolTip(problem)
        if bool(problem) != bool(self.property("wrong")):
            self.setProperty("wrong", bool(problem))
            style = self.style()
            if style is not None:
                style.unpolish(self)
                style.polish(self)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1, Qt.Key.Key_Return: 0, Qt.Key.Key_Enter: 0}
            if event.key() in step:
                self.taken.emit(self.text(), step[Qt.Key(event.key())])
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.setText("")
                self.parentWidget().setFocus()
                return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        if self.isVisible() and event is not None and event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit(self.text())
