"""The two ways round: the moved input, f(T(x)), T(f(x)) and their difference side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QCursor, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QWidget

from cnnviz.panels.equivariance import EquivarianceResult, PairMaps
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.numbers import format_number
from cnnviz.ui.pixels import image_words
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.core.mosaic import Mosaic

_TITLES = ("T(x)", "f(T(x))", "T(f(x))", "difference")
_TIPS = (
    "The input as T makes it",
    "The map of the moved input: first T, then the network",
    "The map of the input, moved: first the network, then T",
    "f(T(x)) − T(f(x)): grey or black everywhere where the layer is equivariant",
)


class PairView(QWidget):
    """Four pictures in a row with the colour bar of the last three; a cell that is pointed at is marked in all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: np.ndarray | None = None
        self._card: HoverCard | None = None
        self._bar = ColourBar()
        self._pictures: list[MosaicView] = []
        self._labels: list[ElidedLabel] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme().px(6))
        grid.setVerticalSpacing(theme().px(2))
        for column, (title, tip) in enumerate(zip(_TITLES, _TIPS, strict=True)):
            picture = MosaicView(self)
            picture.set_labels([])
            picture.setToolTip(tip)
            picture.setAccessibleName(f"Picture of {title}")
            picture.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            if column:
                picture.hovered.connect(self._point)
            self._pictures.append(picture)
            label = ElidedLabel(title, token="text", align=Qt.AlignmentFlag.AlignHCenter)
            self._labels.append(label)
            grid.addWidget(label, 0, column)
            grid.addWidget(picture, 1, column)
            grid.setColumnStretch(column, 3 if column else 2)
        grid.addWidget(self._bar, 1, 4)
        grid.setRowStretch(1, 1)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        # a pixel more for one of the maps would make its cells larger than those of the others
        super().resizeEvent(event)
        taken = self._bar.sizeHint().width() + 4 * theme().px(6)
        for each in self._pictures[1:]:
            each.setMaximumWidth(max((self.width() - taken) * 3 // 11, each.minimumSizeHint().width()))

    @property
    def pictures(self) -> tuple[MosaicView, ...]:
        """T(x), f(T(x)), T(f(x)) and the difference."""
        return tuple(self._pictures)

    def show_pair(self, result: EquivarianceResult, *, paper: bool) -> None:
        """Show the moved input, and the maps of the selected layer where it has any."""
        words = image_words(result.moved, paper=paper)
        picture = np.stack([words >> 16 & 255, words >> 8 & 255, words & 255], -1).astype(np.uint8)
        self._pictures[0].set_rgb(picture, (picture.shape[0], picture.shape[1]), 1, 1, 0)
        for each in (*self._pictures[1:], *self._labels[1:]):
            each.setVisible(result.maps is not None)
        self._bar.setVisible(result.maps is not None)
        self._values = None if result.maps is None else result.maps.values
        if result.maps is None:
            self._point(None)
            return
        for tile, each in enumerate(self._pictures[1:]):
            each.set_mosaic(_tile(result.maps, tile), "signed")
        mosaic = result.maps.mosaic
        self._bar.set_scale("signed", mosaic.low, mosaic.high)

    def _point(self, place: tuple[int, int, int] | None) -> None:
        values = self._values
        if place is None or values is None or place[1] >= values.shape[1] or place[2] >= values.shape[2]:
            place = None
        for each in self._pictures[1:]:
            each.set_cell(place)
        if place is None or values is None:
            if self._card is not None:
                self._card.hide()
            return
        window = self.window() or self
        if self._card is None:
            self._card = HoverCard(window)
        _, row, column = place
        numbers = values[:, row, column]
        lines = [f"{title}: {_number(value)}" for title, value in zip(_TITLES[1:], numbers.tolist(), strict=True)]
        self._card.show_at(window.mapFromGlobal(QCursor.pos()), f"row {row}, column {column}", lines)


def _number(value: float) -> str:
    return "left out" if np.isnan(value) else format_number(value)


def _tile(maps: PairMaps, tile: int) -> Mosaic:
    mosaic = maps.mosaic
    width = mosaic.tile_shape[1]
    indices = np.ascontiguousarray(mosaic.indices[:, tile * width : (tile + 1) * width])
    return replace(mosaic, indices=indices, columns=1, count=1)
