"""The page of the network's maps: its poolings to swap, and one channel before and after its pooling and a shift."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.panels.pooling import PoolingParams
from cnnviz.panels.pooling_maps import MapsResult
from cnnviz.panels.pooling_swaps_view import PoolingSwaps
from cnnviz.scene.document import Document
from cnnviz.scene.models import Pointer, Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.figure import Figure
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.numbers import format_percent
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import TableKind, theme
from cnnviz.ui.tiles_figure import TileRow, TilesFigure

_HEADS = ("input as it is", "input shifted", "bright: changed")
_LOW = 420
"""Height, at scale 1, below which the maps need the room more than the list of poolings."""
_PLACES = (0, 1, 3)
"""Columns of the grid: the colour bar of the two maps stands beside them."""


class PoolingMapsPage(QWidget):
    """Rows for detector and pooled stage, columns for the input as it is, the shifted one, and where they differ."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._result: MapsResult | None = None
        self._swaps = PoolingSwaps(document)
        self._swaps.chosen.connect(lambda layer: document.edit("panels.pooling.layer", layer))
        self._why = sentences("muted")
        self._why.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._shift = BoundSlider(
            document,
            "input.edits.shift_columns",
            "shift x",
            low=-16,
            high=16,
            step=0.5,
            digits=1,
            sign=True,
            unit="px",
            label_width=48,
            value_width=60,
        )
        self._tolerance = BoundSlider(
            document,
            "panels.pooling.tolerance",
            "tolerance",
            high=1,
            step=0.001,
            digits=3,
            label_width=48,
            value_width=40,
        )
        self._views = [[MosaicView(self) for _ in _HEADS] for _ in range(2)]
        self._bars = [ColourBar() for _ in range(2)]
        self._shares = [ElidedLabel("", token="text") for _ in range(2)]
        self._names = [ElidedLabel("", token="text") for _ in range(2)]
        for label in (*self._shares, *self._names):
            # numbers run in them: were their width asked for, the whole window would be laid out anew each time
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._content = QWidget()
        self._lay_out()

    def show_maps(self, result: MapsResult) -> None:
        """Show the network's poolings and the chosen one's maps."""
        self._result = result
        self._content.setVisible(bool(result.stages))
        self._why.setVisible(bool(result.why))
        self._why.setText(result.why)
        self._swaps.show_entries(result.entries, result.chosen)
        widgets = zip(result.stages, self._views, self._names, self._shares, self._bars, strict=False)
        for stage, views, name, share, bar in widgets:
            kind: TableKind = "signed" if stage.signed else "unsigned"
            views[0].set_mosaic(stage.before, kind)
            views[1].set_mosaic(stage.after, kind)
            views[2].set_mosaic(stage.changed, "unsigned")
            bar.set_scale(kind, *stage.before.range_of(0))
            called = "detector" if stage is result.stages[0] else "pooled"
            name.set_text(f"{called}: {stage.title}, {stage.shape[0]}×{stage.shape[1]}")
            share.set_text(f"{format_percent(stage.share, 1)} changed" if self._is_shifted() else "move “shift x”")
            views[2].setToolTip(f"{format_percent(stage.layer_share, 1)} of the values of all its maps changed")

    def refresh(self, scene: Scene, params: PoolingParams) -> None:
        """Show what the document says."""
        self._shift.refresh()
        self._tolerance.refresh()

    def _is_shifted(self) -> bool:
        edits = self._document.scene.input.edits
        return bool(edits.shift_rows or edits.shift_columns)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._swaps.set_low(self.height() < theme().px(_LOW))

    def figures(self) -> list[Figure]:
        result = self._result
        if result is None or not result.stages:
            return []
        rows: list[TileRow] = []
        for stage, called in zip(result.stages, ("detector", "pooled"), strict=False):
            kind: TableKind = "signed" if stage.signed else "unsigned"
            named = f"{called}: {stage.title}, channel {result.channel}"
            changed = f"{_HEADS[2]}, {format_percent(stage.share, 1)}"
            before, after, differs = stage.values[:, None]
            rows += [TileRow(f"{named}, {_HEADS[0]}", stage.before, kind, numbers=before)]
            rows += [TileRow(f"{named}, {_HEADS[1]}", stage.after, kind, numbers=after)]
            rows += [TileRow(changed, stage.changed, "unsigned", numbers=differs)]
        return [TilesFigure("Detector and pooled stage before and after the shift", tuple(rows))]

    def _lay_out(self) -> None:
        sliders = QHBoxLayout()
        sliders.setSpacing(theme().px(8))
        sliders.addWidget(self._shift, 3)
        sliders.addWidget(self._tolerance, 2)
        grid = QGridLayout(self._content)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme().px(8))
        grid.setVerticalSpacing(theme().px(2))
        grid.addLayout(sliders, 0, 0, 1, 4)
        for column, head in enumerate(_HEADS):
            grid.addWidget(ElidedLabel(head), 1, _PLACES[column])
            grid.setColumnStretch(_PLACES[column], 1)
        for stage, (views, name, share) in enumerate(zip(self._views, self._names, self._shares, strict=True)):
            line, called = 2 + 2 * stage, ("Detector", "Pooled")[stage]
            grid.addWidget(name, line, 0, 1, 3)
            grid.addWidget(share, line, 3)
            for column, view in enumerate(views):
                view.setAccessibleName(f"{called} stage, {_HEADS[column]}")
                view.set_labels([])
                view.hovered.connect(lambda place, stage=stage: self._point(stage, place))
                grid.addWidget(view, line + 1, _PLACES[column])
            self._bars[stage].setMinimumHeight(theme().px(48))  # no higher than the maps need
            self._bars[stage].setAccessibleName(f"Values of the {called.lower()} stage")
            grid.addWidget(self._bars[stage], line + 1, 2)
            grid.setRowStretch(line + 1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        layout.addWidget(self._swaps)
        layout.addWidget(self._content, 1)
        layout.addWidget(self._why)

    def _point(self, stage: int, place: tuple[int, int, int] | None) -> None:
        result, pointer = self._result, None
        if place is not None and result is not None and result.stages and result.stages[stage].layer:
            pointer = Pointer(layer=result.stages[stage].layer, channel=result.channel, row=place[1], column=place[2])
        if pointer != self._document.scene.pointer:
            self._document.edit("pointer", pointer)
