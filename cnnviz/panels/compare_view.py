"""The widget of the comparison of two networks."""

from __future__ import annotations

import math
from functools import partial
from typing import cast

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.panels.compare import CompareParams, CompareResult
from cnnviz.panels.compare_pair_view import PairView
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.controls import ComboBox, ElidedLabel, Segmented
from cnnviz.ui.menu_button import MenuButton
from cnnviz.ui.other_choice import fill_with_others
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

LEAST_ROWS = 5
"""Of the list of layers, however low the panel is."""


class CompareView(PanelView):
    """The verdict, how much each layer changed, and the selected layer of both with their difference."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._other = MenuButton("compare with", "The network that the shown one is compared with")
        super().__init__(document, parent)
        self._result: CompareResult | None = None
        self._other.entries.aboutToShow.connect(lambda: fill_with_others(self._other.entries, self, document))
        self._show = Segmented(
            [("activations", "activations"), ("filters", "filters")],
            tips=["What both make of the present input", "The weights of both"],
        )
        self._show.chosen.connect(partial(document.edit, "panels.compare.show"))
        self._channel = ComboBox()
        self._channel.setToolTip("Which input channel's weights are shown")
        self._channel.chosen.connect(self._choose_channel)
        self._verdict = ElidedLabel("", role="title", token="text")
        self._notes = sentences("muted")
        self._notes.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bars = BarList()
        self._bars.setProperty("role", "page")
        self._bars.setAccessibleName("Relative change of each layer")
        self._bars.setToolTip("‖second − first‖ / ‖first‖ of each layer's weights; a click selects the layer")
        self._bars.row_clicked.connect(self._select_layer)
        self._scroll = VerticalScroll(self._bars)
        self._pair = PairView()
        self._pair.unit_clicked.connect(self._select_unit)
        self._about = QWidget()
        left = QVBoxLayout(self._about)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(theme().px(4))
        left.addWidget(self._verdict)
        left.addWidget(self._notes)
        left.addWidget(self._scroll, 1)
        left.addStretch(0)
        row = QHBoxLayout()
        row.addWidget(self._show)
        row.addStretch(1)
        row.addWidget(self._channel)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.addLayout(row)
        right.addWidget(self._pair, 1)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(theme().px(8))
        self._box.addWidget(self._about, 2)
        self._box.addLayout(right, 3)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def header_controls(self) -> list[QWidget]:
        return [self._other]

    def show_result(self, result: CompareResult) -> None:
        if result.opening:
            self.show_busy(f"opening {result.second}")
            return
        super().show_result(result)
        self._result = result
        if not result.second:
            self.set_subtitle("")
            self.show_empty(
                "Choose another network or checkpoint at the top right: it is put beside this one, layer by layer."
            )
            return
        self.set_subtitle(f"{result.first} and {result.second} · {result.layer}")
        more = f" · {result.left} tensors left" if result.left else ""
        self._verdict.set_text(f"{result.verdict[:1].upper()}{result.verdict[1:]}{more}")
        self._notes.setText("\n".join((*_answers(result), *result.notes)))
        self._notes.setVisible(bool(self._notes.text()))
        self._show_changes(result)
        self._show_paging(result)
        self._pair.set_pictures(result)

    def _show_changes(self, result: CompareResult) -> None:
        values = [change.relative_change for change in result.changes]
        largest = max((value for value in values if math.isfinite(value)), default=1.0)
        marked = next((i for i, each in enumerate(result.changes) if each.layer == result.weights_of), None)
        self._bars.set_rows([change.layer for change in result.changes], values, full=largest, marked=marked)
        height = len(values) * self._bars.row_height()
        if self._bars.minimumHeight() != height:
            self._bars.setMinimumHeight(height)
            self._scroll.setMaximumHeight(height + 2)
            self._scroll.setMinimumHeight(min(height, LEAST_ROWS * self._bars.row_height()))
        self._scroll.setVisible(bool(values))

    def _show_paging(self, result: CompareResult) -> None:
        channels = result.input_channels
        self._channel.setVisible(channels > 1)
        if channels > 1:
            colour = [("", "colour")] if channels == 3 else []
            options = [*colour, *((str(index), f"input {index}") for index in range(channels))]
            if self._channel.count() != len(options) or self._channel.itemText(0) != options[0][1]:
                self._channel.set_options(options)
            value = "" if result.input_channel is None else str(result.input_channel)
            if self._channel.findData(value) >= 0:
                self._channel.set_value(value)

    def _choose_channel(self, key: str) -> None:
        self.document.edit("panels.compare.input_channel", int(key) if key else None)

    def _select_layer(self, row: int) -> None:
        change = self._result.changes[row] if self._result is not None else None
        if change is None or change.selects is None:
            return
        if self._result is not None and self._result.selects_loose:
            self.document.edit("panels.filters.loose", change.selects)
        else:
            self.document.edit("selection.layer", change.selects)

    def _select_unit(self, tile: int, row: int, column: int) -> None:
        result = self._result
        if result is None or result.selects_loose:
            return
        changes = {"selection.layer": result.layer, "selection.channel": tile}
        if self._show.value() == "activations":
            changes |= {"selection.row": row, "selection.column": column}
        self.document.edit_many(changes)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = cast(CompareParams, new.panel("compare"))
        self._show.set_value(params.show)
        source = params.other.source if params.other is not None else ""
        name = source.partition(":")[2].replace("\\", "/").rpartition("/")[2]
        if self._other.text() != (name or "compare with"):
            self._other.setText(name or "compare with")
            self._other.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = self.width() > 1.25 * self.height()
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._box.direction() != direction:
            self._box.setDirection(direction)
            # above the pictures it takes no more than it needs
            policy = QSizePolicy.Policy.Preferred if wide else QSizePolicy.Policy.Maximum
            self._about.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        super().resizeEvent(event)


def _answers(result: CompareResult) -> list[str]:
    """What both say of the input, where both are classifiers."""
    ours, theirs = result.answers
    return [f"{result.first} says {ours}; {result.second} says {theirs}."] if ours and theirs else []
