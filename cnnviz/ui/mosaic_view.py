"""All maps of a layer in one widget, each pixel a square."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QScrollBar, QWidget

from cnnviz.ui.focus_frame import FocusFrame
from cnnviz.ui.theme import TableKind, theme
from cnnviz.ui.tile_layout import TileLayout, fit_tiles
from cnnviz.ui.tile_marks import CORNER_FROM, paint_cell, paint_lit, paint_outlines, paint_ring
from cnnviz.ui.tile_pixels import Mosaic, TilePixels
from cnnviz.ui.tile_sprites import TileSprites

Place = tuple[int, int, int]
"""Tile, row and column."""
Cells = tuple[int, int, int, int]
"""First row, first column, last row and last column, both inclusive."""


class MosaicView(FocusFrame, QWidget):
    """Shows the tiles of a mosaic, as large as the area allows at whole device pixels per map pixel.

    The view lays the tiles out by itself, so that they stay as large as can be while the panel is resized, and the
    gaps are equally wide at every scale. A layout that means something (a matrix of kernels) is kept with
    ``reflow=False``. The selected tile's ring has the mark's colour: use ``ring="accent"`` where it is no unit.
    """

    tile_clicked = pyqtSignal(int, int, int)
    """Tile, row, column: clicked, or reached with the arrow keys (then the tile's middle)."""
    tile_activated = pyqtSignal(int)
    """Double click, Enter or Space."""
    hovered = pyqtSignal(object)
    """(tile, row, column) under the pointer, ``None`` when it leaves."""
    columns_wanted = pyqtSignal(int)
    """The columns with which the tiles are largest have changed."""

    LABEL_FROM = 46
    """Smallest drawn tile, in logical pixels at scale 1, on which a number is written."""

    def __init__(self, parent: QWidget | None = None, *, ring: str = "mark", outlined: bool = False) -> None:
        super().__init__(parent)
        self._ring_token = ring
        self._outlined = outlined
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._pixels = TilePixels()
        self._reflow = True
        self._layout: TileLayout | None = None
        self._tiles: list[QPainter.PixmapFragment] = []
        self._sprites: TileSprites | None = None
        self._over: list[list[QPainter.PixmapFragment]] = []
        self._labels: Sequence[str] | None = None
        self._labels_on = True
        self._selected: int | None = None
        self._cell: Place | None = None
        self._lit: Cells | None = None
        self._hover: Place | None = None
        self._wanted = 0
        self._bar = QScrollBar(Qt.Orientation.Vertical, self)
        self._bar.hide()
        self._bar.valueChanged.connect(self.update)
        theme().changed.connect(self._restyle)

    # What is shown

    def set_mosaic(self, mosaic: Mosaic, table_kind: TableKind, *, reflow: bool = True) -> None:
        """Show ``mosaic``, its indices looked up in the current theme's table of ``table_kind``."""
        before = self._pixels.sources
        self._pixels.take_mosaic(mosaic, table_kind)
        self._take(before, reflow)

    def set_rgb(
        self,
        array: np.ndarray,
        tile_shape: tuple[int, int],
        columns: int,
        count: int,
        gap: int,
        *,
        reflow: bool = True,
    ) -> None:
        """Show colour tiles: ``array`` uint8 (H, W, 3), tiles row by row, ``gap`` pixels between them."""
        before = self._pixels.sources
        self._pixels.take_rgb(array, tile_shape, columns, count, gap)
        self._take(before, reflow)

    def clear(self) -> None:
        """Show nothing."""
        self._pixels.clear()
        self._take(None, True)

    def set_labels(self, labels: Sequence[str] | None) -> None:
        """A short text per tile instead of its number; an empty sequence shows none."""
        if labels == self._labels:
            return
        self._labels = labels
        self._labels_on = labels is None or len(labels) > 0
        self._make_sprites()
        self.update()

    @property
    def selected(self) -> int | None:
        """The marked tile."""
        return self._selected

    def set_selected(self, tile: int | None) -> None:
        """Mark a tile and bring it into view."""
        if tile == self._selected:
            return
        self._selected = tile
        if tile is not None:
            self._scroll_to(tile)
        self.update()

    def set_cell(self, cell: Place | None) -> None:
        """Mark one pixel of a tile."""
        if cell != self._cell:
            self._cell = cell
            self.update()

    def set_lit(self, cells: Cells | None) -> None:
        """Frame the same pixels in every tile, such as the units that see one pixel of the input."""
        if cells != self._lit:
            self._lit = cells
            self.update()

    # Where things are

    def preferred_columns(self, count: int, tile_shape: tuple[int, int]) -> int:
        """Columns with which ``count`` tiles are largest in the present area."""
        return self._fit(count, tile_shape).columns if count else 1

    def tile_rect(self, tile: int) -> QRect:
        """Where a tile is drawn, in the widget's coordinates."""
        if self._layout is None or not 0 <= tile < self._layout.count:
            return QRect()
        left, top = self._layout.corner(tile)
        height, width = self._layout.drawn_shape
        ratio = self.devicePixelRatioF()
        return QRectF(left / ratio, (top - self._offset()) / ratio, width / ratio, height / ratio).toRect()

    def place_at(self, point: QPointF) -> Place | None:
        """Tile, row and column under a point of the widget."""
        if self._layout is None:
            return None
        ratio = self.devicePixelRatioF()
        return self._layout.at(point.x() * ratio, point.y() * ratio + self._offset())

    @property
    def scroll_bar(self) -> QScrollBar:
        """Moves the tiles where they are more than the area holds: to scroll several views together."""
        return self._bar

    @property
    def pixel_scale(self) -> float:
        """Device pixels per map pixel; 0 when nothing is shown."""
        return self._layout.scale if self._layout else 0.0

    # Colours and layout

    def _take(self, before: list[QRectF] | None, reflow: bool) -> None:
        if self._pixels.sources is not before or reflow != self._reflow:
            self._reflow = reflow
            if self._hover is not None and self._hover[0] >= self._count:
                self._set_hover(None)
            self._arrange()
        elif self._layout is not None:  # the tiles are where they were, and nothing else is new
            (height, width), ratio = self._layout.size, self.devicePixelRatioF()
            self.update(QRectF(0, -self._bar.value(), width / ratio, height / ratio).toAlignedRect())
            return
        self.update()

    @property
    def _count(self) -> int:
        return len(self._pixels.sources)

    def _fit(self, count: int, tile_shape: tuple[int, int], columns: int | None = None) -> TileLayout:
        ratio = self.devicePixelRatioF()
        gap, margin = max(1, round(theme().px(4) * ratio)), max(1, round(theme().px(3) * ratio))
        height, width = round(self.height() * ratio), round(self.width() * ratio)
        layout = fit_tiles(count, tile_shape, (height, width), gap=gap, margin=margin, columns=columns)
        if layout.size[0] > height:
            width -= round(self._bar.sizeHint().width() * ratio)
            layout = fit_tiles(count, tile_shape, (height, width), gap=gap, margin=margin, columns=columns)
        return layout

    def _arrange(self) -> None:
        if not self._count:
            self._layout, self._tiles, self._over = None, [], []
            self._bar.hide()
            return
        layout = self._fit(self._count, self._pixels.tile_shape, None if self._reflow else self._pixels.columns)
        self._layout = layout
        height, width = layout.drawn_shape
        fragment, half = QPainter.PixmapFragment.create, QPointF(width / 2, height / 2)
        self._tiles = [
            fragment(QPointF(*layout.corner(tile)) + half, source, layout.scale, layout.scale)
            for tile, source in enumerate(self._pixels.sources)
        ]
        self._make_sprites()
        self._place_bar(layout)
        wanted = layout.columns if self._reflow else self.preferred_columns(self._count, self._pixels.tile_shape)
        if wanted != self._wanted:
            self._wanted = wanted
            self.columns_wanted.emit(wanted)

    def _place_bar(self, layout: TileLayout) -> None:
        ratio = self.devicePixelRatioF()
        overhang = int(-(-layout.size[0] // ratio)) - self.height()
        self._bar.setVisible(overhang > 0)
        if overhang > 0:
            wide = self._bar.sizeHint().width()
            self._bar.setGeometry(self.width() - wide, 0, wide, self.height())
            self._bar.setPageStep(self.height())
            self._bar.setSingleStep(max(8, int((layout.drawn_shape[0] + layout.gap) / ratio)))
        self._bar.setRange(0, max(0, overhang))

    def _make_sprites(self) -> None:
        layout = self._layout
        if layout is None:
            return
        ratio, hub = self.devicePixelRatioF(), theme()
        side = min(layout.drawn_shape) / ratio
        numbered = self._labels_on and self._count > 1 and side >= hub.px(self.LABEL_FROM)
        labels = list(self._labels or map(str, range(self._count))) if numbered else []
        font = hub.font("tiny")
        font.setPixelSize(max(1, round(font.pixelSize() * ratio)))
        text, halo = QColor("white"), QColor(0, 0, 0, 190)
        if self._pixels.has_light_ground():
            text, halo = QColor("#1a1e25"), QColor(255, 255, 255, 200)
        corner = round(hub.px(3) * ratio) if side >= hub.px(CORNER_FROM) else 0
        self._sprites = TileSprites(labels, font, corner, text, halo, hub.colour("panel"))
        self._over = self._sprites.fragments(layout) if corner or labels else []

    def _offset(self) -> int:
        return round(self._bar.value() * self.devicePixelRatioF())

    def _scroll_to(self, tile: int) -> None:
        if self._layout is None or self._bar.maximum() == 0 or not 0 <= tile < self._count:
            return
        ratio, margin = self.devicePixelRatioF(), self._layout.margin
        top = (self._layout.corner(tile)[1] - margin) / ratio
        bottom = top + (self._layout.drawn_shape[0] + 2 * margin) / ratio
        if top < self._bar.value():
            self._bar.setValue(int(top))
        elif bottom > self._bar.value() + self.height():
            self._bar.setValue(int(bottom - self.height()) + 1)

    def _restyle(self) -> None:
        self._pixels.recolour()
        self._arrange()
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme().colour("panel"))
        if self._layout is None:
            self.paint_focus_frame(painter)
            return
        ratio, offset = self.devicePixelRatioF(), self._offset()
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        painter.translate(0, -offset)
        seen = self._layout.tiles_between(offset, offset + self.height() * ratio)
        tiles: Any = self._tiles[seen.start : seen.stop]  # PyQt's stubs ask for an array, the binding for a list
        painter.drawPixmapFragments(tiles, self._pixels.picture())
        if self._over and self._sprites is not None:
            over: Any = list(chain.from_iterable(self._over[seen.start : seen.stop]))
            painter.drawPixmapFragments(over, self._sprites.pixmap)
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._outlined:
            paint_outlines(painter, [self.tile_rect(tile) for tile in seen])
        if self._hover is not None and self._hover[0] != self._selected:
            paint_ring(painter, self.tile_rect(self._hover[0]), theme().colour("muted"), theme().px(1))
        if self._selected is not None and self._selected < self._count:
            paint_ring(painter, self.tile_rect(self._selected), theme().colour(self._ring_token), theme().px(2))
        if self._lit is not None:
            side = self.pixel_scale / ratio
            paint_lit(painter, [self.tile_rect(tile) for tile in seen], self._lit, side)
        if self._cell is not None and self._cell[0] < self._count:
            tile, row, column = self._cell
            side = self.pixel_scale / self.devicePixelRatioF()
            paint_cell(painter, self.tile_rect(tile), row, column, side, theme().colour(self._ring_token))
        self.paint_focus_frame(painter)

    # The person's hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            event.ignore()
            return
        self.set_selected(place[0])
        self.tile_clicked.emit(*place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.tile_activated.emit(place[0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self.place_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def _set_hover(self, place: Place | None) -> None:
        if place == self._hover:
            return
        tile_changed = (place and place[0]) != (self._hover and self._hover[0])
        self._hover = place
        self.hovered.emit(place)
        if tile_changed:
            self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._bar.maximum() == 0:
            event.ignore()  # the area around may scroll
            return
        self._bar.setValue(self._bar.value() - event.angleDelta().y())
        self._set_hover(self.place_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._layout is None:
            event.ignore()
            return
        columns = self._layout.columns
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -columns,
            Qt.Key.Key_Down: columns,
            Qt.Key.Key_Home: -self._count,
            Qt.Key.Key_End: self._count,
        }
        key = Qt.Key(event.key())
        if key in steps:
            self._step(steps[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._selected is not None:
            self.tile_activated.emit(self._selected)
        else:
            event.ignore()

    def _step(self, by: int) -> None:
        tile = 0 if self._selected is None else self._selected + by
        if abs(by) >= self._count:
            tile = min(max(tile, 0), self._count - 1)
        if not 0 <= tile < self._count or tile == self._selected:
            return
        self.by_keyboard = True
        self.set_selected(tile)
        height, width = self._pixels.tile_shape
        self.tile_clicked.emit(tile, height // 2, width // 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._arrange()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(240), theme().px(160))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(48), theme().px(48))
