"""The widget of the padding panel."""

from __future__ import annotations

from typing import cast

from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.core.choices import PADDING_WORDS, PaddingMode
from cnnviz.core.network_changes import SwapPooling, SwitchPadding
from cnnviz.panels.padding import PaddingParams, PaddingResult
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bars_figure import Bar, BarsFigure
from cnnviz.ui.controls import ElidedLabel, Segmented, Toggle
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.measure_switch import MeasureSwitch, measuring_words
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.numbers import format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.scrolled_bars import ScrolledBars
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.tiles_figure import TileRow, TilesFigure

OWN = "own"
_BLUR = {
    False: ("blur the pooling", "Pool densely, blur, then leave cells out: anti-aliased pooling (Zhang 2019)"),
    True: ("blur the strides", "Take every cell, blur, then leave cells out: anti-aliased strides (Zhang 2019)"),
}
"""The switch and its tip, in a network that pools and in one that has strides alone."""


class PaddingView(PanelView):
    """The switch above; which cells padding reaches, layer by layer; the error before and after below."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: PaddingResult | None = None
        tips = ["The network's own padding", "Zeros", "The other side", "Mirrored, the edge once", "The edge repeated"]
        self._mode = Segmented([(OWN, "own"), *PADDING_WORDS.items()], tips=tips)
        self._mode.chosen.connect(self._switch)
        self._same = Toggle("pad where there is none")
        self._same.setToolTip("Convolutions without padding get as much as keeps the size of their maps (“same”)")
        self._same.edited.connect(self._switch_same)
        self._blur = Toggle(_BLUR[False][0])
        self._blur.edited.connect(self._swap)
        self._words = sentences()
        self._large = MosaicView(self)
        self._large.set_labels([])
        self._large.setMinimumHeight(theme().px(84))
        self._large.setAccessibleName("Cells of the selected layer that padding reaches")
        self._large.setToolTip("Bright: the cell depends on what padding holds")
        self._tiles = MosaicView(self, ring="accent")
        self._tiles.set_labels([])
        self._tiles.setMinimumHeight(theme().px(60))
        self._tiles.setAccessibleName("Cells that padding reaches, layer by layer")
        self._tiles.tile_clicked.connect(lambda tile, *_: self._select(tile))
        self._tiles.hovered.connect(self._name)
        self._bars = ScrolledBars()
        self._bars.bars.setAccessibleName("Share of cells that padding reaches")
        self._bars.bars.setToolTip("Share of each layer's cells that padding reaches; a click selects the layer")
        self._bars.bars.row_clicked.connect(self._select)
        self._plot = CurvePlot(self)
        self._direction = Segmented(
            [("columns", "→"), ("rows", "↓"), ("both", "↘")], tips=["To the right", "Down", "Down and to the right"]
        )
        self._direction.chosen.connect(lambda way: document.edit("panels.padding.direction", way))
        self._progress = ElidedLabel("", token="muted")
        self._measuring = MeasureSwitch(document, "panels.padding.curves")
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _lay_out(self) -> None:
        first, second, maps, below = QHBoxLayout(), QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self._mode)
        first.addStretch(1)
        second.addWidget(self._same)
        second.addWidget(self._blur)
        second.addStretch(1)
        maps.addWidget(self._large, 2)
        maps.addWidget(self._bars, 3)
        below.addWidget(self._progress, 1)
        below.addWidget(self._measuring)
        below.addWidget(self._direction)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self._words)
        layout.addLayout(maps, 4)
        layout.addWidget(self._tiles, 2)
        layout.addWidget(self._plot, 6)
        layout.addLayout(below)

    def figures(self) -> list[Figure]:
        figure, result = self._plot.figure(), self._result
        found: list[Figure] = [] if figure is None or self._plot.isHidden() else [figure]
        if result is not None and result.reached:
            bars = tuple(Bar(each.layer, each.share, format_percent(each.share, 0)) for each in result.reached)
            marked = _place(result)
            found.append(BarsFigure("Cells that padding reaches", "layer", "share of cells", bars, marked=marked))
        if result is not None and result.large is not None:
            row = TileRow("1 where padding reaches the cell", result.large, "unsigned", (result.layer,))
            found.append(TilesFigure(f"Cells of {result.layer} that padding reaches", (row,)))
        return found

    def show_result(self, result: PaddingResult) -> None:
        super().show_result(result)
        before, self._result = self._result, result
        if before is None or before.tiles is not result.tiles:
            self._show_reach(result)
        offer = ""
        if result.reached and not result.padded and not self._same.value():
            offer = f"{result.network} has no padding: there is nothing to switch. "
            offer += "Switch on “pad where there is none” to give it some. "
        self._words.setText(f"{offer}{result.words}")
        self._mode.setEnabled(result.padded or self._same.value())
        self._same.setEnabled(bool(result.reached))
        words, tip = _BLUR[result.strided]
        self._blur.setText(words)
        self._blur.setToolTip(tip)
        self._blur.setVisible(result.pooled or result.strided)
        self._plot.setVisible(result.curves is not None)
        if result.curves is not None:
            self._plot.set_curves(result.curves)
        told = f"{result.layer} has no error that could be drawn."
        if result.curves is not None:
            told = f"Mean over {result.images} images ± deviation" if result.images > 1 else "On this input"
        on = cast(PaddingParams, self.document.scene.panel("padding")).curves
        self._progress.set_text(told if result.done >= 1 else measuring_words(result.done, on=on))
        self._measuring.show_share(result.done, on=on)
        self.set_subtitle(result.layer)

    def _show_reach(self, result: PaddingResult) -> None:
        marked = _place(result)
        if result.large is None:
            self._large.clear()
        else:
            self._large.set_mosaic(result.large, "unsigned")
        self._large.setVisible(result.large is not None)
        if result.tiles is None:
            self._tiles.clear()
        else:
            self._tiles.set_mosaic(result.tiles, "unsigned")
            self._tiles.set_selected(marked)
        self._tiles.setVisible(result.tiles is not None)
        shares = [each.share for each in result.reached]
        texts = [format_percent(share, 0) for share in shares]
        self._bars.set_rows([each.layer for each in result.reached], shares, marked=marked, texts=texts)

    def _select(self, index: int) -> None:
        if self._result is not None and index < len(self._result.reached):
            self.document.edit("selection.layer", self._result.reached[index].layer)

    def _name(self, place: tuple[int, int, int] | None) -> None:
        reached = () if self._result is None else self._result.reached
        if place is None or place[0] >= len(reached):
            self._tiles.setToolTip("")
            return
        each = reached[place[0]]
        size = f"{each.size[0]}×{each.size[1]}"
        self._tiles.setToolTip(f"{each.layer}, {size}: padding reaches {format_percent(each.share, 1)} of the cells")

    def _switch(self, mode: str) -> None:
        if mode == OWN:
            actions.put_back(self.document, SwitchPadding)
        else:
            change = SwitchPadding(cast(PaddingMode, mode), same=self._same.value())
            actions.change_network(self.document, change)

    def _switch_same(self, on: bool) -> None:
        present = _padding(self.document.scene)
        if on:
            mode = "zeros" if present is None else present.mode
            actions.change_network(self.document, SwitchPadding(mode, same=True))
        elif present is not None and self._result is not None and self._result.padded:
            actions.change_network(self.document, SwitchPadding(present.mode))
        else:
            actions.put_back(self.document, SwitchPadding)

    def _swap(self, on: bool) -> None:
        if not on:
            actions.put_back(self.document, SwapPooling)
        elif self._result is not None and self._result.strided:
            actions.change_network(self.document, SwapPooling("blur_average", window=1))
        elif self._result is not None:
            actions.change_network(self.document, SwapPooling("blur_average" if self._result.averages else "blur_max"))

    def _follow(self, old: Scene, new: Scene) -> None:
        change = _padding(new)
        self._mode.set_value(OWN if change is None else change.mode)
        self._same.set_value(change is not None and change.same)
        blurs = [each for each in new.changes if isinstance(each, SwapPooling) and each.kind.startswith("blur")]
        self._blur.set_value(bool(blurs))
        self._direction.set_value(cast(PaddingParams, new.panel("padding")).direction)


def _place(result: PaddingResult) -> int | None:
    """Of the selected layer among those with maps."""
    return next((index for index, each in enumerate(result.reached) if each.layer == result.layer), None)


def _padding(scene: Scene) -> SwitchPadding | None:
    """The switch for every layer, where there is one."""
    return next((each for each in scene.changes if isinstance(each, SwitchPadding) and each.layer is None), None)
