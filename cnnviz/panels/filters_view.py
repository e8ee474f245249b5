"""The widget of the filters panel."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.panels.filters import FiltersResult
from cnnviz.scene.document import Document
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, Segmented
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import theme

ROOM_FOR_NUMBERS = 280
"""Height from which the selected kernel is shown with its weights, below the bank."""
WIDE = 1.5
"""Width over height from which it stands beside the bank instead."""


class FiltersView(PanelView):
    """All kernels of a layer, paged by input channel, and the selected one with its weights as numbers."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._scale = Segmented(
            [("shared", "shared"), ("own", "own")],
            tips=["All kernels in one colour scale", "Each kernel in a colour scale of its own"],
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
        self._kernels = MosaicView(self, outlined=True)
        self._kernels.setAccessibleName("Kernels")
        self._kernels.tile_clicked.connect(self._select)
        self._bar = ColourBar(Qt.Orientation.Horizontal)
        self._kernel = NumberGrid(self)
        self._kernel.setAccessibleName("Weights of the selected kernel")
        # the bank comes first: the numbers take what it leaves
        self._kernel.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._whose = ElidedLabel()
        self._layer: ComboBox | None = None
        self._paging = QWidget()
        row = QHBoxLayout(self._paging)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for widget in (self._before, self._channel, self._after):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._scale)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._paging)
        self._places = QGridLayout()
        self._places.setSpacing(6)
        self._is_wide: bool | None = None
        layout.addLayout(self._places, 1)
        self._place(wide=False)

    def show_result(self, result: FiltersResult) -> None:
        super().show_result(result)
        self._result = result
        bank = result.bank
        matrix = bank.form == "matrix"
        if result.mosaic is not None:
            self._kernels.set_labels([] if matrix else None)
            self._kernels.set_mosaic(result.mosaic, "signed", reflow=not matrix)
            self._bar.set_scale(
                "signed", result.mosaic.low, result.mosaic.high, nan=result.nan, infinite=result.infinite
            )
        elif result.colours is not None:
            height, width = bank.images.shape[1:3]
            self._kernels.set_labels(None)
            self._kernels.set_rgb(result.colours, (height, width), 8, len(bank.images), 1)
            self._bar.set_scale(
                "signed", result.kernel.low, result.kernel.high, nan=result.nan, infinite=result.infinite
            )
        self._scale.set_value(result.scale)
        self._kernels.set_selected(None if matrix else result.channel)
        self._show_kernel(result)
        self._show_paging(result)
        self._show_loose(result)
        shape = "×".join(map(str, result.shape))
        whose = result.owner if result.owner == result.selected else f"{result.owner} (before {result.selected})"
        dead = int(bank.dead.sum())
        broken = result.nan + result.infinite
        notes = (f" · {dead} dead" if dead else "") + (f" · {broken} not finite" if broken else "")
        self.set_subtitle(f"{whose} · {shape}{notes}")
        self._kernels.setToolTip(bank.caption)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._result is not None:
            self._show_kernel(self._result)

    def _place(self, wide: bool) -> None:
        """The bank, and the numbers with the colour bar below it or beside it."""
        if wide == self._is_wide:
            return
        self._is_wide = wide
        for part in (self._kernels, self._bar, self._whose, self._kernel):
            self._places.removeWidget(part)
        self._places.addWidget(self._kernels, 0, 0, 3 if wide else 1, 1)
        self._places.addWidget(self._whose, 0 if wide else 1, 1 if wide else 0)
        self._places.addWidget(self._kernel, 1 if wide else 3, 1 if wide else 0)
        self._places.addWidget(self._bar, 2, 1 if wide else 0)
        self._places.setColumnStretch(0, 1)
        self._places.setColumnStretch(1, 1 if wide else 0)

    def _show_kernel(self, result: FiltersResult) -> None:
        rows, columns = result.kernel_values.shape
        readable = rows <= 11 and columns <= 11
        wide = readable and self.width() > WIDE * self.height()
        shown = wide or (readable and self.height() >= theme().px(ROOM_FOR_NUMBERS))
        self._place(wide)
        for part in (self._whose, self._kernel):
            part.setVisible(shown)
        self._bar.setVisible(shown or result.colours is None)  # kernels in colour are in none of its colours
        # the bank has all the room where there are no numbers
        for row, share in enumerate((0, 1, 0, 0) if wide else (5, 0, 0, 4 if shown else 0)):
            self._places.setRowStretch(row, share)
        whose = _whose(result)
        self._whose.set_text(whose)
        self._kernel.setToolTip(f"Weights of {whose}")
        if readable:
            self._kernel.set_values(result.kernel.indices, result.kernel_values, "signed", window=None, digits=3)

    def _show_paging(self, result: FiltersResult) -> None:
        channels = result.bank.input_channels if result.bank.form != "matrix" else 1
        for widget in (self._before, self._channel, self._after):
            widget.setVisible(channels > 1)
        together = "colour" if channels == 3 else "mean"
        options = [("all", together), *((str(index), f"input {index}") for index in range(channels))]
        if self._channel.count() != len(options) or self._channel.itemText(0) != together:
            self._channel.set_options(options)
        self._channel.set_value("all" if result.input_channel is None else str(result.input_channel))

    def _show_loose(self, result: FiltersResult) -> None:
        if self._layer is not None:
            self._layer.setVisible(bool(result.loose))
        if result.loose:
            self._layer = self._layer or self._make_layer_choice()
            self._layer.set_options([(name, f"{name} · {shape}") for name, shape in result.loose])
            self._layer.set_value(result.owner)

    def _make_layer_choice(self) -> ComboBox:
        from cnnviz.ui.searchable_choice import SearchableComboBox  # few files need it, and it takes long to load

        choice = SearchableComboBox()
        choice.setToolTip("This file is no whole network: which of its layers is shown; type to search")
        choice.setAccessibleName("Layer of the file")
        choice.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        choice.setMinimumContentsLength(12)
        choice.chosen.connect(lambda name: self.document.edit("panels.filters.loose", name))
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(0, choice)
        return choice

    def _choose_channel(self, key: str) -> None:
        self.document.edit("panels.filters.input_channel", "all" if key == "all" else int(key))

    def _page(self, step: int) -> None:
        if self._result is None:
            return
        present = -1 if self._result.input_channel is None else self._result.input_channel
        last = self._result.bank.input_channels - 1
        index = min(max(present + step, -1), last)
        self.document.edit("panels.filters.input_channel", "all" if index < 0 else index)

    def _select(self, tile: int, row: int, column: int) -> None:
        if self._result is None or self._result.bank.form == "matrix":
            return
        if self._result.loose:
            self.document.edit("selection.channel", tile)
            return
        self.document.edit_many({"selection.layer": self._result.owner, "selection.channel": tile})


def _whose(result: FiltersResult) -> str:
    """Of what the numbers are: a filter's weights for one input channel, or their mean over all."""
    channels, name = result.bank.input_channels, f"filter {result.channel or 0}"
    if result.bank.form == "matrix":
        return f"row {result.channel or 0}"
    if channels == 1:
        return name
    if result.input_channel is None:
        return f"{name}, mean of its {channels} input channels"
    return f"{name}, input channel {result.input_channel}"
