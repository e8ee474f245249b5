"""A few named numbers, one below the other, painted in one widget."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QEvent, QRectF, QSize, Qt
from PyQt6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QToolTip, QWidget

from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import theme


class NumberList(QWidget):
    """Names at the left, numbers at the right; a name whose number is None is left out.

    Parameters
    ----------
    tips : mapping of str to str
        The names in their order, and what each one means, for the tool tip.
    """

    def __init__(self, tips: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tips = dict(tips)
        self._numbers: dict[str, str] = {}
        self._texts = ShapedTexts()
        theme().changed.connect(self._restyle)

    def set_numbers(self, numbers: Mapping[str, str | None]) -> None:
        """Show numbers by their names; those without a meaning in ``tips`` are left out, too."""
        before = self._numbers
        self._numbers = {name: number for name in self._tips if (number := numbers.get(name)) is not None}
        if self._numbers.keys() != before.keys():
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(150), max(1, len(self._numbers)) * self._row_height() + theme().px(4))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        hub = theme()
        height = self._row_height()
        self._texts.use(painter, hub.font("small"))
        for index, (name, number) in enumerate(self._numbers.items()):
            row = QRectF(0, index * height, self.width(), height)
            painter.setPen(hub.colour("muted"))
            self._texts.draw(painter, row, name, Qt.AlignmentFlag.AlignLeft)
            painter.setPen(hub.colour("text"))
            self._texts.draw(painter, row, number, Qt.AlignmentFlag.AlignRight)
        painter.end()

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent):
            index = int(event.pos().y() // self._row_height())
            names = list(self._numbers)
            QToolTip.showText(event.globalPos(), self._tips[names[index]] if 0 <= index < len(names) else "", self)
            return True
        return super().event(event)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def _row_height(self) -> int:
        return theme().px(19)
