"""The columns of figures at the right of each layer, as many as there is room for, and the line of their titles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import QEvent, QRect, QSize, Qt
from PyQt6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from cnnviz.panels.architecture_words import count_words, field_words, times
from cnnviz.ui.theme import theme


@dataclass(frozen=True)
class _Kind:
    """A column: ``from_width`` is the width of the list at which there is room for it."""

    key: str
    title: str
    tip: str
    width: int
    from_width: int
    of_row: Callable[[Any, Any], str]
    of_layer: Callable[[Any, Any], str]
    exactly: Callable[[Any], str]


def _shape(planned: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = planned.output if hasattr(planned, "output") else planned.output_shape
    return shape


def _weights(planned: Any) -> int:
    count: int = planned.weights if hasattr(planned, "weights") else planned.parameters
    return count


def _count(value: int) -> str:
    return count_words(value)


_KINDS = (
    _Kind(
        "output",
        "output",
        "Maps × rows × columns that the layer gives, or numbers in one row",
        74,
        0,
        lambda planned, field: times(planned.output),
        lambda layer, field: times(layer.output_shape),
        lambda it: f"It gives {times(_shape(it))}",
    ),
    _Kind(
        "weights",
        "weights",
        "Numbers that are learned; the line below them is their share of all",
        52,
        0,
        lambda planned, field: _count(planned.weights),
        lambda layer, field: _count(layer.parameters),
        lambda it: f"{_weights(it):,} weights",
    ),
    _Kind(
        "macs",
        "mult-adds",
        "Multiplications with an addition, for one image",
        64,
        540,
        lambda planned, field: _count(planned.macs),
        lambda layer, field: _count(layer.macs),
        lambda it: f"{it.macs:,} multiply-adds for one image",
    ),
    _Kind(
        "field",
        "field",
        "Side of what a unit sees of the input, in pixels",
        36,
        0,
        lambda planned, field: field_words(field)[0],
        lambda layer, field: field_words(field)[0],
        lambda it: "",
    ),
    _Kind(
        "stride",
        "stride",
        "Input pixels between the fields of neighbouring units: the effective stride",
        38,
        370,
        lambda planned, field: field_words(field)[1],
        lambda layer, field: field_words(field)[1],
        lambda it: "",
    ),
)


@dataclass(frozen=True)
class Column:
    """A column in its place: ``right`` is its right edge in pixels."""

    kind: _Kind
    right: int
    width: int

    @property
    def key(self) -> str:
        return self.kind.key

    def of_row(self, planned: Any, field: Any) -> str:
        return self.kind.of_row(planned, field)

    def of_layer(self, layer: Any, field: Any) -> str:
        return self.kind.of_layer(layer, field)

    def exactly(self, planned: Any) -> str:
        return self.kind.exactly(planned)


def columns_of(width: int) -> list[Column]:
    """Those for which a list of ``width`` pixels has room, from left to right."""
    hub = theme()
    kinds = [kind for kind in _KINDS if width >= hub.px(kind.from_width)]
    right = width - hub.px(8)
    found: list[Column] = []
    for kind in reversed(kinds):
        found.append(Column(kind, right, hub.px(kind.width)))
        right -= hub.px(kind.width)
    return found[::-1]


class ColumnTitles(QWidget):
    """The titles over a list, which says how wide it is."""

    def __init__(self, list_width: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._list_width = list_width
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(200), theme().px(22))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("raised"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, hub.colour("line"))
        painter.setFont(hub.font("tiny"))
        painter.setPen(hub.colour("muted"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(hub.px(22), 0, hub.px(90), self.height()), middle, "layer")
        for column in columns_of(self._list_width()):
            place = QRect(column.right - column.width, 0, column.width, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | middle, column.kind.title)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent):
            at = event.pos().x()
            column = next((c for c in columns_of(self._list_width()) if c.right - c.width <= at < c.right), None)
            QToolTip.showText(event.globalPos(), "" if column is None else column.kind.tip, self)
            return True
        return super().event(event)
