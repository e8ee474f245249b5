"""A button that shows a colour and lets another be picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt6.QtCore import QPoint, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QColorDialog, QPushButton, QVBoxLayout, QWidget

from cnnviz.ui.controls import text_button
from cnnviz.ui.theme import theme

GREYS = tuple(QColor(level, level, level) for level in (0, 36, 73, 109, 146, 182, 219, 255))
HUES = tuple(
    QColor.fromHsv(hue, saturation, value)
    for saturation, value in ((255, 235), (140, 240), (220, 140))
    for hue in (0, 28, 52, 120, 175, 210, 265, 315)
)


Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1], as images have them."""


class ColourSwatch(QPushButton):
    """Shows a colour; a press opens a small chart of greys and, unless only grey makes sense, of colours."""

    edited = pyqtSignal(object)
    """The person picked a colour (red, green, blue in [0, 1]); not emitted by `set_colour`."""

    def __init__(self, colour: Colour = (1.0, 1.0, 1.0), *, grey: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour, self._grey, self._paper = colour, grey, False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(self._open)
        theme().changed.connect(self._restyle)
        self._tell()

    def colour(self) -> Colour:
        """The colour shown."""
        return self._colour

    def set_colour(self, colour: Colour) -> None:
        """Show a colour, without `edited`."""
        self._colour = colour
        self._tell()
        self.update()

    def set_grey(self, grey: bool, *, paper: bool = False) -> None:
        """Offer greys only, for a network that sees one channel; a colour is then shown as its brightness.

        On ``paper`` they look as the canvas shows them: in the light theme as ink, the larger the darker.
        """
        if (grey, paper) != (self._grey, self._paper):
            self._grey, self._paper = grey, paper
            self._tell()
            self.update()

    def shown_colour(self) -> QColor:
        """What the button is painted with."""
        return self._look(self._value())

    def _value(self) -> QColor:
        """What the brush draws."""
        red, green, blue = self._colour
        if self._grey:
            red = green = blue = 0.299 * red + 0.587 * green + 0.114 * blue
        return QColor.fromRgbF(red, green, blue)

    def _look(self, colour: QColor) -> QColor:
        """How ``colour`` looks on the canvas."""
        if not (self._grey and self._paper):
            return colour
        return QColor.fromRgb(int(theme().table("grey")[round(colour.redF() * 252)]))

    def _tell(self) -> None:
        value = self._value()
        what = f"grey {value.redF():.2f}" if _is_grey(value) else value.name()
        as_ink = ", shown as ink on paper" if self._look(value) != value and not theme().current.is_dark else ""
        self.setToolTip(f"Colour of the brush: {what}{as_ink}")
        self.setAccessibleName(f"Colour of the brush, {what}")

    def _open(self) -> None:
        chart = _Chart((GREYS,) if self._grey else (GREYS, HUES), not self._grey, self._look, self)
        chart.picked.connect(self._pick)
        chart.move(self.mapToGlobal(QPoint(0, self.height() + theme().px(4))))
        chart.show()

    def _pick(self, colour: QColor) -> None:
        self.set_colour((colour.redF(), colour.greenF(), colour.blueF()))
        self.edited.emit(self._colour)

    def _restyle(self) -> None:
        self._tell()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(38), theme().px(26))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(hub.colour("accent" if self.hasFocus() else "line"))
        painter.setBrush(hub.colour("hover" if self.underMouse() else "raised"))
        painter.drawRoundedRect(frame, hub.px(6), hub.px(6))
        inset = hub.px(5)
        painter.setPen(hub.colour("line"))
        painter.setBrush(self.shown_colour())
        painter.drawRoundedRect(frame.adjusted(inset, inset, -inset, -inset), hub.px(3), hub.px(3))


class _Chart(QWidget):
    """The chart: a popup that goes with a click anywhere else, with Escape, or when a colour is picked."""

    picked = pyqtSignal(QColor)

    PER_ROW = 8

    def __init__(
        self, groups: Sequence[Sequence[QColor]], any_colour: bool, look: Callable[[QColor], QColor], parent: QWidget
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._colours = [colour for group in groups for colour in group]
        self._look = look
        self._at = 0
        hub = theme()
        self._cell = hub.px(24)
        rows = -(-len(self._colours) // self.PER_ROW)
        column = QVBoxLayout(self)
        pad = hub.px(8)
        column.setContentsMargins(pad, pad + rows * self._cell + hub.px(4), pad, pad)
        if any_colour:
            more = text_button("Other colour …")
            more.clicked.connect(self._ask)
            column.addWidget(more)
        self.setFixedSize(
            2 * pad + self.PER_ROW * self._cell,
            2 * pad + rows * self._cell + (hub.px(4) + more.sizeHint().height() if any_colour else 0),
        )

    def _rect(self, index: int) -> QRectF:
        row, column = divmod(index, self.PER_ROW)
        pad = theme().px(8)
        return QRectF(pad + column * self._cell, pad + row * self._cell, self._cell, self._cell)

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("raised"))
        painter.setPen(hub.colour("line"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, colour in enumerate(self._colours):
            painter.setPen(QPen(hub.colour("accent"), hub.px(2)) if index == self._at else hub.colour("line"))
            painter.setBrush(self._look(colour))
            painter.drawRoundedRect(self._rect(index).adjusted(2, 2, -2, -2), hub.px(4), hub.px(4))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for index in range(len(self._colours)):
            if self._rect(index).contains(event.position()):
                self._choose(index)
                return
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.PER_ROW,
            Qt.Key.Key_Down: self.PER_ROW,
        }
        key = Qt.Key(event.key())
        if key in steps:
            self._at = min(max(self._at + steps[key], 0), len(self._colours) - 1)
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self._at)
        else:
            super().keyPressEvent(event)

    def _choose(self, index: int) -> None:
        self.picked.emit(self._colours[index])
        self.close()

    def _ask(self) -> None:
        colour = QColorDialog.getColor(self._colours[self._at], self.parentWidget(), "Colour of the brush")
        if colour.isValid():
            self.picked.emit(colour)
        self.close()


def _is_grey(colour: QColor) -> bool:
    return colour.red() == colour.green() == colour.blue()
