"""The widget of the unit panel."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.panels.shared.field_box import lit_units
from cnnviz.panels.unit import UnitResult
from cnnviz.scene.document import Document
from cnnviz.scene.models import Pointer, Scene
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.numbers import format_number
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.pixels import image_words, words_image
from cnnviz.ui.theme import TableKind, theme

WIDE = 1.5
"""Width over height from which the numbers stand beside the map."""


class UnitView(PanelView):
    """The map large, the unit's value, what it saw, and its neighbours as numbers."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: UnitResult | None = None
        self._map = MosaicView(self)
        self._map.setAccessibleName("The selected map")
        self._map.tile_clicked.connect(lambda _tile, row, column: self._select(row, column))
        self._map.hovered.connect(lambda place: self._point(None if place is None else place[1:]))
        self._value = ElidedLabel("", role="number", token="text")
        # its text runs with the input: it takes the room that there is and never asks for another
        self._value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._value.setToolTip("The output of the unit, as the network computed it")
        self._saw = SawView()
        self._saw_caption = ElidedLabel("what it saw")
        self._grid = NumberGrid(self)
        self._grid.setAccessibleName("Values around the unit")
        self._grid.cell_clicked.connect(self._select)
        self._grid.hovered.connect(self._point)
        side = QVBoxLayout()
        side.setSpacing(2)
        self._value_caption = ElidedLabel("value")
        side.addWidget(self._value_caption)
        side.addWidget(self._value)
        side.addWidget(self._saw_caption)
        side.addWidget(self._saw, 1)
        self._bar = ColourBar()
        self._places = QGridLayout(self)
        self._places.setContentsMargins(0, 0, 0, 0)
        self._places.setHorizontalSpacing(8)
        self._places.setVerticalSpacing(8)
        self._places.addWidget(self._map, 0, 0)
        self._places.addWidget(self._bar, 0, 1)
        self._places.addLayout(side, 0, 2)
        self._is_wide: bool | None = None
        self._place(wide=False)
        document.changed.connect(self._follow)
        theme().changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        self._places.setColumnMinimumWidth(2, theme().px(92))  # of a value with its sign

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(wide=self.width() > WIDE * self.height())

    def _place(self, wide: bool) -> None:
        """The numbers below the map, or in a wide panel beside it."""
        if wide == self._is_wide:
            return
        self._is_wide = wide
        self._places.removeWidget(self._grid)
        self._places.addWidget(self._grid, 0 if wide else 1, 3 if wide else 0, 1, 1 if wide else 3)
        for column, share in enumerate((3, 0, 2, 4) if wide else (3, 0, 2, 0)):
            self._places.setColumnStretch(column, share)
        self._places.setRowStretch(0, 3)
        self._places.setRowStretch(1, 0 if wide else 5)

    def show_result(self, result: UnitResult) -> None:
        super().show_result(result)
        before, self._result = self._result, result
        if before is None or _map_of(before) != _map_of(result):
            self._show_map(result)
        self._value.set_text(format_number(result.value))
        self._value_caption.set_text("value" if result.pointed is None else "value at {}, {}".format(*result.pointed))
        self._saw.set_crop(result)
        self._saw_caption.set_text("what it saw" if result.crop is not None else "")
        self._light(self.document.scene)

    def _show_map(self, result: UnitResult) -> None:
        kind: TableKind = "signed" if result.mosaic.signed else "unsigned"
        self._map.set_mosaic(result.mosaic, kind)
        self._map.set_cell((0, result.row, result.column))
        broken = result.values[~np.isfinite(result.values)]
        nan = int(np.isnan(broken).sum())
        self._bar.set_scale(kind, result.mosaic.low, result.mosaic.high, nan=nan, infinite=broken.size - nan)
        is_map = result.values.size > 1
        height, width = result.values.shape
        self._grid.set_values(
            result.mosaic.indices,
            result.values,
            kind,
            window=(min(result.window, height), min(result.window, width)),
            centre=(result.row, result.column),
        )
        self._grid.set_marked((result.row, result.column))
        self._grid.setVisible(is_map)
        place = f" at {result.row}, {result.column}" if is_map else ""
        self.set_subtitle(f"{result.layer}, channel {result.channel}{place}")

    def _follow(self, old: Scene, new: Scene) -> None:
        if old.pointer != new.pointer:
            self._light(new)

    def _light(self, scene: Scene) -> None:
        """Frame the units that see the pixel of the input under the pointer."""
        self._map.set_lit(None if self._result is None else lit_units(self._result.reach, scene.pointer))

    def _point(self, place: tuple[int, int] | None) -> None:
        pointer, result = None, self._result
        if place is not None and result is not None and result.values.size > 1:
            row, column = place
            pointer = Pointer(layer=result.layer, channel=result.channel, row=row, column=column)
        if pointer != self.document.scene.pointer:
            self.document.edit("pointer", pointer)

    def _select(self, row: int, column: int) -> None:
        if self._result is not None:
            self.document.edit_many(
                {
                    "selection.layer": self._result.layer,
                    "selection.channel": self._result.channel,
                    "selection.row": row,
                    "selection.column": column,
                }
            )


def _map_of(result: UnitResult) -> tuple[object, ...]:
    """What the map and its numbers are drawn from; the same while a pointer moves over it."""
    return id(result.mosaic), result.layer, result.channel, result.row, result.column, result.window


def _is_seen_alike(one: UnitResult, other: UnitResult) -> bool:
    """Whether the same part of the same input reaches both units."""
    if one.crop is None or other.crop is None:
        return False
    return (one.field, one.paper) == (other.field, other.paper) and np.array_equal(one.crop, other.crop)


class SawView(QWidget):
    """The part of the input that reaches the unit; what lies in padding is hatched."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: UnitResult | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self.update)

    def set_crop(self, result: UnitResult) -> None:
        before, self._result = self._result, result
        if before is not None and _is_seen_alike(before, result):
            return  # the weights are others, and the input is not
        field = result.field
        self.setToolTip("" if field is None else f"The unit's receptive field: {field.text}; hatched is padding")
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(48), theme().px(48))

    def sizeHint(self) -> QSize:
        return QSize(theme().px(110), theme().px(110))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        result = self._result
        painter = QPainter(self)
        if result is not None and result.field is not None:
            self._paint_field(painter, result)
        painter.end()

    def _paint_field(self, painter: QPainter, result: UnitResult) -> None:
        field = result.field
        assert field is not None
        scale = min(self.width() - 4, self.height() - 4) / max(field.height, field.width)
        frame = QRectF(2, 2, field.width * scale, field.height * scale)
        painter.fillRect(frame, theme().colour("raised"))
        painter.setPen(Qt.PenStyle.NoPen)
        hatch = painter.brush()
        hatch.setStyle(Qt.BrushStyle.BDiagPattern)
        hatch.setColor(theme().colour("faint"))
        painter.setBrush(hatch)
        painter.drawRect(frame)
        if result.crop is not None:
            words = image_words(result.crop, paper=result.paper)
            height, width = words.shape
            left, top = max(-field.column, 0), max(-field.row, 0)
            target = QRectF(2 + left * scale, 2 + top * scale, width * scale, height * scale)
            painter.drawImage(target, words_image(words))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().colour("mark"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame.adjusted(-0.5, -0.5, 0.5, 0.5), 4, 4)
