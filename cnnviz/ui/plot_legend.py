"""The names of a plot's curves above it, each with a piece of its line; a click hides a curve or brings it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.core.curves import Stroke
from cnnviz.ui.theme import theme

_PEN_STYLES: dict[Stroke, Qt.PenStyle] = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
    "dash-dotted": Qt.PenStyle.DashDotLine,
}


def pen_style(stroke: Stroke) -> Qt.PenStyle:
    """Qt's word for a kind of line."""
    return _PEN_STYLES[stroke]


@dataclass(frozen=True)
class LegendEntry:
    """One name with the look of its curve."""

    name: str
    colour: QColor
    stroke: Stroke = "solid"
    hidden: bool = False


def entry_boxes(entries: Sequence[LegendEntry], width: float) -> list[QRectF]:
    """Where each entry stands, in lines that wrap at ``width`` pixels."""
    hub, metrics = theme(), QFontMetrics(theme().font("small"))
    line, gap, height = hub.px(22), hub.px(14), hub.px(18)
    x = y = 0.0
    boxes = []
    for entry in entries:
        wide = min(line + metrics.horizontalAdvance(entry.name) + 2.0, max(width, line))
        if x > 0 and x + wide > width:
            x, y = 0.0, y + height
        boxes.append(QRectF(x, y, wide, height))
        x += wide + gap
    return boxes


def paint_entries(painter: QPainter, entries: Sequence[LegendEntry], boxes: Sequence[QRectF]) -> None:
    """A piece of its line and a name for each entry."""
    hub = theme()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(hub.font("small"))
    metrics = painter.fontMetrics()
    for entry, box in zip(entries, boxes, strict=True):
        painter.setOpacity(0.4 if entry.hidden else 1.0)
        pen = QPen(entry.colour, hub.px(2) if entry.stroke == "solid" else hub.px(1.5))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        pen.setStyle(pen_style(entry.stroke))
        painter.setPen(pen)
        middle = box.center().y()
        painter.drawLine(QPointF(box.left(), middle), QPointF(box.left() + hub.px(16), middle))
        painter.setPen(hub.colour("text"))
        words = box.adjusted(hub.px(22), 0, 2, 0)
        shown = metrics.elidedText(entry.name, Qt.TextElideMode.ElideMiddle, round(words.width()))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shown)
    painter.setOpacity(1.0)


class PlotLegend(QWidget):
    """Entries in lines that wrap; as high as they need."""

    toggled = pyqtSignal(str)
    """The name that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[LegendEntry, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setToolTip("Click a name to hide its curve or bring it back")
        theme().changed.connect(self._restyle)

    def set_entries(self, entries: Sequence[LegendEntry]) -> None:
        """Show these names, in this order."""
        renamed = [each.name for each in entries] != [each.name for each in self._entries]
        self._entries = tuple(entries)
        self.setAccessibleName(", ".join(each.name for each in entries))
        if renamed:
            self.setFixedHeight(self.heightForWidth(self.width()))
        self.update()

    def boxes(self) -> list[QRectF]:
        """Where each entry stands."""
        return entry_boxes(self._entries, self.width())

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        boxes = entry_boxes(self._entries, width)
        return round(boxes[-1].bottom()) if boxes else 0

    def sizeHint(self) -> QSize:
        return QSize(theme().px(240), self.heightForWidth(self.width() or theme().px(240)))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(80), theme().px(18) if self._entries else 0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self.setFixedHeight(self.heightForWidth(self.width()))
        super().resizeEvent(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is None:
            return
        for entry, box in zip(self._entries, self.boxes(), strict=True):
            if box.contains(event.position()):
                self.toggled.emit(entry.name)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        paint_entries(QPainter(self), self._entries, self.boxes())

    def _restyle(self) -> None:
        self.setFixedHeight(self.heightForWidth(self.width()))
        self.update()
