"""Two networks' pictures of one layer side by side, and their difference, with one pointer over all three."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from cnnviz.panels.compare import CompareResult
from cnnviz.panels.compare_sides import ColourTiles, SideBySide
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.mosaic_view import MosaicView, Place
from cnnviz.ui.numbers import format_number
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.core.mosaic import Mosaic


class PairView(QWidget):
    """Hovering over a unit marks it in all three and says its values; a click selects it."""

    unit_clicked = pyqtSignal(int, int, int)
    """Tile, row, column, of the first network's picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: CompareResult | None = None
        self._hover: tuple[int, Place] | None = None
        self._views = tuple(MosaicView(self, outlined=True) for _ in range(3))
        self._captions = tuple(ElidedLabel("", align=Qt.AlignmentFlag.AlignHCenter) for _ in range(3))
        self._scale = ColourBar(Qt.Orientation.Horizontal)
        self._reach = ColourBar(Qt.Orientation.Horizontal)
        self._words = ElidedLabel("", token="text", align=Qt.AlignmentFlag.AlignHCenter)
        grid = self._grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme().px(8))
        grid.setVerticalSpacing(theme().px(3))
        for column, (name, view, caption) in enumerate(
            zip(("First network", "Second network", "Difference"), self._views, self._captions, strict=True)
        ):
            view.setAccessibleName(name)
            # else a long name would make its column wider than the others
            caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(caption, 0, column)
            grid.addWidget(view, 1, column)
            grid.setColumnStretch(column, 1)
            view.hovered.connect(lambda place, column=column: self._point(column, place))
            view.tile_clicked.connect(lambda tile, row, cell, column=column: self._click(column, (tile, row, cell)))
            view.scroll_bar.valueChanged.connect(lambda value, column=column: self._scroll_all(column, value))
        grid.addWidget(self._scale, 2, 0, 1, 2)
        grid.addWidget(self._reach, 2, 2)
        grid.addWidget(self._words, 3, 0, 1, 3)
        grid.setRowStretch(1, 1)

    def set_pictures(self, result: CompareResult) -> None:
        """Show what was computed of the selected layer."""
        self._result = result
        pictures = result.pictures
        if pictures is None:
            return
        for view, picture in zip(self._views, (pictures.first, pictures.second, pictures.difference), strict=True):
            signed = pictures.signed or view is self._views[2]
            _paint(view, picture, signed=signed)
            many = picture is not None and picture.count > 1
            view.set_selected(result.channel if many and result.channel is not None else None)
        for caption, words in zip(self._captions, (result.first, result.second, "difference"), strict=True):
            caption.set_text(words)
        self._scale.set_scale("signed" if pictures.signed else "unsigned", pictures.low, pictures.high)
        self._scale.setVisible(not isinstance(pictures.first, ColourTiles))
        self._reach.set_scale("signed", -pictures.reach, pictures.reach)
        self._reach.setVisible(pictures.difference is not None and not isinstance(pictures.difference, ColourTiles))
        self._say()

    def resizeEvent(self, event: QResizeEvent) -> None:
        # three columns of one width, so that the tiles of all are drawn at one size
        between = self._grid.horizontalSpacing()
        self._grid.setContentsMargins(0, 0, (self.width() - 2 * between) % 3, 0)
        super().resizeEvent(event)

    def words(self) -> str:
        """What is said of the unit under the pointer."""
        return self._words.text()

    def _point(self, column: int, place: Place | None) -> None:
        self._hover = None if place is None else (column, place)
        self._say()

    def _say(self) -> None:
        """Mark the unit under the pointer everywhere, and write its values."""
        pictures = self._result.pictures if self._result is not None else None
        if pictures is None or self._hover is None:
            for view in self._views:
                view.set_cell(None)
            self._words.set_text(_still(self._result, pictures), "muted")
            return
        column, place = self._hover
        first, second = (_moved(place, column, pictures, target) for target in (0, 1))
        for view, cell in zip(self._views, (first, second, first), strict=True):
            view.set_cell(cell)
        known = first is not None or second is not None
        self._words.set_text(_values(pictures, first, second) if known else _still(self._result, pictures), "text")

    def _click(self, column: int, place: Place) -> None:
        pictures = self._result.pictures if self._result is not None else None
        if pictures is not None and pictures.first_values is not None:
            moved = _moved(place, column, pictures, 0)
            if moved is not None:
                self.unit_clicked.emit(*moved)

    def _scroll_all(self, column: int, value: int) -> None:
        for index, view in enumerate(self._views):
            if index != column and view.scroll_bar.value() != value:
                view.scroll_bar.setValue(value)


def _paint(view: MosaicView, picture: Mosaic | ColourTiles | None, *, signed: bool) -> None:
    if picture is None:
        view.clear()
    elif isinstance(picture, ColourTiles):
        view.set_rgb(picture.pixels, picture.tile_shape, 1, picture.count, 0)
    else:
        view.set_mosaic(picture, "signed" if signed else "unsigned")


def _moved(place: Place, column: int, pictures: SideBySide, target: int) -> Place | None:
    """The same unit in the picture of another network, at the same part of its map; None where it has none."""
    shapes = [_map_shape(values) for values in (pictures.first_values, pictures.second_values)]
    here, there = shapes[1 if column == 1 else 0], shapes[target]
    tile, row, cell = place
    if here is None or there is None or tile >= min(here[0], there[0]) or row >= here[1] or cell >= here[2]:
        return None  # pointed at in the layer before, or of the other network alone
    return tile, int((row + 0.5) * there[1] / here[1]), int((cell + 0.5) * there[2] / here[2])


def _map_shape(values: np.ndarray | None) -> tuple[int, int, int] | None:
    return None if values is None else (values.shape[0], values.shape[-2], values.shape[-1])


def _values(pictures: SideBySide, first: Place | None, second: Place | None) -> str:
    one = _value(pictures.first_values, first)
    two = _value(pictures.second_values, second)
    place = first or second
    assert place is not None
    many = pictures.first_values is None or pictures.first_values.shape[-1] * pictures.first_values.shape[-2] > 1
    where = f"{place[0]}, row {place[1]}, column {place[2]}" if many else str(place[0])
    parts = [", ".join(map(format_number, each)) if each.size else "—" for each in (one, two)]
    change = ""
    if pictures.difference is not None:
        change = f"   difference {', '.join(format_number(each, sign=True) for each in two - one)}"
    return f"{where}:   {parts[0]}  |  {parts[1]}{change}"


def _value(values: np.ndarray | None, place: Place | None) -> np.ndarray:
    """One number, or one for each of three colours; empty where there is none."""
    if values is None or place is None:
        return np.zeros(0)
    tile, row, column = place
    return np.atleast_1d(values[tile, ..., row, column])


def _still(result: CompareResult | None, pictures: SideBySide | None) -> str:
    """What stands there while nothing is pointed at."""
    if result is None or pictures is None:
        return ""
    if pictures.note:
        return pictures.note
    if isinstance(pictures.first, ColourTiles):
        low, high, reach = (format_number(each) for each in (pictures.low, pictures.high, pictures.reach))
        return f"{result.layer}: colours {low} to {high}; difference ±{reach}, grey where equal"
    return f"{result.layer}: point at a unit for its values"
