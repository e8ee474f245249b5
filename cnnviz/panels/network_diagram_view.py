"""The diagram itself: where the mouse is, what is painted anew, zoom and pan."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
from PyQt6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QToolTip, QWidget

from cnnviz.core.graph import INPUT
from cnnviz.panels.network import Column, NetworkResult, with_rows
from cnnviz.panels.network_layer_words import explain
from cnnviz.panels.network_layout import MARGIN, ColumnShape, DiagramLayout, lay_out, rows_that_fit
from cnnviz.panels.network_paint_view import (
    Mark,
    Side,
    heading_width,
    lit_rects,
    more_rect,
    paint_backdrop,
    paint_column,
    paint_lit,
    paint_more,
    rectangle,
    shape_text,
)
from cnnviz.scene.document import Document
from cnnviz.scene.models import Pointer, Scene
from cnnviz.ui.focus_frame import FocusFrame
from cnnviz.ui.numbers import format_count
from cnnviz.ui.pixels import image_words
from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import theme

ZOOM_RANGE = (1.0, 8.0)


class NetworkDiagram(FocusFrame, QWidget):
    """Columns of feature maps, zoomed with Ctrl and the wheel, moved with the wheel or by dragging."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._whole: NetworkResult | None = None
        self._result: NetworkResult | None = None  # with as many maps of each layer as there is room for
        self._words = np.zeros((1, 1), np.uint32)
        self._texts = ShapedTexts()
        self._mark = Mark(None, 0)
        self._selected: int | None = None
        self._zoom = 1.0
        self._offset = QPointF()
        self._layout: DiagramLayout | None = None
        self._layout_key: Any = None
        self._backdrop: QPixmap | None = None
        self._area_of: DiagramLayout | None = None
        self._area = QRect()
        self._drag: QPoint | None = None
        self._moved = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Network diagram")
        theme().changed.connect(self._restyle)
        document.changed.connect(self._follow)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, 160)

    def set_result(self, result: NetworkResult) -> None:
        """Show new tensors; the backdrop is painted anew only where the diagram itself changed."""
        self._whole = result
        result = self._fitting(result)
        names = [column.node.layer.name for column in result.columns]
        selected = names.index(result.selected) if result.selected in names else None
        mark = Mark(selected, result.channel)
        shown = result.columns[selected].channels if selected is not None else ()
        tile = shown.index(mark.channel) if mark.channel in shown else None
        counts = tuple(len(column.channels) for column in result.columns)
        nodes = [column.node for column in result.columns]
        key = (nodes, result.folded, counts, selected, tile)
        if key != self._layout_key:
            self._layout_key = key
            self._backdrop = None
        before, before_selected = self._result, self._selected
        self._result, self._selected, self._mark = result, selected, mark
        if before is None or before.image is not result.image or before.paper != result.paper:
            self._words = image_words(result.image, paper=result.paper)
        if selected is not None and selected != before_selected:
            self._bring_into_view(selected)
        self.update(self._tensor_area() if self._backdrop is not None else self.rect())

    def _bring_into_view(self, index: int) -> None:
        """Move the diagram as little as shows a column whole, clear of the signs at its edges."""
        frame, edge = self._placed().columns[index].frame, more_rect(self.rect(), "left").width()
        beyond = max(frame.right - (self.width() - edge), 0.0) or min(frame.x - edge, 0.0)
        if beyond:
            self._offset -= QPointF(beyond, 0)
            self._forget_layout()

    def _fitting(self, whole: NetworkResult) -> NetworkResult:
        marked = next((column.channels for column in whole.columns if column.node.layer.name == whole.selected), ())
        tile = marked.index(whole.channel) if whole.channel in marked else None
        return with_rows(whole, rows_that_fit(self.height(), self._zoom, theme().scale), tile)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        if self._result is None or event is None:
            painter.fillRect(self.rect(), theme().colour("panel"))
            painter.end()
            return
        layout = self._placed()
        painter.drawPixmap(0, 0, self._ensure_backdrop(layout))
        for index, (column, place) in enumerate(zip(self._result.columns, layout.columns, strict=True)):
            if rectangle(place.frame).toAlignedRect().intersects(event.rect()):
                mark = self._mark if index == self._mark.column else None
                paint_column(painter, column, place, self._words, mark, self._texts)
                paint_lit(painter, lit_rects(column, place, self._document.scene.pointer))
        for side in self._hidden_sides(layout):
            paint_more(painter, self.rect(), side)
        self.paint_focus_frame(painter)
        painter.end()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._forget_layout()
        super().resizeEvent(event)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is None or self._result is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            low, high = ZOOM_RANGE
            zoom = min(max(self._zoom * 1.0015 ** event.angleDelta().y(), low), high)
            # what is under the pointer stays there
            factor = zoom / self._zoom
            self._offset = (self._offset - event.position()) * factor + event.position()
            self._zoom = zoom
        else:
            delta = event.angleDelta()
            across = delta.x() or (delta.y() if self._fits_height() else 0)
            self._offset += QPointF(across, 0 if self._fits_height() else delta.y()) * 0.5
        self._forget_layout()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._drag = event.position().toPoint()
            self._moved = False

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._result is None:
            return
        here = event.position().toPoint()
        if self._drag is not None and event.buttons() & Qt.MouseButton.LeftButton:
            step = here - self._drag
            if self._moved or step.manhattanLength() > 6:
                self._moved = True
                self._drag = here
                self._offset += QPointF(step)
                self._forget_layout()
            return
        self._point_at(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        pressed, self._drag = self._drag is not None, None
        if pressed and not self._moved and self._result is not None:
            self._click(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._result is None:
            return
        index = self._placed().column_at(event.position().x(), event.position().y())
        if index is not None:
            self._toggle_fold(self._result.columns[index])

    def leaveEvent(self, event: Any) -> None:
        if self._document.scene.pointer is not None:
            self._document.edit("pointer", None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Left and right select the layer before and after, up and down a map of it; Enter folds as a double click."""
        if event is None or self._result is None:
            return
        columns, key = self._result.columns, event.key()
        index = self._selected or 0
        layers = {
            Qt.Key.Key_Left: index - 1,
            Qt.Key.Key_Right: index + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(columns) - 1,
        }
        if key in layers:
            to = min(max(layers[Qt.Key(key)], 0), len(columns) - 1)
            self._document.edit_many(_selection(columns[to].node.layer.name))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._select_map_beside(columns[index], 1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._toggle_fold(columns[index])
        else:
            super().keyPressEvent(event)
            return
        self.by_keyboard = True

    def _select_map_beside(self, column: Column, step: int) -> None:
        """The shown map below or above the selected one; the first shown where that is among those left out."""
        if column.node.layer.name == INPUT or not column.channels:
            return
        channel = self._mark.channel
        place = column.channels.index(channel) + step if channel in column.channels else 0
        if 0 <= place < len(column.channels):
            self._document.edit("selection.channel", column.channels[place])

    def _click(self, at: QPointF) -> None:
        for side in self._hidden_sides(self._placed()):
            if more_rect(self.rect(), side).contains(at.toPoint()):
                step = self.width() * 0.6
                self._offset += QPointF(step if side == "left" else -step, 0)
                self._forget_layout()
                return
        self._select(at)

    def _hidden_sides(self, layout: DiagramLayout) -> list[Side]:
        """Where the diagram goes on beyond what is seen."""
        sides: list[Side] = []
        if self._offset.x() < -MARGIN:
            sides.append("left")
        if layout.width + self._offset.x() > self.width() + MARGIN:
            sides.append("right")
        return sides

    def _select(self, at: QPointF) -> None:
        assert self._result is not None
        layout = self._placed()
        index = layout.column_at(at.x(), at.y())
        if index is None:
            return
        column = self._result.columns[index]
        found = layout.tile_at(at.x(), at.y())
        changes = _selection(column.node.layer.name)
        if found is not None and layout.columns[index].kind == "maps":
            _, tile, down, across = found
            changes["selection.channel"] = column.channels[tile]
            shape = column.node.layer.output_shape
            if len(shape) == 3:
                changes["selection.row"] = int(down * shape[1])
                changes["selection.column"] = int(across * shape[2])
        self._document.edit_many(changes)

    def _toggle_fold(self, column: Column) -> None:
        assert self._result is not None
        folded = set(self._result.folded)
        if column.node.block is not None:
            folded.discard(column.node.block)
        else:
            inner = [path for path in column.node.layer.block if path in self._result.blocks]
            if not inner:
                return
            folded.add(inner[-1])
        self._document.edit("panels.network.folded", tuple(sorted(folded)))

    def _point_at(self, event: QMouseEvent) -> None:
        assert self._result is not None
        layout = self._placed()
        x, y = event.position().x(), event.position().y()
        index = layout.column_at(x, y)
        pointer = None
        text = ""
        if index is not None:
            column = self._result.columns[index]
            layer = column.node.layer
            text = _tool_tip(column)
            found = layout.tile_at(x, y)
            if found is not None and layout.columns[index].kind == "maps" and len(layer.output_shape) == 3:
                _, tile, down, across = found
                rows, columns = layer.output_shape[1:]
                pointer = Pointer(
                    layer=layer.name, channel=column.channels[tile], row=int(down * rows), column=int(across * columns)
                )
                text = f"<b>{html.escape(layer.name)}, channel {column.channels[tile]}</b><br>{text}"
        if pointer != self._document.scene.pointer:
            self._document.edit("pointer", pointer)
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def _follow(self, old: Scene, new: Scene) -> None:
        """Light the units that see the pixel of the input under the pointer."""
        if self._result is None or old.pointer == new.pointer or self._backdrop is None:
            return
        on_input = (each is not None and each.layer == INPUT for each in (old.pointer, new.pointer))
        if any(on_input):
            self.update(self._tensor_area())

    def _fits_height(self) -> bool:
        return self._layout is None or self._layout.height <= self.height() + 1

    def _restyle(self) -> None:
        if self._result is not None:
            self._words = image_words(self._result.image, paper=self._result.paper)
        self._forget_layout()

    def _forget_layout(self) -> None:
        if self._whole is not None:
            self._result = self._fitting(self._whole)
        self._layout = None
        self._backdrop = None
        self._layout_key = None
        self.update()

    def _placed(self) -> DiagramLayout:
        """The layout at the present zoom and offset; the offset is kept where the diagram can be seen."""
        assert self._result is not None
        if self._layout is None or self._backdrop is None:
            shapes = [_shape(column) for column in self._result.columns]
            plain = lay_out(shapes, self.width(), self.height(), self._zoom, theme().scale)
            self._offset = QPointF(
                min(max(self._offset.x(), min(self.width() - plain.width, 0.0)), 0.0),
                min(max(self._offset.y(), min(self.height() - plain.height, 0.0)), 0.0),
            )
            self._layout = plain.shifted(self._offset.x(), self._offset.y())
        return self._layout

    def _ensure_backdrop(self, layout: DiagramLayout) -> QPixmap:
        if self._backdrop is None:
            assert self._result is not None
            ratio = self.devicePixelRatioF()
            pixmap = QPixmap(self.size() * ratio)
            pixmap.setDevicePixelRatio(ratio)
            paint_backdrop(pixmap, layout, self._result, self._mark, self._selected)
            self._backdrop = pixmap
        return self._backdrop

    def _tensor_area(self) -> QRect:
        """The part of the widget that a new frame changes: from the top of the highest map to the lowest."""
        layout = self._placed()
        if self._area_of is not layout:
            tiles = [tile for place in layout.columns for tile in place.tiles]
            area = QRectF(
                QPointF(min(tile.x for tile in tiles), min(tile.y for tile in tiles)),
                QPointF(max(tile.right for tile in tiles), max(tile.y + tile.height for tile in tiles)),
            )
            self._area_of, self._area = layout, area.adjusted(-4, -4, 4, 4).toAlignedRect()
        return self._area


def _selection(layer: str) -> dict[str, Any]:
    return {"selection.layer": layer, "selection.row": None, "selection.column": None}


def _shape(column: Column) -> ColumnShape:
    words = heading_width(column)
    if column.node.layer.kind == "Input":
        return ColumnShape(1, kind="image", text_width=words)
    if column.scores:
        return ColumnShape(len(column.scores), kind="bars", text_width=words)
    if column.mosaic is None:
        return ColumnShape(0, text_width=words)
    height, width = column.mosaic.tile_shape
    if (height, width) == (1, 1):
        return ColumnShape(column.mosaic.count, kind="strip", text_width=words)
    return ColumnShape(column.mosaic.count, height, width, text_width=words)


def _tool_tip(column: Column) -> str:
    node = column.node
    lines = [
        f"<b>{html.escape(node.block or node.layer.name)}</b> · {html.escape(node.layer.summary or node.layer.kind)}"
    ]
    shape = f"output {shape_text(node.layer.output_shape)}"
    lines.append(shape if column.reached else "With this input the network does not come to this layer.")
    if node.parameters:
        lines.append(f"{format_count(node.parameters)} weights, {format_count(node.layer.macs)} multiply-adds")
    if column.left_out:
        lines.append(f"{len(column.channels)} of the strongest maps; {column.left_out} more in Activations")
    lines.append(explain(node.layer.kind))
    if node.block is not None:
        lines.append("Double click to unfold the block.")
    return "<br>".join(lines)
