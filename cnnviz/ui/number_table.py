"""A few named numbers of several things side by side, painted in one widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import QEvent, QRectF, QSize, Qt
from PyQt6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from cnnviz.ui.theme import theme

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class NumberTable(QWidget):
    """Names at the left, a column of numbers for each thing, its name above; a row without any number is left out.

    Parameters
    ----------
    tips : mapping of str to str
        The names in their order, and what each one means, for the tool tip.
    """

    def __init__(self, tips: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tips = dict(tips)
        self._heads: tuple[str, ...] = ()
        self._rows: dict[str, tuple[str, ...]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._restyle)

    def set_table(self, columns: Sequence[tuple[str, Mapping[str, str | None]]]) -> None:
        """Show columns, each with its head and the texts of its rows by name; None, or no text, leaves a dash."""
        names = [name for name in self._tips if any(texts.get(name) is not None for _, texts in columns)]
        rows = {name: tuple(texts.get(name) or "—" for _, texts in columns) for name in names}
        heads = tuple(head for head, _ in columns)
        if (heads, rows) == (self._heads, self._rows):
            return
        grown = rows.keys() != self._rows.keys() or len(heads) != len(self._heads)
        self._heads, self._rows = heads, rows
        self.setAccessibleName("; ".join(f"{name}: {', '.join(texts)}" for name, texts in rows.items()))
        if grown:
            self.updateGeometry()
        self.update()

    def rows(self) -> dict[str, tuple[str, ...]]:
        """What stands in the table, by the names of the rows."""
        return dict(self._rows)

    def sizeHint(self) -> QSize:
        has_heads = int(any(self._heads))
        height = (len(self._rows) + has_heads) * self._row_height() + theme().px(4)
        return QSize(self._name_width() + max(len(self._heads), 1) * self._column_width(), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        hub = theme()
        height = self._row_height()
        wide = self._column_width()
        left = self.width() - wide * len(self._heads)
        y = 0.0
        if any(self._heads):
            painter.setFont(hub.font("title"))
            painter.setPen(hub.colour("text"))
            for index, head in enumerate(self._heads):
                painter.drawText(QRectF(left + index * wide, y, wide, height), _RIGHT, head)
            y += height
        painter.setFont(hub.font("small"))
        for name, texts in self._rows.items():
            painter.setPen(hub.colour("muted"))
            painter.drawText(QRectF(0, y, left, height), _LEFT, name)
            painter.setPen(hub.colour("text"))
            for index, text in enumerate(texts):
                painter.drawText(QRectF(left + index * wide, y, wide, height), _RIGHT, text)
            y += height
        painter.end()

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent):
            index = int(event.pos().y() // self._row_height()) - int(any(self._heads))
            names = list(self._rows)
            QToolTip.showText(event.globalPos(), self._tips[names[index]] if 0 <= index < len(names) else "", self)
            return True
        return super().event(event)

    def _name_width(self) -> int:
        metrics = QFontMetrics(theme().font("small"))
        return max((metrics.horizontalAdvance(name) for name in self._rows), default=0) + theme().px(10)

    def _column_width(self) -> int:
        small, title = QFontMetrics(theme().font("small")), QFontMetrics(theme().font("title"))
        texts = [small.horizontalAdvance(text) for row in self._rows.values() for text in row]
        heads = [title.horizontalAdvance(head) for head in self._heads]
        return max([*texts, *heads, theme().px(40)]) + theme().px(12)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def _row_height(self) -> int:
        return theme().px(19)
