"""A small card beside the pointer that names what is under it."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPoint, QRectF, Qt
from PyQt6.QtGui import QFontMetrics, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.theme import theme


class HoverCard(QWidget):
    """A title and some lines, drawn inside the window, so that it follows the pointer without a delay or a flicker.

    A picture stands at the left of them, its pixels drawn as squares.
    """

    PICTURE = 56
    """Its longer side, at scale 1."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title = ""
        self._lines: tuple[str, ...] = ()
        self._picture: QImage | None = None
        self.hide()

    def show_at(self, point: QPoint, title: str, lines: Sequence[str] = (), picture: QImage | None = None) -> None:
        """Show the card below right of a point of the parent, or where there is room for it."""
        hub = theme()
        self._title, self._lines, self._picture = title, tuple(lines), picture
        head, body = QFontMetrics(hub.font("title")), QFontMetrics(hub.font("small"))
        widest = max([head.horizontalAdvance(title), *map(body.horizontalAdvance, self._lines)])
        pad = hub.px(10)
        width, height = widest + 2 * pad + 2, head.height() + len(self._lines) * (body.height() + 2) + 2 * hub.px(8)
        if picture is not None:
            width, height = width + hub.px(self.PICTURE) + pad, max(height, hub.px(self.PICTURE) + 2 * hub.px(8))
        area = self.parentWidget().rect()
        away = hub.px(14)
        x = point.x() + away if point.x() + away + width <= area.right() else point.x() - away - width
        y = point.y() + away if point.y() + away + height <= area.bottom() else point.y() - away - height
        self.setGeometry(max(x, 0), max(y, 0), width, height)
        self.setAccessibleName(" · ".join([title, *self._lines]))
        self.show()
        self.raise_()
        self.update()

    def text(self) -> str:
        """All that the card says."""
        return "\n".join([self._title, *self._lines])

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(hub.colour("faint"))
        painter.setBrush(hub.colour("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), hub.px(6), hub.px(6))
        pad, y = hub.px(10), float(hub.px(8))
        if self._picture is not None:
            side = hub.px(self.PICTURE)
            painter.drawImage(_fitted(self._picture, QRectF(pad, y, side, side)), self._picture)
            pad += side + hub.px(10)
        for index, line in enumerate((self._title, *self._lines)):
            painter.setFont(hub.font("title" if index == 0 else "small"))
            painter.setPen(hub.colour("text" if index == 0 else "muted"))
            height = painter.fontMetrics().height()
            painter.drawText(QRectF(pad, y, self.width(), height), Qt.AlignmentFlag.AlignVCenter, line)
            y += height + 2


def _fitted(picture: QImage, box: QRectF) -> QRectF:
    """The largest rectangle of the picture's proportions at the top of a square box."""
    scale = min(box.width() / picture.width(), box.height() / picture.height())
    width, height = picture.width() * scale, picture.height() * scale
    return QRectF(box.left() + (box.width() - width) / 2, box.top(), width, height)
