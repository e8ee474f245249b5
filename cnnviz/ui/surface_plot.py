"""A map of heights with paths over it, whose beginning is dragged with the mouse."""

from __future__ import annotations

import math

from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.core.surface_map import SurfaceMap, SurfacePath
from cnnviz.ui.focus_frame import paint_focus
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.numbers import format_number
from cnnviz.ui.surface_painter import Pair, SurfaceFigure, SurfacePainter
from cnnviz.ui.theme import theme

KEY_STEP = 1 / 40
"""Of the axis: how far an arrow key moves the beginning."""


class SurfacePlot(QWidget):
    """Shows a :class:`~cnnviz.core.surface_map.SurfaceMap`; a press anywhere in it is where the paths begin.

    The map is kept as a picture, so that paths run over it at little cost.
    """

    start_moved = pyqtSignal(float, float)
    start_grabbed = pyqtSignal()
    """A drag begins: everything until `start_dropped` is one undo step."""
    start_dropped = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._painter: SurfacePainter | None = None
        self.words = ""
        """What stands in the place of a map while there is none."""
        self._ground: tuple[tuple[object, ...], QPixmap] | None = None
        self._dragging = False
        self._card: HoverCard | None = None
        theme().changed.connect(self.update)

    def set_surface(
        self, surface: SurfaceMap, paths: tuple[SurfacePath, ...], start: Pair | None, shown: int | None
    ) -> None:
        """Show a map and the paths on it as far as step ``shown``."""
        self._painter = SurfacePainter(surface, paths, shown, start)
        self.setAccessibleName(f"{surface.title}: {surface.value_label} over {surface.x_label} and {surface.y_label}")
        self.update()

    def clear(self, words: str = "") -> None:
        """Show nothing but these words about why."""
        self._painter = None
        self.words = words
        self.setAccessibleName(words)
        self.update()

    def set_shown(self, shown: int | None) -> None:
        """Draw the paths as far as this step; None: to their ends."""
        if self._painter is not None and shown != self._painter.shown:
            painter = self._painter
            self._painter = SurfacePainter(painter.surface, painter.paths, shown, painter.start)
            self.update()

    def figure(self) -> SurfaceFigure | None:
        """What is shown, to be saved; None before there is anything."""
        return None if self._painter is None else SurfaceFigure(self._painter)

    def pixel_of(self, x: float, y: float) -> QPointF:
        """Where a place of the map is drawn."""
        assert self._painter is not None
        axes = self._painter.axes(QRectF(self.rect()))
        return QPointF(float(axes.across(x)), float(axes.down(y)))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub, painter = theme(), QPainter(self)
        if self._painter is None:
            painter.fillRect(self.rect(), hub.colour("panel"))
            painter.setPen(hub.colour("muted"))
            painter.setFont(hub.font("body"))
            room = self.rect().adjusted(hub.px(24), 0, -hub.px(24), 0)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self.words)
            return
        painter.drawPixmap(0, 0, self._kept_ground(self._painter))
        self._painter.paint_paths(painter, QRectF(self.rect()))
        if self.hasFocus():
            paint_focus(painter, self.rect())

    def _kept_ground(self, shown: SurfacePainter) -> QPixmap:
        ratio = self.devicePixelRatioF()
        key = (shown.surface, self.width(), self.height(), ratio, theme().current, theme().scale)
        if self._ground is None or self._ground[0] != key:
            picture = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
            picture.setDevicePixelRatio(ratio)
            picture.fill(theme().colour("panel"))
            painter = QPainter(picture)
            shown.paint_ground(painter, QRectF(self.rect()))
            painter.end()
            self._ground = (key, picture)
        return self._ground[1]

    # the mouse and the keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._painter is None or self._painter.start is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if self._painter.axes(QRectF(self.rect())).frame.contains(event.position()):
            self._dragging = True
            self.start_grabbed.emit()
            self._move(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._move(event.position())
        self._describe(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._dragging = False
            self.start_dropped.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        step = steps.get(Qt.Key(event.key()))
        if step is None or self._painter is None or self._painter.start is None:
            event.ignore()
            return
        surface, (x, y) = self._painter.surface, self._painter.start
        wide, high = surface.x[1] - surface.x[0], surface.y[1] - surface.y[0]
        self._emit(x + step[0] * wide * KEY_STEP, y + step[1] * high * KEY_STEP)

    def _move(self, at: QPointF) -> None:
        assert self._painter is not None
        axes = self._painter.axes(QRectF(self.rect()))
        self._emit(axes.x_at(at.x()), axes.y_at(at.y()))

    def _emit(self, x: float, y: float) -> None:
        assert self._painter is not None
        (left, right), (low, high) = self._painter.surface.x, self._painter.surface.y
        self.start_moved.emit(min(max(x, left), right), min(max(y, low), high))

    def leaveEvent(self, event: QEvent) -> None:
        self._hide_card()

    def _hide_card(self) -> None:
        if self._card is not None:
            self._card.hide()

    def _describe(self, at: QPointF) -> None:
        """A card beside the pointer with the place and its height."""
        painter = self._painter
        if painter is None or not painter.axes(QRectF(self.rect())).frame.contains(at):
            self._hide_card()
            return
        axes, surface = painter.axes(QRectF(self.rect())), painter.surface
        x, y = axes.x_at(at.x()), axes.y_at(at.y())
        value = surface.value_at(x, y)
        window = self.window() or self
        if self._card is None or self._card.parentWidget() is not window:
            self._card = HoverCard(window)
        title = "not computed yet" if math.isnan(value) else f"{surface.value_label} {format_number(value)}"
        lines = [f"{surface.x_label} {format_number(x)}", f"{surface.y_label} {format_number(y)}"]
        self._card.show_at(self.mapTo(window, at.toPoint()), title, lines)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(420), theme().px(360))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(200), theme().px(108))
