"""The canvas: shows the input as the network gets it, and turns the mouse into positions on it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QCursor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.focus_frame import FocusFrame
from cnnviz.ui.pixels import image_words, words_image
from cnnviz.ui.theme import theme

GRID_FROM = 6
"""Smallest pixel, in logical pixels of the screen, around which the grid is drawn."""
FINE_NUDGE = 0.25
"""Pixels by which an arrow key moves the picture with Shift; without, one."""
_NUDGES = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}
MARGIN = 8
"""Room around the image, in which the part of a field that lies in padding is hatched."""


@dataclass(frozen=True)
class Outline:
    """A rectangle on the input, in its pixels; it may reach beyond the borders, into padding."""

    row: float
    column: float
    height: float
    width: float
    text: str


class InputCanvas(FocusFrame, QWidget):
    """Draws the image as squares, an outline over it, and tells of the pen; it holds no image of its own making.

    Positions are continuous ``(row, column)`` on the image as shown.
    """

    pen_pressed = pyqtSignal(float, float, object)
    """Row, column, the mouse button."""
    pen_moved = pyqtSignal(float, float)
    pen_released = pyqtSignal()
    pointed = pyqtSignal(object)
    """(row, column) of the pixel under the pointer, or ``None``."""
    wheel_turned = pyqtSignal(int)
    nudged = pyqtSignal(float, float)
    """Arrow keys: rows and columns to move the picture by."""
    nudge_ended = pyqtSignal()
    """The arrow key was let go."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: np.ndarray | None = None
        self._paper = True
        self._pixels: np.ndarray | None = None
        self._outline: Outline | None = None
        self._heat: np.ndarray | None = None
        self._grid_key: tuple[float, ...] = ()
        self._grid_picture = QPixmap()
        self._brush_diameter = 0.0
        self._brush_key = (0.0, 0.0)
        self._brush_picture = QPixmap()
        self._at: QPointF | None = None
        self._drawing = False
        self.setMouseTracking(True)
        self.setTabletTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Input canvas")
        theme().changed.connect(self._recolour)

    def set_image(self, image: np.ndarray, *, paper: bool) -> None:
        """Show ``image``, float32 ``(C, H, W)`` in [0, 1]; ``paper`` as of :func:`image_words`."""
        if image is self._image and paper == self._paper and not self._drawing:
            return  # other weights, the same input; under a pen that is down the brush has moved
        self._image, self._paper = image, paper
        self._recolour()

    def set_outline(self, outline: Outline | None) -> None:
        if outline != self._outline:
            self._outline = outline
            self.update()

    def set_heat(self, heat: np.ndarray | None) -> None:
        """Lay ``heat``, (H, W) in [0, 1], over the image, the denser the more; None takes it away."""
        if heat is self._heat:
            return
        self._heat = heat
        self.update()

    def set_brush(self, diameter: float) -> None:
        """Diameter of the ring that shows the brush, in pixels of the input; 0 shows none."""
        self._brush_diameter = diameter
        self.setCursor(QCursor(Qt.CursorShape.CrossCursor if diameter else Qt.CursorShape.OpenHandCursor))
        self.update()

    def image_rect(self) -> QRectF:
        """Where the image is drawn: as large as fits, whole screen pixels a pixel where there is room."""
        if self._pixels is None:
            return QRectF()
        height, width = self._pixels.shape
        ratio = self.devicePixelRatioF()
        around = 2 * theme().px(MARGIN)
        room = max(self.width() - around, 1) * ratio, max(self.height() - around, 1) * ratio
        exact = min(room[0] / width, room[1] / height)
        scale = (int(exact) if exact >= 4 else exact) / ratio
        rect = QRectF(0, 0, width * scale, height * scale)
        rect.moveCenter(QRectF(self.rect()).center())
        rect.moveTo(round(rect.x()), round(rect.y()))
        return rect

    def position_at(self, point: QPointF) -> tuple[float, float]:
        """Row and column on the image of a point of the widget; also of one beside the image."""
        rect = self.image_rect()
        if self._pixels is None or rect.isEmpty():
            return 0.0, 0.0
        height, width = self._pixels.shape
        return (point.y() - rect.y()) / rect.height() * height, (point.x() - rect.x()) / rect.width() * width

    def point_of(self, row: float, column: float) -> QPointF:
        """The inverse of :meth:`position_at`."""
        rect = self.image_rect()
        assert self._pixels is not None
        height, width = self._pixels.shape
        return QPointF(rect.x() + column / width * rect.width(), rect.y() + row / height * rect.height())

    def _recolour(self) -> None:
        if self._image is not None:
            self._pixels = image_words(self._image, paper=self._paper)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().colour("panel"))
        if self._pixels is not None:
            rect = self.image_rect()
            height, width = self._pixels.shape
            painter.drawImage(rect, words_image(self._pixels))
            if rect.width() / width >= GRID_FROM:
                self._paint_grid(painter, rect, height, width)
            painter.setPen(QPen(theme().colour("line"), 1))
            painter.drawRect(rect.adjusted(-0.5, -0.5, 0.5, 0.5))
            if self._heat is not None:
                glow = _glow(self._heat, theme().colour("mark"))
                painter.drawImage(rect, words_image(glow, see_through=True))
            if self._outline is not None:
                self._paint_outline(painter, rect, self._outline)
            self._paint_brush(painter, rect, width)
        self.paint_focus_frame(painter)
        painter.end()

    def _paint_grid(self, painter: QPainter, rect: QRectF, height: int, width: int) -> None:
        key = (rect.width(), rect.height(), height, width, self.devicePixelRatioF())
        if key != self._grid_key:
            # painted once: a line at a time costs more than all else on the canvas
            self._grid_key, self._grid_picture = key, _grid(rect, height, width, self.devicePixelRatioF())
        painter.drawPixmap(rect.topLeft(), self._grid_picture)

    def _paint_outline(self, painter: QPainter, rect: QRectF, outline: Outline) -> None:
        top_left = self.point_of(outline.row, outline.column)
        bottom_right = self.point_of(outline.row + outline.height, outline.column + outline.width)
        box = QRectF(top_left, bottom_right)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._hatch_padding(painter, rect, box)
        inside = box.intersected(rect)
        if inside.isEmpty():  # it lies in the padding alone
            return
        fill = QColor(theme().colour("mark"))
        fill.setAlpha(26)
        if self._heat is None:
            painter.fillRect(inside, fill)
        painter.setPen(QPen(theme().colour("mark"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(inside.adjusted(0.75, 0.75, -0.75, -0.75))
        painter.setFont(theme().font("tiny"))
        metrics = painter.fontMetrics()
        room = max(round(rect.width()) - 12, 1)
        # where a line is too short for all of it, each of its parts has one
        parts = [outline.text] if metrics.horizontalAdvance(outline.text) <= room else re.split("[;,] ", outline.text)
        text = "\n".join(metrics.elidedText(part, Qt.TextElideMode.ElideMiddle, room) for part in parts)
        size = metrics.size(0, text)
        below = inside.bottom() + size.height() + 6 <= rect.bottom()
        y = inside.bottom() + 3 if below else inside.top() - size.height() - 3
        if y < rect.top():
            y = inside.bottom() - size.height() - 4
        x = min(max(inside.left(), rect.left() + 3), rect.right() - size.width() - 6)
        plate = QRectF(x, y, size.width() + 6, size.height())
        ground = QColor(theme().colour("panel"))
        ground.setAlpha(200)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(plate, 3, 3)
        painter.setPen(theme().colour("mark"))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def _hatch_padding(self, painter: QPainter, rect: QRectF, box: QRectF) -> None:
        """The part of a field outside of the image, as far as there is room around it."""
        around = box.intersected(QRectF(self.rect()))
        outside = QPainterPath()
        outside.addRect(around)
        image = QPainterPath()
        image.addRect(rect)
        outside = outside.subtracted(image)
        if outside.isEmpty():
            return
        mark = theme().colour("mark")
        painter.fillPath(outside, QBrush(mark, Qt.BrushStyle.BDiagPattern))
        painter.setPen(QPen(mark, 1, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outside)

    def _paint_brush(self, painter: QPainter, rect: QRectF, width: int) -> None:
        if self._at is None or not self._brush_diameter or not rect.contains(self._at):
            return
        radius = self._brush_diameter / 2 * rect.width() / width
        ratio = self.devicePixelRatioF()
        if (radius, ratio) != self._brush_key:
            # painted once: Qt shares a smooth circle among threads, and waits for them
            self._brush_key, self._brush_picture = (radius, ratio), _ring(radius, ratio)
        half = self._brush_picture.width() / ratio / 2
        painter.drawPixmap(QPointF(self._at.x() - half, self._at.y() - half), self._brush_picture)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._pixels is None:
            return
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton) and not self._drawing:
            self._drawing = True
            self._at = event.position()
            self.pen_pressed.emit(*self.position_at(event.position()), event.button())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._pixels is None:
            return
        self._at = event.position()
        row, column = self.position_at(event.position())
        if self._drawing:
            # the frame that answers the stroke paints the brush as well: one repaint, not two
            self.pen_moved.emit(row, column)
            return
        height, width = self._pixels.shape
        inside = 0 <= row < height and 0 <= column < width
        self.pointed.emit((int(row), int(column)) if inside else None)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and self._drawing and not event.buttons():
            self._drawing = False
            self.pen_released.emit()

    def leaveEvent(self, event: Any) -> None:
        self._at = None
        self.pointed.emit(None)
        self.update()
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is not None:
            self.wheel_turned.emit(event.angleDelta().y())
            event.accept()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        step = None if event is None else _NUDGES.get(Qt.Key(event.key()))
        if event is None or step is None or self._pixels is None or self._drawing:
            super().keyPressEvent(event)
            return
        by = FINE_NUDGE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        self.by_keyboard = True
        self.nudged.emit(step[0] * by, step[1] * by)

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() in _NUDGES and not event.isAutoRepeat():
            self.nudge_ended.emit()
            return
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        self.nudge_ended.emit()  # the key will be let go elsewhere
        super().focusOutEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(270), theme().px(150))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(120), theme().px(120))


def _glow(heat: np.ndarray, colour: QColor) -> np.ndarray:
    """ARGB words, premultiplied as Qt paints them: ``colour``, as opaque as ``heat`` says."""
    alpha = np.clip(np.nan_to_num(heat) * 235, 0, 255)
    words = np.round(alpha).astype(np.uint32) << 24
    for shift, part in ((16, colour.redF()), (8, colour.greenF()), (0, colour.blueF())):
        words |= np.round(alpha * part).astype(np.uint32) << shift
    return np.ascontiguousarray(words)


def _ring(radius: float, ratio: float) -> QPixmap:
    """A white circle with a dark rim, on nothing, in the middle of its picture."""
    side = 2 * math.ceil(radius + 2)
    picture = QPixmap(round(side * ratio), round(side * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, pen_width in ((QColor(0, 0, 0, 120), 2.5), (QColor(255, 255, 255, 220), 1.0)):
        painter.setPen(QPen(colour, pen_width))
        painter.drawEllipse(QPointF(side / 2, side / 2), radius, radius)
    painter.end()
    return picture


def _grid(rect: QRectF, height: int, width: int, ratio: float) -> QPixmap:
    """Lines between ``height`` × ``width`` pixels, on nothing."""
    picture = QPixmap((rect.size() * ratio).toSize())
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(QPen(QColor(128, 128, 128, 44), 1))
    for column in range(1, width):
        x = round(column * rect.width() / width)
        painter.drawLine(x, 0, x, round(rect.height()))
    for row in range(1, height):
        y = round(row * rect.height() / height)
        painter.drawLine(0, y, round(rect.width()), y)
    painter.end()
    return picture
