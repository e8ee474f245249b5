"""The widget of the activations panel."""

from __future__ import annotations

from typing import cast

from PyQt6.QtCore import QSize
from PyQt6.QtGui import QCursor, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from cnnviz.panels.activations import ActivationsParams, ActivationsResult
from cnnviz.panels.shared.field_box import lit_units
from cnnviz.scene.document import Document
from cnnviz.scene.models import Pointer, Scene
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import Segmented
from cnnviz.ui.histogram_view import HistogramView
from cnnviz.ui.histogram_window import HistogramWindow
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.number_list import NumberList
from cnnviz.ui.numbers import format_number, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import TableKind, theme


class ActivationsView(PanelView):
    """All maps of the selected layer, their colour bar, their histogram and what they are like as a whole."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._scale = Segmented(
            [("shared", "one scale"), ("own", "each its own")],
            tips=["All maps in one colour scale: bright means strong", "Each map in its own: faint maps can be read"],
        )
        super().__init__(document, parent)
        self._result: ActivationsResult | None = None
        self._hover: tuple[int, int, int] | None = None
        self._card: HoverCard | None = None
        self._scale.chosen.connect(lambda scale: document.edit("panels.activations.scale", scale))
        self._maps = MosaicView(self)
        self._maps.setAccessibleName("Feature maps")
        self._maps.tile_clicked.connect(self._select)
        self._maps.hovered.connect(self._point)
        self._bar = ColourBar()
        self._histogram = HistogramView()
        self._histogram.setToolTip("How many activations of the layer have each value; double click for a large one")
        self._histogram.enlarge_asked.connect(self._enlarge)
        self._large: HistogramWindow | None = None
        self._numbers = NumberList(
            {
                "mean": "Mean of all activations of the layer",
                "std": "Standard deviation of all activations of the layer",
                "zero": "Share of activations that are exactly zero",
                "≤ 0": "Share of activations that are not positive: a ReLU right behind this layer makes them zero",
                "silent maps": "Maps without a value above zero: a ReLU passes nothing of them on",
                "not finite": "Activations that are NaN or infinite; left out of the other numbers",
            }
        )
        self._side = QWidget()
        self._places = QGridLayout(self._side)
        self._places.setContentsMargins(0, 0, 0, 0)
        self._places.setVerticalSpacing(6)
        self._places.setRowStretch(0, 3)
        self._is_low: bool | None = None
        self._place_side(low=False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._maps, 1)
        layout.addWidget(self._side)
        theme().changed.connect(self._restyle)
        document.changed.connect(self._follow)
        self._restyle()
        self._follow(document.scene, document.scene)

    def header_controls(self) -> list[QWidget]:
        return [self._scale]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_side(low=self.height() < self._height_of(self._bar, self._histogram, self._numbers))

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._height_of(self._histogram, self._numbers))

    def _height_of(self, *parts: QWidget) -> int:
        """That which these need one below the other."""
        between = self._places.verticalSpacing() * (len(parts) - 1)
        return sum(part.minimumSizeHint().height() for part in parts) + between

    def _place_side(self, low: bool) -> None:
        """Colour bar, histogram and numbers one below the other; in a low panel the bar stands beside the others."""
        if low == self._is_low:
            return
        self._is_low = low
        for part in (self._bar, self._histogram, self._numbers):
            self._places.removeWidget(part)
        self._places.addWidget(self._bar, 0, 0, 2 if low else 1, 1)
        self._places.addWidget(self._histogram, 0 if low else 1, 1 if low else 0)
        self._places.addWidget(self._numbers, 1 if low else 2, 1 if low else 0)
        self._places.setRowStretch(1, 0 if low else 2)
        self._restyle()

    def show_result(self, result: ActivationsResult) -> None:
        super().show_result(result)
        self._result = result
        mosaic = result.mosaic
        kind: TableKind = "signed" if mosaic.signed else "unsigned"
        self._maps.set_mosaic(mosaic, kind)
        self._maps.set_selected(result.unit.channel)
        self._light(self.document.scene)
        statistics = result.statistics
        self._bar.set_scale(kind, mosaic.low, mosaic.high, nan=statistics.nan, infinite=statistics.infinite)
        counts, edges = result.histogram
        self._histogram.set_histogram(counts, edges, signed=mosaic.signed)
        self._say_numbers(result)
        self._follow_large()
        shape = result.shape
        size = f"{mosaic.count} maps of {shape[1]}×{shape[2]}" if len(shape) == 3 else f"{mosaic.count} values"
        self.set_subtitle(f"{result.layer} · {size}")
        self._show_tip()

    def _say_numbers(self, result: ActivationsResult) -> None:
        statistics = result.statistics
        broken = statistics.nan + statistics.infinite
        signed = result.mosaic.signed
        self._numbers.set_numbers(
            {
                "mean": format_number(statistics.mean),
                "std": format_number(statistics.std),
                "zero": None if signed else format_percent(statistics.zeros, 0),
                "≤ 0": format_percent(result.zero_after_relu, 0) if signed else None,
                "silent maps": f"{statistics.silent} of {statistics.maps}",
                "not finite": str(broken) if broken else None,
            }
        )

    def _enlarge(self) -> None:
        if self._large is None:
            self._large = HistogramWindow(self.window() or self)
            self._large.finished.connect(self._forget_large)
            self._large.show()
        self._follow_large()

    def _forget_large(self) -> None:
        self._large = None

    def _follow_large(self) -> None:
        if self._large is not None and self._result is not None:
            counts, edges = self._result.histogram
            self._large.set_histogram(counts, edges, f"{self._result.layer}: {int(counts.sum()):,} activations")

    def _select(self, tile: int, row: int, column: int) -> None:
        if self._result is not None:
            place = {"selection.row": row, "selection.column": column} if len(self._result.shape) == 3 else {}
            self.document.edit_many({"selection.layer": self._result.layer, "selection.channel": tile, **place})

    def _point(self, place: tuple[int, int, int] | None) -> None:
        self._hover = place
        pointer = None
        if place is not None and self._result is not None and len(self._result.shape) == 3:
            channel, row, column = place
            pointer = Pointer(layer=self._result.layer, channel=channel, row=row, column=column)
        if pointer != self.document.scene.pointer:
            self.document.edit("pointer", pointer)
        self._show_tip()

    def _show_tip(self) -> None:
        """The unit under the pointer, its value as the network computed it; kept up to date while the input changes."""
        result = self._result
        if result is None or self._hover is None:
            self._hide_card()
            return
        channel, row, column = self._hover
        maps, rows, columns = result.values.shape
        if channel >= maps or row >= rows or column >= columns:
            self._hide_card()
            return
        window = self.window() or self
        if self._card is None:
            self._card = HoverCard(window)
        value = format_number(float(result.values[channel, row, column]))
        here = window.mapFromGlobal(QCursor.pos())
        self._card.show_at(here, f"{result.layer}, channel {channel}", [f"row {row}, column {column}", value])

    def _hide_card(self) -> None:
        if self._card is not None:
            self._card.hide()

    def _follow(self, old: Scene, new: Scene) -> None:
        params = cast(ActivationsParams, new.panel("activations"))
        if self._scale.value() != params.scale:
            self._scale.set_value(params.scale)
        if old.pointer != new.pointer:
            self._light(new)

    def _light(self, scene: Scene) -> None:
        """Frame the units that see the pixel under the pointer, in every map."""
        self._maps.set_lit(None if self._result is None else lit_units(self._result.reach, scene.pointer))

    def _restyle(self) -> None:
        bar = self._bar.sizeHint().width() + self._places.horizontalSpacing() if self._is_low else 0
        self._side.setFixedWidth(theme().px(168) + bar)
