"""A choice that takes the room there is: a row of buttons, or a list where the row does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.ui.controls import ComboBox, Segmented
from cnnviz.ui.theme import theme


class FittingChoice(QWidget):
    """A :class:`Segmented`, and where that is wider than its place a :class:`ComboBox` of the same options.

    Parameters
    ----------
    options
        Keys and their words.
    tips
        What each option means; the list says them of its entries.
    name
        Of the list, for those who do not see it.
    """

    chosen = pyqtSignal(str)
    """Key of the option that the person chose; not emitted by `set_value`."""

    def __init__(
        self, options: Sequence[tuple[str, str]], *, tips: Sequence[str], name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._row = Segmented(options, tips=tips, parent=self)
        self._list = ComboBox(options, self)
        self._list.setAccessibleName(name)
        for index, tip in enumerate(tips):
            self._list.setItemData(index, tip, Qt.ItemDataRole.ToolTipRole)
        for control in (self._row, self._list):
            control.chosen.connect(self._choose)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._restyle)
        self._fit()

    def value(self) -> str:
        """Key of the chosen option."""
        return self._row.value()

    def set_value(self, key: str) -> None:
        """Show ``key`` as chosen, without `chosen`."""
        self._row.set_value(key)
        self._list.set_value(key)
        index = self._list.currentIndex()
        self._list.setToolTip(str(self._list.itemData(index, Qt.ItemDataRole.ToolTipRole)))

    @property
    def is_row(self) -> bool:
        """Whether there is room for the buttons."""
        return self.width() >= self._row.sizeHint().width()

    def sizeHint(self) -> QSize:
        return self._row.sizeHint().expandedTo(QSize(0, self._list.sizeHint().height()))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self._list.sizeHint().width(), self._row.sizeHint().width()), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _choose(self, key: str) -> None:
        self.set_value(key)
        self.chosen.emit(key)

    def _restyle(self) -> None:
        self.updateGeometry()
        self._fit()

    def _fit(self) -> None:
        fits, height = self.is_row, self.sizeHint().height()
        self._row.setVisible(fits)
        self._list.setVisible(not fits)
        self._row.setGeometry(0, 0, self._row.sizeHint().width(), height)
        self._list.setGeometry(0, 0, min(self._list.sizeHint().width(), self.width()), height)
