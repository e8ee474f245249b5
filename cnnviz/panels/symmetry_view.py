"""The widget of the two scenes: invariance under translation, equivariance under rotation."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.panels.symmetry import SymmetryParams, SymmetryResult
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel, Toggle
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.numbers import format_number
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.pixels import image_words
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.tiles_figure import TileRow, TilesFigure

PATH = "panels.symmetry"
_SPECTRA = (
    ("turned image", "The image as it is turned"),
    ("its spectrum", "F(Tx): the Fourier magnitude of the turned image, logarithmic, frequency 0 in the middle"),
    ("spectrum, turned", "T F(x): the Fourier magnitude of the image as it is, turned, logarithmic"),
)


class SymmetryView(PanelView):
    """Above, the image moves and its maximum does not; below, the image turns and its spectrum turns along."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: SymmetryResult | None = None
        self._shift = BoundSlider(document, f"{PATH}.shift", "shift", step=1, digits=0, unit="px", sign=True)
        self._angle = BoundSlider(document, f"{PATH}.angle", "rotation", step=1, digits=0, unit="°", sign=True)
        self._window = Toggle("fade out the border")
        self._window.setToolTip("Without it, the seams of the repeated square do not turn along")
        self._window.edited.connect(lambda on: document.edit(f"{PATH}.window", on))
        self._said, self._told = sentences(), sentences()
        self._moved, self._turned, self._first, self._second = (MosaicView(self) for _ in range(4))
        for picture in (self._moved, self._turned, self._first, self._second):
            picture.set_labels([])
        self._plot = CurvePlot(self, movable_cursor=True)
        self._plot.cursor_grabbed.connect(document.begin_gesture)
        self._plot.cursor_moved.connect(lambda x: document.edit(f"{PATH}.shift", float(round(x))))
        self._plot.cursor_dropped.connect(document.end_gesture)
        self._bar = ColourBar()
        self._bar.setAccessibleName("log(1 + magnitude)")
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        above.addWidget(self._moved, 2)
        above.addWidget(self._plot, 5)
        turn = QHBoxLayout()
        turn.addWidget(self._angle, 1)
        turn.addWidget(self._window)
        below = QGridLayout()
        below.setVerticalSpacing(theme().px(2))
        pictures = (self._turned, self._first, self._second)
        for column, ((title, tip), picture) in enumerate(zip(_SPECTRA, pictures, strict=True)):
            picture.setToolTip(tip)
            picture.setAccessibleName(tip)
            below.addWidget(ElidedLabel(title, align=Qt.AlignmentFlag.AlignHCenter, token="text"), 0, column)
            below.addWidget(picture, 1, column)
            below.setColumnStretch(column, 1)
        below.addWidget(ElidedLabel("log(1+|F|)"), 0, 3)
        below.addWidget(self._bar, 1, 3)
        below.setRowStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addWidget(self._shift)
        layout.addWidget(self._said)
        layout.addLayout(above, 1)
        layout.addLayout(turn)
        layout.addWidget(self._told)
        layout.addLayout(below, 1)

    def figures(self) -> list[Figure]:
        figure, result = self._plot.figure(), self._result
        found: list[Figure] = [] if figure is None else [figure]
        if result is not None and result.turned is not None:
            rows = tuple(
                TileRow(tip, mosaic, "unsigned", ("log(1 + |F|)",))
                for (_, tip), mosaic in zip(_SPECTRA[1:], result.spectra, strict=True)
            )
            found.append(TilesFigure("Fourier transform under rotation", rows))
        return found

    def show_result(self, result: SymmetryResult) -> None:
        super().show_result(result)
        self._result = result
        paper = actions.is_paper(self.document.scene)
        _paint(self._moved, result.moved, paper=paper)
        self._moved.set_cell((0, *result.place))
        self._plot.set_curves(result.trace)
        row, column = result.place
        same = "still" if result.moved_maximum == result.maximum else "now"
        self._said.setText(
            f"Invariant: the maximum of the moved image is {same} {format_number(result.moved_maximum)}; the place "
            f"where it lies (row {row}, column {column}) moves."
        )
        for picture in (self._turned, self._first, self._second, self._bar):
            picture.setVisible(result.turned is not None)
        if result.turned is None:
            self._told.setText(result.why)
            return
        _paint(self._turned, result.turned, paper=paper)
        for picture, mosaic in zip((self._first, self._second), result.spectra, strict=True):
            picture.set_mosaic(mosaic, "unsigned")
        self._bar.set_scale("unsigned", result.spectra[0].low, result.spectra[0].high)
        self._bar.setToolTip("log(1 + magnitude), frequency 0 in the middle")
        exact = ": rounding, the turn is exact" if result.error < 1e-9 else ""
        error = "NaN" if math.isnan(result.error) else f"{result.error:.2g}"
        self._told.setText(
            f"Equivariant: the Fourier magnitude turns with the image. Relative difference of the two: {error}{exact}."
        )
        self.set_subtitle("max and Fourier transform")

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = cast(SymmetryParams, new.panel("symmetry"))
        self._shift.refresh()
        self._angle.refresh()
        self._window.set_value(params.window)
        self._plot.set_cursor(params.shift)


def _paint(picture: MosaicView, image: np.ndarray, *, paper: bool) -> None:
    words = image_words(image, paper=paper)
    colours = np.stack([words >> 16 & 255, words >> 8 & 255, words & 255], -1).astype(np.uint8)
    picture.set_rgb(colours, (colours.shape[0], colours.shape[1]), 1, 1, 0)
