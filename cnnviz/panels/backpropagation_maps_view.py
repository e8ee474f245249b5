"""All maps of one layer beside the gradient of the loss with respect to them."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from cnnviz.panels.backpropagation_signal import LayerMaps
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.mosaic_view import MosaicView, Place
from cnnviz.ui.numbers import format_number
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import TableKind, theme

ROOM_FOR_WORDS, ROOM_FOR_BARS = 200, 84


class GradientMaps(QWidget):
    """What the layer gives at the left, the gradient at the right; a unit pointed at is marked in both."""

    unit_clicked = pyqtSignal(int, int, int)
    """Channel, row and column."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._maps: LayerMaps | None = None
        self._views = (MosaicView(self), MosaicView(self))
        self._bars = (ColourBar(Qt.Orientation.Horizontal), ColourBar(Qt.Orientation.Horizontal))
        self._captions = (ElidedLabel("", token="text"), ElidedLabel("", token="text"))
        self._words = sentences("muted")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme().px(10))
        grid.setVerticalSpacing(theme().px(3))
        names = ("Activations of the layer", "Gradient of the loss with respect to them")
        for column, (view, bar, caption) in enumerate(zip(self._views, self._bars, self._captions, strict=True)):
            caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            view.setAccessibleName(names[column])
            view.setMinimumHeight(theme().px(34))
            view.hovered.connect(self._point)
            view.tile_clicked.connect(self.unit_clicked)
            grid.addWidget(caption, 0, column)
            grid.addWidget(view, 1, column)
            grid.addWidget(bar, 2, column)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self._words, 3, 0, 1, 2)
        grid.setRowStretch(1, 1)

    def show_maps(self, maps: LayerMaps | None, channel: int) -> None:
        """Show the maps of a layer, and mark a channel."""
        self._maps = maps
        for part in (*self._views, *self._captions):
            part.setVisible(maps is not None)
        roomy = self.height() >= theme().px(ROOM_FOR_BARS)
        for bar in self._bars:
            bar.setVisible(maps is not None and roomy)
        if maps is None:
            self._words.show()
            self._words.setText("This layer has no gradient that can be drawn; choose another one in the strip.")
            return
        for view, bar, mosaic in zip(self._views, self._bars, (maps.activations, maps.gradients), strict=True):
            kind: TableKind = "signed" if mosaic.signed else "unsigned"
            view.set_mosaic(mosaic, kind)
            view.set_selected(channel if channel < mosaic.count and mosaic.count > 1 else None)
            bar.set_scale(kind, mosaic.low, mosaic.high, digits=_digits(float(mosaic.high)))
        self._words.setText(maps.words)
        self._point(None)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        # the maps come first: what explains them goes where there is no room
        self._words.setVisible(self.height() >= theme().px(ROOM_FOR_WORDS))
        for bar in self._bars:
            bar.setVisible(self._maps is not None and self.height() >= theme().px(ROOM_FOR_BARS))
        super().resizeEvent(event)

    def _point(self, place: Place | None) -> None:
        maps = self._maps
        if maps is None:
            return
        for view in self._views:
            view.set_cell(place)
        if place is None or place[0] >= len(maps.values):
            self._captions[0].set_text(f"{maps.layer} gives")
            self._captions[1].set_text(f"∂L / ∂ {maps.layer}")
            return
        tile, row, column = place
        where = f"[{tile}, {row}, {column}]" if maps.values[0].size > 1 else f"[{tile}]"
        self._captions[0].set_text(f"{where} = {format_number(float(maps.values[place]))}")
        gradient = float(maps.gradient_values[place])
        self._captions[1].set_text(f"∂L / ∂ {where} = {format_number(gradient, 4, sign=True)}")


def _digits(high: float) -> int | None:
    """More decimals than a bar has by itself, since gradients are small; exponents from there on."""
    return 4 if 1e-3 <= high < 0.1 else None
