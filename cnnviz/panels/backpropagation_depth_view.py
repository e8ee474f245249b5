"""The gradient's norm over depth, and the residual blocks, each of whose two parts can be silenced."""

from __future__ import annotations

import math

from PyQt6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cnnviz.core.network_changes import Silence
from cnnviz.panels.backpropagation import BackpropagationResult
from cnnviz.panels.backpropagation_signal import BlockRow
from cnnviz.panels.shared.block_states import BLOCK_STATES, with_states
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ElidedLabel, text_button
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.numbers import format_number
from cnnviz.ui.sheet import Sheet, SheetColumn
from cnnviz.ui.theme import theme

QWIDGETSIZE_MAX = 16_777_215
"""Qt's word for no bound, which PyQt does not have."""


def _difference(row: BlockRow) -> str:
    return "0" if row.difference == 0 else f"{row.difference:.3g}"


_COLUMNS = (
    SheetColumn("residual block", "Where a branch and a shortcut are added", lambda row: row.name),
    SheetColumn(
        "parts",
        "With its branch silent a block hands its shortcut on; without its shortcut it is a plain one",
        lambda row: row.state,
        field="state",
        options=BLOCK_STATES,
    ),
    SheetColumn("‖branch‖ / ‖shortcut‖", "How much the branch adds to what is there", lambda row: _written(row.share)),
    SheetColumn("sum − shortcut", "Largest difference: 0 where the branch is silent", _difference),
    SheetColumn(
        "‖δ before‖ / ‖δ sum‖", "What becomes of the signal on its way back: 1 passes", lambda row: _written(row.gain)
    ),
)


def _written(value: float) -> str:
    return "—" if math.isnan(value) else format_number(value)


class _Rows(QVBoxLayout):
    """Parts whose height is what there is.

    A scroll area would give a page that wants some height for its width, as the names of curves do, all of that.
    """

    def hasHeightForWidth(self) -> bool:
        return False


class GradientDepth(QScrollArea):
    """Curves above; below them a row for each residual block, if there are any."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._blocks: tuple[BlockRow, ...] = ()
        self.plot = CurvePlot(self, movable_cursor=True)
        self._sheet = Sheet(_COLUMNS, "Residual blocks")
        self._sheet.edited.connect(self._set)
        self._words = ElidedLabel("")
        self._all = text_button("all branches silent", "Every block hands its shortcut on")
        self._all.clicked.connect(lambda: actions.change_network(document, Silence()))
        self._plain = text_button(
            "no shortcuts", "The same weights as a plain network: see what becomes of the gradient"
        )
        self._plain.clicked.connect(lambda: actions.change_network(document, Silence(None, "shortcut")))
        self._reset = text_button("as loaded", "All blocks with both of their parts")
        self._reset.clicked.connect(lambda: actions.put_back(document, Silence))
        row = QHBoxLayout()
        for button in (self._all, self._plain, self._reset):
            row.addWidget(button)
        row.addStretch(1)
        self.plot.setMinimumHeight(theme().px(136))
        page = QWidget()
        page.setProperty("role", "page")
        layout = _Rows(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addWidget(self.plot, 3)
        layout.addWidget(self._words)
        layout.addLayout(row)
        layout.addWidget(self._sheet, 2)
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(theme().px(160))

    def show_result(self, result: BackpropagationResult) -> None:
        """Show the curves and the blocks of one backward pass."""
        self.plot.set_curves(result.curves)
        self.plot.set_cursor(result.selected)
        self._blocks = result.blocks
        for part in (self._sheet, self._words, self._all, self._plain, self._reset):
            part.setVisible(bool(result.blocks))
        # with blocks below it, it leaves room for them
        self.plot.setMaximumHeight(theme().px(158) if result.blocks else QWIDGETSIZE_MAX)
        if not result.blocks:
            return
        changed = [row for row in result.blocks if row.state != BLOCK_STATES[0]]
        self._reset.setEnabled(bool(changed))
        self._sheet.set_rows(result.blocks)
        silent = [row for row in changed if row.state == BLOCK_STATES[1]]
        if silent:
            largest = max(silent, key=lambda row: row.difference)
            names = silent[0].name if len(silent) == 1 else f"{len(silent)} blocks"
            self._words.set_text(f"{names}: sum − shortcut = {_difference(largest)}, the identity is left.", "text")
        elif changed:
            names = changed[0].name if len(changed) == 1 else f"{len(changed)} blocks"
            self._words.set_text(f"{names}: no shortcut, as in a plain network; the weights are the same.", "text")
        else:
            self._words.set_text("Choose in “parts” what of a block is silent.", "muted")

    def _set(self, row: int, field: str, state: object) -> None:
        if not 0 <= row < len(self._blocks):
            return
        states = {each.layer: each.state for each in self._blocks} | {self._blocks[row].layer: str(state)}
        self._document.edit("changes", with_states(self._document.scene.changes, states))
