"""The widget of the panel on residual blocks."""

from __future__ import annotations

import math

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.core.network_changes import Silence
from cnnviz.panels.residual import BlockPart, ResidualResult
from cnnviz.panels.shared.block_states import BLOCK_STATES, with_states
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel, Segmented, text_button
from cnnviz.ui.figure import Figure
from cnnviz.ui.mosaic_view import MosaicView, Place
from cnnviz.ui.numbers import format_number, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import TableKind, theme
from cnnviz.ui.tiles_figure import TileRow, TilesFigure
from cnnviz.ui.vertical_scroll import VerticalScroll

ROWS_SEEN = 5


class ResidualView(PanelView):
    """What of the block is silent above; its three parts side by side; all blocks of the network below."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: ResidualResult | None = None
        self._parts = Segmented(
            list(zip(BLOCK_STATES, BLOCK_STATES, strict=True)),
            tips=[
                "The block gives f(x) + x",
                "The block gives x alone: nothing of what its layers make",
                "The block gives f(x) alone, as in a plain network",
            ],
        )
        self._parts.chosen.connect(self._set)
        self._all = text_button("all branches silent", "Silence the branch of every block: x goes through unchanged")
        self._all.clicked.connect(lambda: actions.change_network(document, Silence()))
        self._reset = text_button("as loaded", "All blocks with both of their parts, as loaded")
        self._reset.clicked.connect(lambda: actions.put_back(document, Silence))
        self._words = sentences("title")
        self._maps = tuple(MosaicView(self) for _ in range(3))
        self._captions = tuple(ElidedLabel("", token="text") for _ in range(3))
        self._bar = ColourBar(Qt.Orientation.Horizontal)
        self._heading = ElidedLabel("‖f(x)‖ / ‖x‖ of each block")
        self._blocks = BarList()
        self._blocks.setAccessibleName("Residual blocks")
        self._blocks.row_clicked.connect(self._choose)
        self._area = VerticalScroll()
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme().px(6))
        row.addWidget(self._parts)
        row.addStretch(1)
        whole = QHBoxLayout()
        whole.setSpacing(theme().px(6))
        whole.addWidget(self._heading, 1)
        whole.addWidget(self._all)
        whole.addWidget(self._reset)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme().px(8))
        grid.setVerticalSpacing(theme().px(3))
        names = ("What the block gets", "What its branch makes of it", "What the block gives")
        for column, (view, caption) in enumerate(zip(self._maps, self._captions, strict=True)):
            caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            view.setAccessibleName(names[column])
            view.setToolTip(f"{names[column]}; one colour is one value in all three")
            view.setMinimumHeight(theme().px(60))
            view.hovered.connect(self._point)
            view.tile_clicked.connect(lambda tile, row, column, part=column: self._select(part, tile, row, column))
            grid.addWidget(caption, 0, column)
            grid.addWidget(view, 1, column)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self._bar, 2, 0, 1, 3)
        grid.setRowStretch(1, 1)
        page = QWidget()
        page.setProperty("role", "page")
        inside = QVBoxLayout(page)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._blocks)
        self._area.setWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        layout.addLayout(row)
        layout.addWidget(self._words)
        layout.addLayout(grid, 1)
        layout.addLayout(whole)
        layout.addWidget(self._area)

    def figures(self) -> list[Figure]:
        result = self._result
        if result is None:
            return []
        rows = tuple(TileRow(_caption(part, result), part.mosaic, _kind(part)) for part in result.parts)
        name = result.blocks[result.current].name
        return [TilesFigure(f"Residual block {name}: {result.words}", rows)]

    def show_result(self, result: ResidualResult) -> None:
        super().show_result(result)
        self._result = result
        block = result.blocks[result.current]
        self.set_subtitle(f"{block.name} · {'×'.join(map(str, result.parts[2].values.shape))}")
        self._parts.set_value(block.state)
        self._reset.setEnabled(any(each.state != BLOCK_STATES[0] for each in result.blocks))
        self._words.setText(result.words)
        for view, part in zip(self._maps, result.parts, strict=True):
            view.set_mosaic(part.mosaic, _kind(part))
        last = result.parts[2].mosaic
        self._bar.set_scale(_kind(result.parts[2]), last.low, last.high)
        shares = [0.0 if math.isnan(each.share) else each.share for each in result.blocks]
        self._blocks.set_rows(
            [_row_name(each.name, each.state) for each in result.blocks],
            shares,
            full=max(shares, default=1.0),
            marked=result.current,
            texts=["—" if math.isnan(each.share) else format_percent(each.share, 0) for each in result.blocks],
        )
        self._blocks.setMinimumHeight(len(shares) * self._blocks.row_height())
        self._area.setFixedHeight(min(len(shares), ROWS_SEEN) * self._blocks.row_height() + theme().px(2))
        self._point(None)

    def _point(self, place: Place | None) -> None:
        """The numbers of the unit that is pointed at, or what each picture is."""
        result = self._result
        if result is None:
            return
        for view, caption, part in zip(self._maps, self._captions, result.parts, strict=True):
            view.set_cell(place)
            inside = place is not None and all(at < size for at, size in zip(place, part.values.shape, strict=True))
            if place is not None and inside:
                caption.set_text(f"{part.symbol}[{', '.join(map(str, place))}] = {format_number(part.values[place])}")
            else:
                caption.set_text(_caption(part, result))

    def _select(self, part: int, channel: int, row: int, column: int) -> None:
        if self._result is not None:
            layer = self._result.parts[part].layer
            edits = {"layer": layer, "channel": channel, "row": row, "column": column}
            self.document.edit_many({f"selection.{name}": value for name, value in edits.items()})

    def _choose(self, row: int) -> None:
        if self._result is not None:
            self.document.edit("selection.layer", self._result.blocks[row].layer)

    def _set(self, state: str) -> None:
        result = self._result
        if result is None:
            return
        states = {each.layer: each.state for each in result.blocks}
        states[result.blocks[result.current].layer] = state
        self.document.edit("changes", with_states(self.document.scene.changes, states))


def _kind(part: BlockPart) -> TableKind:
    return "signed" if part.mosaic.signed else "unsigned"


def _caption(part: BlockPart, result: ResidualResult) -> str:
    """How long the part is as a vector, and whether it is left out of the sum."""
    silent = {BLOCK_STATES[1]: 1, BLOCK_STATES[2]: 0}.get(result.state)
    norm = f"‖{part.symbol}‖ = {part.norm:.3g}"
    return f"left out: {norm}" if silent is not None and part is result.parts[silent] else norm


def _row_name(name: str, state: str) -> str:
    return name if state == BLOCK_STATES[0] else f"{name} ({state})"
