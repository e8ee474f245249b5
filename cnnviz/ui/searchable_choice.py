"""A list to choose from in which one can search by typing: for lists longer than a screen, such as 1,000 classes.

It stands apart from the other controls because it loads superqt, which the window's start does not wait for.
"""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QFocusEvent
from PyQt6.QtWidgets import QWidget
from superqt.combobox import QSearchableComboBox

from cnnviz.ui.controls import ComboBox, Option


class SearchableComboBox(ComboBox, QSearchableComboBox):
    """A `ComboBox` whose field takes a part of an option's text, wherever in it, and lists what has that part.

    Return takes the first of these; a text that none has is put back when the field is left.
    """

    def __init__(self, options: Sequence[Option] = (), parent: QWidget | None = None) -> None:
        super().__init__(options, parent)
        field = self.lineEdit()
        assert field is not None
        field.setPlaceholderText("type to search")
        field.editingFinished.connect(self._settle)
        self.completer_object.setParent(self)  # else its list outlives this
        popup = self.completer_object.popup()
        assert popup is not None
        popup.setProperty("role", "choices")

    def set_value(self, key: str) -> None:
        """As of a `ComboBox`; what is being typed stays while the value is the same, such as at each live result."""
        if key != self.value():
            super().set_value(key)

    def matches(self) -> list[str]:
        """The options that have what is typed, in their order."""
        completer = self.completer_object
        completer.setCompletionPrefix(self.currentText())
        found = completer.completionModel()
        return [found.data(found.index(row, 0)) for row in range(found.rowCount())]

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """What is typed first takes the place of the option that stands there."""
        super().focusInEvent(event)
        field = self.lineEdit()
        if field is not None:
            QTimer.singleShot(0, field.selectAll)  # after the click that brought the focus, which selects nothing

    def _settle(self) -> None:
        """Take what was found by a part of its text; one typed whole Qt has taken before this."""
        typed = self.currentText()
        if typed and self.findText(typed, Qt.MatchFlag.MatchFixedString) < 0 and (found := self.matches()):
            index = self.findText(found[0], Qt.MatchFlag.MatchExactly)
            self.setCurrentIndex(index)
            self.activated.emit(index)
        self.setEditText(self.itemText(self.currentIndex()))
