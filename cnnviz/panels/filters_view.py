"""The widget of the filters panel."""

from __future__ import annotations

from typing import cast

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.panels.filters import FiltersParams, FiltersResult
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, Segmented
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.panel_view import PanelView


class FiltersView(PanelView):
    """All kernels of a layer, paged by input channel, and the selected one with its weights as numbers."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._scale = Segmented(
            [("shared", "one scale"), ("own", "each its own")],
            tips=["All kernels in one colour scale", "Each kernel in its own"],
        )
        super().__init__(document, parent)
        self._result: FiltersResult | None = None
        self._scale.chosen.connect(lambda scale: document.edit("panels.filters.scale", scale))
        self._channel = ComboBox()
        self._channel.setToolTip("Which input channel's weights are shown")
        self._channel.chosen.connect(self._choose_channel)
        self._before = IconButton("previous", "Input channel before", quiet=True)
        self._after = IconButton("next", "Next input channel", quiet=True)
        self._before.clicked.connect(lambda: self._page(-1))
        self._after.clicked.connect(lambda: self._page(1))
        self._kernels = MosaicView(self)
        self._kernels.setAccessibleName("Kernels")
        self._kernels.tile_clicked.connect(self._select)
        self._bar = ColourBar(Qt.Orientation.Horizontal)
        self._kernel = NumberGrid(self)
        self._kernel.setAccessibleName("Weights of the selected kernel")
        self._kernel.setToolTip("The weights of the marked kernel")
        self._paging = QWidget()
        row = QHBoxLayout(self._paging)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        label = ElidedLabel("input channel")
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row.addWidget(label, 1)
        for widget in (self._before, self._channel, self._after):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._paging)
        layout.addWidget(self._kernels, 3)
        layout.addWidget(self._bar)
        layout.addWidget(self._kernel, 2)
        document.changed.connect(self._follow)

    def header_controls(self) -> list[QWidget]:
        return [self._scale]

    def show_result(self, result: FiltersResult) -> None:
        super().show_result(result)
        self._result = result
        bank = result.bank
        matrix = bank.form == "matrix"
        if result.mosaic is not None:
            self._kernels.set_labels([] if matrix else None)
            self._kernels.set_mosaic(result.mosaic, "signed", reflow=not matrix)
            self._bar.set_scale("signed", result.mosaic.low, result.mosaic.high)
        elif result.colours is not None:
            height, width = bank.images.shape[1:3]
            self._kernels.set_labels(None)
            self._kernels.set_rgb(result.colours, (height, width), 8, len(bank.images), 1)
            self._bar.set_scale("signed", result.kernel.low, result.kernel.high)
        self._kernels.set_selected(None if matrix else result.channel)
        self._show_kernel(result)
        self._show_paging(result)
        shape = "×".join(map(str, result.shape))
        whose = result.owner if result.owner == result.selected else f"{result.owner} (before {result.selected})"
        dead = int(bank.dead.sum())
        self.set_subtitle(f"{whose} · {shape}" + (f" · {dead} dead" if dead else ""))
        self._kernels.setToolTip(bank.caption)

    def _show_kernel(self, result: FiltersResult) -> None:
        rows, columns = result.kernel_values.shape
        readable = rows <= 11 and columns <= 11
        self._kernel.setVisible(readable)
        if readable:
            self._kernel.set_values(result.kernel.indices, result.kernel_values, "signed", window=None)

    def _show_paging(self, result: FiltersResult) -> None:
        channels = result.bank.input_channels if result.bank.form != "matrix" else 1
        self._paging.setVisible(channels > 1)
        together = "colour" if channels == 3 else "mean"
        options = [("all", together), *((str(index), str(index)) for index in range(channels))]
        if self._channel.count() != len(options) or self._channel.itemText(0) != together:
            self._channel.set_options(options)
        self._channel.set_value("all" if result.input_channel is None else str(result.input_channel))

    def _choose_channel(self, key: str) -> None:
        self.document.edit("panels.filters.input_channel", None if key == "all" else int(key))

    def _page(self, step: int) -> None:
        if self._result is None:
            return
        present = -1 if self._result.input_channel is None else self._result.input_channel
        last = self._result.bank.input_channels - 1
        index = min(max(present + step, -1), last)
        self.document.edit("panels.filters.input_channel", None if index < 0 else index)

    def _select(self, tile: int, row: int, column: int) -> None:
        if self._result is None or self._result.bank.form == "matrix":
            return
        self.document.edit_many({"selection.layer": self._result.owner, "selection.channel": tile})

    def _follow(self, old: Scene, new: Scene) -> None:
        params = cast(FiltersParams, new.panel("filters"))
        if self._scale.value() != params.scale:
            self._scale.set_value(params.scale)
