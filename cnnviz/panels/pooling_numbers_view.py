"""The page of numbers: four grids, of which the detector stages can be typed into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.core.choices import POOLING_WORDS
from cnnviz.core.pooling_examples import EXAMPLES
from cnnviz.panels.pooling import GridResult, NumbersResult, PoolingParams, example_params
from cnnviz.panels.pooling_figure_view import GridsFigure
from cnnviz.scene.document import Document
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, ElidedLabel, Option, Toggle
from cnnviz.ui.figure import Figure
from cnnviz.ui.number_editor import FramedGrid, NumberEditor
from cnnviz.ui.numbers import format_percent
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import TableKind, theme

PATH = "panels.pooling"
SIZES = ((1, 4), (1, 8), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (8, 8))
_CONTROLS, _HEADS, _LEGIBLE = 176, 36, 14
"""In pixels at scale 1: height of what is above and between the grids, of a grid's caption, and of a legible cell."""
_HINT = "Click a number to change it; point at a pooled value to see where it comes from."


class PoolingNumbersPage(QWidget):
    """Above the stage and what is pooled of it, below the same after a shift, with the values that changed marked."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._result: NumbersResult | None = None
        self._pointed: tuple[bool, tuple[int, int]] | None = None
        self._flat: bool | None = None
        self._shape = (4, 4)
        self._examples = _narrow([("", "numbers of one's own"), *((key, each.title) for key, each in EXAMPLES.items())])
        self._examples.setToolTip("Examples of the lectures")
        self._examples.chosen.connect(self._take_example)
        self._size = _narrow([_size_key(size) for size in SIZES])
        self._size.setToolTip("Rows × columns of the grid")
        self._size.chosen.connect(self._resize_grid)
        self._kind = _narrow(list(POOLING_WORDS.items()))
        self._kind.setToolTip("What is made of each window")
        self._kind.chosen.connect(lambda kind: document.edit(f"{PATH}.kind", kind))
        look: dict[str, Any] = {"step": 1, "digits": 0, "label_width": 48, "value_width": 26}
        self._window = BoundSlider(document, f"{PATH}.window", "window", **look)
        self._stride = BoundSlider(document, f"{PATH}.stride", "stride", **look)
        self._padding = BoundSlider(document, f"{PATH}.padding", "padding", **look)
        self._sigma = BoundSlider(
            document, f"{PATH}.sigma", "sigma", high=4, step=0.1, digits=1, label_width=48, value_width=26
        )
        self._taps = BoundSlider(document, f"{PATH}.taps", "blur", **look)
        self._shift = BoundSlider(
            document, f"{PATH}.shift", "shift", low=-4, high=4, sign=True, **(look | {"label_width": 30})
        )
        self._tolerance = BoundSlider(
            document, f"{PATH}.tolerance", "tolerance", high=1, step=0.001, digits=3, label_width=56, value_width=40
        )
        self._sliders = (
            self._window,
            self._stride,
            self._padding,
            self._sigma,
            self._taps,
            self._shift,
            self._tolerance,
        )
        self._wraps = Toggle("wrap")
        self._wraps.setToolTip("What leaves at one side comes in at the other; else a value does, which can be typed")
        self._wraps.edited.connect(lambda on: document.edit(f"{PATH}.entering", None if on else 0.0))
        self._note = ElidedLabel(_HINT)
        self._detector, self._shifted = NumberEditor(), NumberEditor()
        self._pooled, self._shifted_pooled = FramedGrid(), FramedGrid()
        self._captions = [ElidedLabel("", token="text") for _ in range(4)]
        self._words = sentences()
        self._words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._connect()
        self._lay_out()
        theme().changed.connect(self._restyle)
        self._restyle()

    def show_numbers(self, result: NumbersResult) -> None:
        """Show what was computed, and explain the same output as before."""
        self._result = result
        kind: TableKind = "signed" if result.detector.signed else "unsigned"
        grids = (result.detector, result.pooled, result.shifted, result.shifted_pooled)
        for view, grid in zip(self._grids(), grids, strict=True):
            view.show_values(grid.indices, grid.values, kind)
        self._shifted.set_changed(result.detector_changed)
        self._shifted_pooled.set_changed(result.pooled_changed)
        self._name_stages()
        self._explain()

    def show_unpooled(self, stages: tuple[GridResult, GridResult], words: str) -> None:
        """Say why these windows give nothing; what was pooled before goes."""
        self._result = None
        self._words.setText(words)
        for view, grid in zip((self._detector, self._shifted), stages, strict=True):
            view.show_values(grid.indices, grid.values, "signed" if grid.signed else "unsigned")
            view.set_frame(None)
            view.set_changed(np.zeros((0, 0), bool))
        self._pooled.clear_values()
        self._shifted_pooled.clear_values()
        self._captions[1].set_text("no window fits", "warning")
        self._captions[3].set_text("no window fits", "warning")

    def refresh(self, params: PoolingParams) -> None:
        """Show what the document says."""
        for slider in (
            self._window,
            self._stride,
            self._padding,
            self._sigma,
            self._taps,
            self._shift,
            self._tolerance,
        ):
            slider.refresh()
        self._kind.set_value(params.kind)
        self._sigma.setVisible(params.kind == "weighted")
        self._taps.setVisible(params.kind.startswith("blur"))
        self._wraps.set_value(params.entering is None)
        known = (key for key, each in EXAMPLES.items() if _is_shown(params, example_params(each)))
        key = next(known, "")
        self._examples.set_value(key)
        self._note.set_text(EXAMPLES[key].note if key else _HINT)
        size = self._shape = (len(params.numbers), len(params.numbers[0]))
        self._arrange()
        self._size.set_options([_size_key(each) for each in sorted({*SIZES, size})])
        self._size.set_value(_size_key(size))

    def figures(self) -> list[Figure]:
        if self._result is None:
            return []
        return [GridsFigure("Pooling", self._result, self._titles(self._result))]

    @staticmethod
    def _titles(result: NumbersResult) -> tuple[str, str, str, str]:
        return (
            "detector stage",
            f"pooled: {result.summary}",
            f"shifted: {_changed_words(result.detector_share)}",
            f"pooled: {_changed_words(result.pooled_share)}",
        )

    def _name_stages(self) -> None:
        """Where all four stand in a row, what matters most of each."""
        result = self._result
        if result is None:
            return
        titles = self._titles(result)
        short = ("detector", result.summary, _changed_words(result.detector_share), _changed_words(result.pooled_share))
        for caption, title, words in zip(self._captions, titles, short, strict=True):
            caption.set_text(words if self._flat else title, "text")
            caption.setToolTip(title)

    def _grids(self) -> tuple[FramedGrid, FramedGrid, FramedGrid, FramedGrid]:
        return self._detector, self._pooled, self._shifted, self._shifted_pooled

    def _connect(self) -> None:
        names = ("Detector stage", "Pooled stage", "Detector stage after the shift", "Pooled stage after the shift")
        for grid, name in zip(self._grids(), names, strict=True):
            grid.setAccessibleName(name)
        self._detector.edited.connect(self._type)
        self._shifted.edited.connect(self._type_shifted)
        self._pooled.hovered.connect(lambda cell: self._point(False, cell))
        self._shifted_pooled.hovered.connect(lambda cell: self._point(True, cell))
        self._detector.dragged.connect(lambda row, column: self._point(False, self._output_at(row, column)))
        self._shifted.dragged.connect(lambda row, column: self._point(True, self._output_at(row, column)))

    def _lay_out(self) -> None:
        self._words.setToolTip(_HINT)
        rows = (
            ((self._examples, 3), (self._size, 1)),
            ((self._kind, 1), (self._window, 1)),
            ((self._stride, 1), (self._padding, 1)),
            ((self._note, 1), (self._sigma, 1), (self._taps, 1)),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        for row in rows:
            layout.addLayout(_row(*row))
        self._shifts = QWidget()
        between = QVBoxLayout(self._shifts)
        between.setContentsMargins(0, 0, 0, 0)
        between.setSpacing(theme().px(4))
        between.addWidget(self._words)
        between.addLayout(_row((self._shift, 1), (self._wraps, 0), (self._tolerance, 1)))
        self._pairs = self._pair(0), self._pair(2)
        self._stages = QGridLayout()
        self._stages.setHorizontalSpacing(theme().px(12))
        self._stages.setVerticalSpacing(theme().px(4))
        layout.addLayout(self._stages, 1)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Before and after one above the other, or side by side where the cells would be too low for their numbers."""
        rows, columns = self._shape
        width, height = self.width(), self.height() - theme().px(_CONTROLS)
        above = min(width / 2 / columns, (height / 2 - theme().px(_HEADS)) / rows)
        beside = min(width / 4 / columns, (height - theme().px(_HEADS)) / rows)
        flat = above < theme().px(_LEGIBLE) and beside > above
        if flat == self._flat:
            return
        self._flat = flat
        for widget in (*self._pairs, self._shifts):
            self._stages.removeWidget(widget)
        (before, after), stages = self._pairs, self._stages
        stages.addWidget(before, 0, 0)
        if flat:
            stages.addWidget(after, 0, 1)
            stages.addWidget(self._shifts, 1, 0, 1, 2)
        else:
            stages.addWidget(self._shifts, 1, 0)
            stages.addWidget(after, 2, 0)
        for line in range(2):
            stages.setColumnStretch(line, 1 if flat or line == 0 else 0)
        stages.setRowStretch(0, 1)
        stages.setRowStretch(2, 0 if flat else 1)
        self._name_stages()

    def _pair(self, first: int) -> QWidget:
        holder = QWidget()
        pair = QGridLayout(holder)
        pair.setContentsMargins(0, 0, 0, 0)
        pair.setHorizontalSpacing(theme().px(12))
        pair.setVerticalSpacing(theme().px(2))
        for column, (caption, grid) in enumerate(
            zip(self._captions[first : first + 2], self._grids()[first : first + 2], strict=True)
        ):
            pair.addWidget(caption, 0, column)
            pair.addWidget(grid, 1, column)
            pair.setColumnStretch(column, 1)
        pair.setRowStretch(1, 1)
        return holder

    # the person's hand

    def _params(self) -> PoolingParams:
        return cast(PoolingParams, self._document.scene.panel("pooling"))

    def _take_example(self, key: str) -> None:
        if key:
            changes = example_params(EXAMPLES[key])
            self._document.edit_many({f"{PATH}.{field}": value for field, value in changes.items()})

    def _resize_grid(self, key: str) -> None:
        rows, columns = map(int, key.split("×"))
        old = self._params().numbers
        self._document.edit(
            f"{PATH}.numbers",
            tuple(
                tuple(old[row][column] if row < len(old) and column < len(old[0]) else 0.0 for column in range(columns))
                for row in range(rows)
            ),
        )

    def _type(self, row: int, column: int, value: float) -> None:
        numbers = [list(each) for each in self._params().numbers]
        numbers[row][column] = value
        self._document.edit(f"{PATH}.numbers", tuple(map(tuple, numbers)))

    def _type_shifted(self, row: int, column: int, value: float) -> None:
        """A shifted number is changed where it comes from, and one that comes in is what comes in everywhere."""
        params = self._params()
        width = len(params.numbers[0])
        source = column - params.shift
        if params.entering is not None and not 0 <= source < width:
            self._document.edit(f"{PATH}.entering", value)
        else:
            self._type(row, source % width, value)

    def _output_at(self, row: int, column: int) -> tuple[int, int] | None:
        """The output whose window has its middle nearest to a cell."""
        if self._result is None:
            return None

        boxes = self._result.boxes

        def distance(cell: tuple[int, int]) -> float:
            top, left, rows, columns = boxes[cell]
            return abs(top + (rows - 1) / 2 - row) + abs(left + (columns - 1) / 2 - column)

        return min(boxes, key=distance, default=None)

    def _point(self, shifted: bool, cell: tuple[int, int] | None) -> None:
        """What was pointed at last stays explained when the pointer leaves: the room reads on."""
        if cell is not None:
            self._pointed = (shifted, cell)
            self._explain()

    def _explain(self) -> None:
        result = self._result
        if result is None:
            return
        shifted, cell = self._pointed or (False, (0, 0))
        if cell not in result.boxes:
            cell = (0, 0)
        sources = (self._shifted, self._detector) if shifted else (self._detector, self._shifted)
        targets = (self._shifted_pooled, self._pooled) if shifted else (self._pooled, self._shifted_pooled)
        sources[0].set_frame(result.boxes[cell])
        targets[0].set_frame((*cell, 1, 1))
        sources[1].set_frame(None)
        targets[1].set_frame(None)
        self._words.setText((result.shifted_words if shifted else result.words)[cell])

    def _restyle(self) -> None:
        self._words.setFont(theme().font("body"))
        self._words.setFixedHeight(2 * self._words.fontMetrics().lineSpacing() + theme().px(4))


def _narrow(options: Sequence[Option]) -> ComboBox:
    """As narrow as its place is: the longest word must not widen the panel."""
    box = ComboBox(options)
    box.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(3)
    return box


def _row(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(theme().px(8))
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row


def _size_key(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _changed_words(share: float) -> str:
    return f"{format_percent(share, 0)} changed"


def _is_shown(params: PoolingParams, example: dict[str, object]) -> bool:
    return all(getattr(params, field) == value for field, value in example.items() if field not in ("shift",))
