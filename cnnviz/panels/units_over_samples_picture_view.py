"""One picture of units over samples with its colour bar, the card at the pointer, and what a click does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QCursor, QImage
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cnnviz.panels.units_over_samples_matrix_view import MatrixContent, UnitMatrix
from cnnviz.panels.units_over_samples_pictures import UnitPicture
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.numbers import format_count, format_number
from cnnviz.ui.pixels import image_words, words_image
from cnnviz.ui.theme import TableKind, theme

ORDER_WORDS = {
    "as-is": "in their order",
    "variance": "by variance",
    "class": "by the class they like",
    "correlation": "by correlation",
}


class PictureView(QWidget):
    """Hovering says unit, sample and value; a click selects the unit, a double click makes the sample the input."""

    unit_wanted = pyqtSignal(object, int)
    """The picture, and a column of it."""
    sample_wanted = pyqtSignal(object, str, str)
    """As `PanelView.image_wanted`."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: UnitPicture | None = None
        self._card: HoverCard | None = None
        self.matrix = UnitMatrix(name)
        self.matrix.setToolTip("")
        self.matrix.hovered.connect(self._point)
        self.matrix.clicked.connect(self._click)
        self.matrix.row_wanted.connect(self._want)
        self.bar = ColourBar(Qt.Orientation.Horizontal)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addWidget(self.matrix, 1)
        layout.addWidget(self.bar)

    @property
    def picture(self) -> UnitPicture | None:
        """What is shown."""
        return self._picture

    def set_picture(self, picture: UnitPicture | None, order: str, beside: Sequence[UnitPicture] = ()) -> None:
        """Show another one; None shows nothing. ``beside`` are those that stand beside it."""
        if picture is self._picture:
            return
        self._picture = picture
        self.matrix.set_content(None if picture is None else content_of(picture, order, beside))
        self.bar.setVisible(picture is not None)
        if picture is not None:
            values = picture.values
            nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
            self.bar.set_scale(kind_of(picture), picture.low, picture.high, nan=nan, infinite=infinite)

    def mark(self, layer: str | None, channel: int) -> None:
        """Frame the columns of the selected unit, where it is one of this layer."""
        picture = self._picture
        here = picture is not None and layer == picture.layer
        self.matrix.set_marked(picture.columns_of(channel).tolist() if here and picture is not None else ())

    def _point(self, cell: tuple[int, int] | None) -> None:
        picture = self._picture
        if cell is None or picture is None or cell[0] >= len(picture.values) or cell[1] >= len(picture.channels):
            if self._card is not None:
                self._card.hide()
            return
        row, column = cell
        window = self.window() or self
        if self._card is None:
            self._card = HoverCard(window)
        name, number = sample_name(picture, row)
        value = format_number(float(picture.values[row, column]))
        lines = [f"{value} for {name}", number, *_striking(picture, column), "double click: this image as the input"]
        here = window.mapFromGlobal(QCursor.pos())
        self._card.show_at(here, picture.unit_name(column), lines, sample_image(picture, row))

    def hideEvent(self, event: Any) -> None:
        if self._card is not None:
            self._card.hide()

    def _click(self, row: int, column: int) -> None:
        if self._picture is not None and column < len(self._picture.channels):
            self.unit_wanted.emit(self._picture, column)

    def _want(self, row: int) -> None:
        picture = self._picture
        if picture is not None and row < len(picture.samples):
            pixels = picture.images.images[picture.samples[row]].transpose(1, 2, 0)
            shown = np.ascontiguousarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
            self.sample_wanted.emit(shown, sample_name(picture, row)[1], picture.class_name(row))


def kind_of(picture: UnitPicture) -> TableKind:
    return "signed" if picture.signed else "unsigned"


def content_of(picture: UnitPicture, order: str, beside: Sequence[UnitPicture] = ()) -> MatrixContent:
    """The picture with marks over striking units and the deviation of each below.

    With the pictures that stand ``beside`` it, it has rows of marks in common, so that like lies beside like; and the
    scale of the deviations, where it shares that of its colours.
    """
    found = picture.statistics
    flags = {name: getattr(found, name) for name in _MARKS}
    marked = [name for name in _MARKS if any(getattr(each.statistics, name).any() for each in (picture, *beside))]
    deviation = np.sqrt(found.variance)
    alike = [picture, *(each for each in beside if (each.low, each.high) == (picture.low, picture.high))]
    shown = format_count(len(picture.channels))
    counted = shown if len(picture.channels) == picture.units else f"{shown} of {format_count(picture.units)}"
    what = "channels" if picture.of_maps else "units"
    return MatrixContent(
        picture.indices,
        kind_of(picture),
        picture.bands,
        tuple((_MARKS[name], flags[name]) for name in marked),
        deviation,
        "std",
        max(float(np.sqrt(each.statistics.variance.max())) for each in alike),
        f"{counted} {what}, {ORDER_WORDS[order]}",
    )


_MARKS = {"always_on": "always on", "silent": "silent", "ignoring": "ignoring"}


def correlation_content(picture: UnitPicture, order: str) -> MatrixContent:
    """r of every two columns, −1 to 1; empty for constant units."""
    what = "channels" if picture.of_maps else "units"
    label = f"{len(picture.channels)} {what}, {ORDER_WORDS[order]}"
    return MatrixContent(picture.correlation_indices, "signed", x_label=label, square=True)


def sample_name(picture: UnitPicture, row: int) -> tuple[str, str]:
    """Its class, and which image of which data set it is."""
    images = picture.images
    number = int(images.numbers[picture.samples[row]])
    return f"“{picture.class_name(row)}”", images.choice.name_of(number)


def sample_image(picture: UnitPicture, row: int) -> QImage:
    """The sample of a row as it lies in the data set."""
    pixels = picture.images.images[picture.samples[row]]
    words = image_words(pixels.astype(np.float32) / 255, paper=False)
    return words_image(words).copy()


def _striking(picture: UnitPicture, column: int) -> list[str]:
    found = picture.statistics
    words = [("silent", found.silent), ("always on", found.always_on), ("ignores the input", found.ignoring)]
    said = [word for word, flags in words if flags[column]]
    return [", ".join(said)] if said else []
