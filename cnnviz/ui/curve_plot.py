"""A plot of curves: a legend above, values under the pointer, a line that can be dragged along x."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from cnnviz.core.curves import Curves
from cnnviz.ui.curve_painter import CurvePainter, legend_of, shown_series, whole_range
from cnnviz.ui.figure import CurveFigure
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.numbers import format_number
from cnnviz.ui.plot_axes import Axes, Range, zoomed
from cnnviz.ui.plot_legend import PlotLegend
from cnnviz.ui.theme import theme


class CurvePlot(QWidget):
    """Shows :class:`cnnviz.core.curves.Curves`; drawn again in place when they change.

    The wheel zooms, dragging moves, a double click shows all again. (Painted here: ten curves of 33 points take
    pyqtgraph 20 ms a frame, most of it for axes that did not change.)
    """

    cursor_moved = pyqtSignal(float)
    """The line along x was dragged to here, or a place was clicked; only with ``movable_cursor``."""
    cursor_grabbed = pyqtSignal()
    """A drag of the line begins: everything until `cursor_dropped` is one undo step."""
    cursor_dropped = pyqtSignal()

    def __init__(self, parent: QWidget | None = None, *, movable_cursor: bool = False) -> None:
        super().__init__(parent)
        self._curves: Curves | None = None
        self._hidden: frozenset[str] = frozenset()
        self.legend = PlotLegend(self)
        self.legend.toggled.connect(self.toggle)
        self._canvas = _Canvas(self, movable_cursor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addWidget(self.legend)
        layout.addWidget(self._canvas, 1)
        theme().changed.connect(self._refresh)

    @property
    def curves(self) -> Curves | None:
        """What is shown."""
        return self._curves

    @property
    def hidden(self) -> frozenset[str]:
        """Names of the curves that are not drawn."""
        return self._hidden

    def set_curves(self, curves: Curves) -> None:
        """Show other curves; those hidden by name stay hidden."""
        if curves is self._curves:
            return
        self._curves = curves
        self._refresh()

    def set_cursor(self, x: float | None) -> None:
        """Put the line along x at ``x``; None takes it away."""
        self._canvas.set_cursor(x)

    def toggle(self, name: str) -> None:
        """Hide the curve of this name, or show it again."""
        self._hidden ^= {name}
        self._refresh()

    def figure(self) -> CurveFigure | None:
        """What is shown, to be saved; None before there are curves."""
        return None if self._curves is None else CurveFigure(self._curves, self._hidden)

    def axes(self) -> Axes | None:
        """How numbers lie on the plot's own canvas, in its pixels; None before there are curves."""
        return self._canvas.axes()

    def canvas(self) -> QWidget:
        """The part with the curves."""
        return self._canvas

    def paintEvent(self, event: QPaintEvent | None) -> None:
        QPainter(self).fillRect(self.rect(), theme().colour("panel"))

    def _refresh(self) -> None:
        curves = self._curves
        if curves is None:
            return
        self.legend.set_entries(legend_of(curves, self._hidden))
        self.legend.setVisible(len(curves.series) > 1)
        self.setAccessibleName(f"{curves.title}: {curves.y_label} against {curves.x_label}")
        self._canvas.show_curves(curves, self._hidden)


class _Canvas(QWidget):
    """Axes and curves; what stays while curves run is kept as a picture."""

    def __init__(self, plot: CurvePlot, movable: bool) -> None:
        super().__init__(plot)
        self._plot = plot
        self._movable = movable
        self._painter: CurvePainter | None = None
        self._whole: tuple[Range, Range] | None = None
        self._chosen: tuple[Range, Range] | None = None
        self._ground: tuple[tuple[object, ...], QPixmap] | None = None
        self._seen: tuple[object, object] | None = None
        self._behind: tuple[object, object, QPixmap] | None = None
        self._measured: tuple[tuple[object, ...], Axes] | None = None
        self._cursor: float | None = None
        self._pressed: QPointF | None = None
        self._on_cursor = False
        self._pointed: QPointF | None = None
        self._card: HoverCard | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_curves(self, curves: Curves, hidden: frozenset[str]) -> None:
        whole = whole_range(curves, hidden) or ((0.0, 1.0), (0.0, 1.0))
        if self._whole is None or whole[0] != self._whole[0]:
            self._chosen = None  # another stretch of x is another plot: a part chosen in the last one means nothing
        self._whole = whole
        self._painter = CurvePainter(curves, *(self._chosen or whole), hidden)
        self._describe()
        self.update()

    def set_cursor(self, x: float | None) -> None:
        if x == self._cursor:
            return
        before, self._cursor = self._cursor, x
        axes = self.axes()
        if axes is None:
            return
        around = theme().px(2) + 2
        for place in (before, x):  # the line alone, which may be dragged
            column = math.nan if place is None else float(axes.across(place))
            if axes.frame.left() - around <= column <= axes.frame.right() + around:
                self.update(QRectF(column - around, 0, 2 * around, self.height()).toAlignedRect())

    def axes(self) -> Axes | None:
        if self._painter is None:
            return None
        key = (self._painter, self.width(), self.height(), theme().current, theme().scale)
        if self._measured is None or self._measured[0] != key:
            self._measured = key, self._painter.axes(QRectF(self.rect()))
        return self._measured[1]

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        axes = self.axes()
        if self._painter is None or axes is None:
            painter.fillRect(self.rect(), hub.colour("panel"))
            return
        box = QRectF(self.rect())
        view = self._painter.x, self._painter.y
        looks = (self.width(), self.height(), self.devicePixelRatioF(), hub.current, hub.scale, view)
        seen, self._seen = self._seen, (self._painter, looks)
        if self._behind is not None and self._behind[:2] == self._seen:
            painter.drawPixmap(0, 0, self._behind[2])
        elif seen == self._seen:
            # Only the line moves: what is behind it is painted once more, and kept.
            picture = self._kept_ground(box).copy()
            onto = QPainter(picture)
            self._painter.paint_curves(onto, box)
            onto.end()
            self._behind = (self._painter, looks, picture)
            painter.drawPixmap(0, 0, picture)
        else:
            self._behind = None
            painter.drawPixmap(0, 0, self._kept_ground(box))
            self._painter.paint_curves(painter, box)
        self._paint_cursor(painter, axes)

    def _kept_ground(self, box: QRectF) -> QPixmap:
        assert self._painter is not None
        shown = self._painter
        curves = shown.curves
        words = (curves.marks, curves.x_label, curves.y_label, curves.x_names, curves.logarithmic, curves.whole_x)
        looks = (self.width(), self.height(), self.devicePixelRatioF(), theme().current, theme().scale)
        key = (shown.x, shown.y, words, looks)
        if self._ground is None or self._ground[0] != key:
            ratio = self.devicePixelRatioF()
            picture = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
            picture.setDevicePixelRatio(ratio)
            picture.fill(theme().colour("panel"))
            painter = QPainter(picture)
            shown.paint_ground(painter, box)
            painter.end()
            self._ground = (key, picture)
        return self._ground[1]

    def _paint_cursor(self, painter: QPainter, axes: Axes) -> None:
        hub, frame = theme(), axes.frame
        places = [] if self._cursor is None else [(self._cursor, hub.colour("mark"), 2 if self._on_cursor else 1.5)]
        if self._pointed is not None and self._pressed is None:
            places.append((axes.x_at(self._pointed.x()), hub.colour("faint"), 1))
        for x, colour, width in places:
            column = float(axes.across(x))
            if frame.left() - 1 <= column <= frame.right() + 1:
                painter.setPen(QPen(colour, hub.px(width)))
                painter.drawLine(QPointF(column, frame.top()), QPointF(column, frame.bottom()))

    # the mouse

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        axes = self.axes()
        if event is None or axes is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = event.position()
        if self._movable and axes.frame.contains(event.position()):
            self._on_cursor = True
            self._plot.cursor_grabbed.emit()
            self._move_cursor(axes, event.position())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        axes = self.axes()
        if event is None or axes is None:
            return
        if self._on_cursor:
            self._move_cursor(axes, event.position())
        elif self._pressed is not None and self._painter is not None:
            dx = axes.x_at(self._pressed.x()) - axes.x_at(event.position().x())
            dy = axes.y_at(self._pressed.y()) - axes.y_at(event.position().y())
            self._pressed = event.position()
            (left, right), (low, high) = self._painter.x, self._painter.y
            self._choose(((left + dx, right + dx), (low + dy, high + dy)))
        inside = axes.frame.contains(event.position())
        self._pointed = event.position() if inside else None
        self._describe()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if self._on_cursor:
            self._plot.cursor_dropped.emit()
        self._pressed, self._on_cursor = None, False
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        self._choose(None)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        axes = self.axes()
        if event is None or axes is None or self._painter is None or not axes.frame.contains(event.position()):
            return
        factor = 0.85 ** (event.angleDelta().y() / 120)
        at = event.position()
        self._choose(
            (
                zoomed(self._painter.x, axes.x_at(at.x()), factor),
                zoomed(self._painter.y, axes.y_at(at.y()), factor),
            )
        )
        event.accept()

    def leaveEvent(self, event: QEvent | None) -> None:
        self._pointed = None
        self._describe()
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._ground = None
        super().resizeEvent(event)

    def _choose(self, part: tuple[Range, Range] | None) -> None:
        self._chosen = part
        seen = part or self._whole
        if self._painter is not None and seen is not None:
            self._painter = CurvePainter(self._painter.curves, *seen, self._painter.hidden)
        self.update()

    def _move_cursor(self, axes: Axes, at: QPointF) -> None:
        low, high = (self._whole or (axes.x, axes.y))[0]
        self._plot.cursor_moved.emit(min(max(axes.x_at(at.x()), low), high))

    def _describe(self) -> None:
        """A card beside the pointer: what every curve is at the place nearest to it."""
        axes = self.axes()
        if self._pointed is None or axes is None or self._painter is None:
            if self._card is not None:
                self._card.hide()
            return
        window = self.window() or self
        if self._card is None or self._card.parentWidget() is not window:
            self._card = HoverCard(window)
        title, lines = reading(self._painter.curves, self._painter.hidden, axes.x_at(self._pointed.x()))
        if title:
            at: QPoint = self.mapTo(window, self._pointed.toPoint())
            self._card.show_at(at, title, lines)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(360), theme().px(260))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(160), theme().px(120))


def reading(curves: Curves, hidden: frozenset[str], x: float) -> tuple[str, list[str]]:
    """The place of a curve that is nearest to ``x`` in words, and what each curve shown is there."""
    shown = [each for each in shown_series(curves, hidden) if each.x.size]
    if not shown:
        return "", []
    places = np.concatenate([each.x for each in shown])
    place = float(places[np.abs(places - x).argmin()])
    named = bool(curves.x_names) and place.is_integer() and 0 <= place < len(curves.x_names)
    digits = 0 if place.is_integer() else 3
    title = curves.x_names[int(place)] if named else f"{curves.x_label}: {format_number(place, digits)}"
    lines = []
    for each in shown:
        at = np.flatnonzero(each.x == place)
        if not at.size:
            continue
        value = format_number(float(each.y[at[0]]))
        if each.low is not None and each.high is not None:
            low, high = format_number(float(each.low[at[0]])), format_number(float(each.high[at[0]]))
            value = f"{value} ({low} … {high})"
        lines.append(f"{each.name}: {value}")
    return title, lines
