"""The widget of the chain builder: the editable layers, the pixels that reach a unit, and the field over depth."""

from __future__ import annotations

from typing import cast

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.core.chain_growth import PRESETS, StageGrowth
from cnnviz.panels.chain_builder import MOST_STAGES, ChainBuilderParams, ChainBuilderResult, StageParams
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.numbers import format_count, format_number, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.sheet import Sheet, SheetColumn
from cnnviz.ui.theme import theme
from cnnviz.ui.tiles_figure import TileRow, TilesFigure

STAGES = "panels.chain-builder.stages"


def _is_conv(each: StageGrowth) -> bool:
    return each.stage.kind == "conv"


_COLUMNS = (
    SheetColumn("layer", "Convolution, or pooling", lambda each: each.stage.kind, "kind", ("conv", "pool")),
    SheetColumn("kernel", "Side of the window", lambda each: str(each.stage.kernel_size), "kernel_size", high=31),
    SheetColumn("stride", "How far the window moves", lambda each: str(each.stage.stride), "stride", high=8),
    SheetColumn(
        "dilation", "Spacing of the window's pixels", lambda each: str(each.stage.dilation), "dilation", high=32
    ),
    SheetColumn("maps", "Maps that it gives", lambda each: str(each.channels), "channels", editable=_is_conv),
    SheetColumn("field", "Side of a unit's field, in input pixels", lambda each: f"{each.size}"),
    SheetColumn("step", "Input pixels between neighbouring units: the effective stride", lambda each: f"{each.stride}"),
    SheetColumn("weights", "Of this layer, without biases", lambda each: format_count(each.weights)),
)


class ChainBuilderView(PanelView):
    """Whatever is changed in the table shows at once in the picture, the curve and the sums."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._presets = ComboBox([("", "your own chain"), *((key, each.title) for key, each in PRESETS.items())])
        super().__init__(document, parent)
        self._result: ChainBuilderResult | None = None
        self._presets.setToolTip("Chains worth looking at")
        self._presets.chosen.connect(self._take_preset)
        self._words = sentences("muted")
        self._sheet = Sheet(_COLUMNS, "Layers of the chain", self)
        self._sheet.edited.connect(self._edit)
        add = IconButton("plus", "Add a layer below the current one")
        add.clicked.connect(self._add)
        remove = IconButton("minus", "Take the current layer away")
        remove.clicked.connect(self._remove)
        self._channels = BoundSlider(
            document, "panels.chain-builder.channels", "input maps", low=1, high=512, step=1, digits=0
        )
        buttons = QHBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        buttons.addWidget(self._channels, 1)
        self._sums = sentences()
        self._ways = MosaicView(self)
        self._ways.set_labels([])
        self._ways.setToolTip(
            "The field of one unit of the last layer: the brighter a pixel, the more ways lead from it to the unit.\n"
            "Black pixels never reach it."
        )
        self._bar = ColourBar(Qt.Orientation.Horizontal)
        self._bar.setAccessibleName("Ways from a pixel to the unit")
        self._reach = ElidedLabel("", token="text")
        self._curve = CurvePlot(self)
        below = QGridLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setHorizontalSpacing(theme().px(12))
        below.addWidget(self._reach, 0, 0)
        below.addWidget(self._bar, 1, 0)
        below.addWidget(self._ways, 2, 0)
        below.addWidget(self._curve, 0, 1, 3, 1)
        below.setColumnStretch(0, 2)
        below.setColumnStretch(1, 3)
        below.setRowStretch(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        layout.addWidget(self._words)
        layout.addWidget(self._sheet)
        layout.addLayout(buttons)
        layout.addWidget(self._sums)
        layout.addLayout(below, 1)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def header_controls(self) -> list[QWidget]:
        return [self._presets]

    def figures(self) -> list[Figure]:
        figure, result = self._curve.figure(), self._result
        found: list[Figure] = [] if figure is None else [figure]
        if result is not None:
            paths = result.last.paths
            caption = f"{self._reach.text()}; the colours go by the root of the number of ways"
            ends = f"0 … {format_number(float(paths.max()) ** 2, 0)}"
            row = TileRow(caption, result.ways, "unsigned", (), np.outer(paths, paths)[None], ends)
            found.append(TilesFigure("Ways from each pixel to the unit", (row,)))
        return found

    def show_result(self, result: ChainBuilderResult) -> None:
        super().show_result(result)
        self._result = result
        last = result.last
        self._sheet.set_rows(result.stages)
        self._ways.set_mosaic(result.ways, "unsigned")
        self._bar.set_scale("unsigned", 0.0, float(last.paths.max()) ** 2, digits=0)
        self._bar.setToolTip("How many ways lead from a pixel to the unit; the colours go by the root of their number")
        self._curve.set_curves(result.curves)
        share = last.pixels_reached / last.size**2
        self._reach.set_text(
            f"{format_count(last.pixels_reached)} of {format_count(last.size**2)} pixels reach it"
            if not last.reaches_all
            else f"all {format_count(last.size**2)} pixels reach it"
        )
        self._reach.setToolTip(f"{format_percent(share, 1)} of the field")
        self._sums.setText(_sums(result))
        self.set_subtitle(f"{last.size}×{last.size} px")

    def _params(self) -> ChainBuilderParams:
        return cast(ChainBuilderParams, self.document.scene.panel("chain-builder"))

    def _edit(self, row: int, field: str, value: object) -> None:
        stages = list(self._params().stages)
        stages[row] = stages[row].model_copy(update={field: value})
        self.document.edit(STAGES, tuple(stages))

    def _add(self) -> None:
        stages = list(self._params().stages)
        if len(stages) < MOST_STAGES:
            at = self._sheet.current_row()
            at = len(stages) - 1 if at < 0 else at
            self.document.edit(STAGES, (*stages[: at + 1], stages[at], *stages[at + 1 :]))

    def _remove(self) -> None:
        stages = list(self._params().stages)
        if len(stages) > 1:
            at = self._sheet.current_row()
            del stages[at if 0 <= at < len(stages) else -1]
            self.document.edit(STAGES, tuple(stages))

    def _take_preset(self, key: str) -> None:
        if key:
            stages, channels = _stages_of(key), PRESETS[key].channels
            self.document.edit_many({STAGES: stages, "panels.chain-builder.channels": channels})

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        self._channels.refresh()
        known = (key for key in PRESETS if (_stages_of(key), PRESETS[key].channels) == (params.stages, params.channels))
        preset = next(known, "")
        self._presets.set_value(preset)
        self._words.setText(
            PRESETS[preset].words if preset else "Click a number to change it, or turn the wheel over it."
        )


def _stages_of(key: str) -> tuple[StageParams, ...]:
    return tuple(
        StageParams(
            kind=each.kind,
            kernel_size=each.kernel_size,
            stride=each.stride,
            dilation=each.dilation,
            channels=each.channels,
        )
        for each in PRESETS[key].stages
    )


def _sums(result: ChainBuilderResult) -> str:
    """Weights of the chain beside those of one convolution that sees as much."""
    last = result.last
    total, once = last.weights_so_far, last.weights_at_once
    words = f"{format_count(total)} weights in all"
    if total and once != total:
        words += (
            f"; one {last.size}×{last.size} convolution would take {format_count(once)}, {once / total:.2f} × as many"
        )
    return f"{words}."
