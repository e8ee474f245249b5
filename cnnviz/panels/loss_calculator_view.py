"""The widget of the loss calculator: the samples above, the steps of one of them below, and words for each number."""

from __future__ import annotations

from typing import cast

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.core.loss_examples import EXAMPLES
from cnnviz.panels.loss_calculator import (
    MOST_CLASSES,
    MOST_SAMPLES,
    LossCalculatorParams,
    LossResult,
    example_params,
)
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, ElidedLabel, LabelledSlider, Segmented, text_button
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.number_table_painter import TableFigure
from cnnviz.ui.number_table_view import NumberTableView
from cnnviz.ui.numbers import format_number
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

PATH = "panels.loss-calculator"
_HINT = "Click a number to change it; point at any number to see how it comes about."
_LIVE_HINT = "The network's answer to what is on the canvas, live. Click a class to make it the right one."
_POINT = "Point at a number to see how it comes about."


class LossCalculatorView(PanelView):
    """What is typed shows at once in every step; what was pointed at last stays explained."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._source = Segmented(
            [("typed", "numbers"), ("network", "network")],
            tips=["Numbers to type into", "The open network's answer to what is on the canvas, live"],
        )
        super().__init__(document, parent)
        self._result: LossResult | None = None
        self._pointed: tuple[NumberTableView, tuple[int, int]] | None = None
        self._source.chosen.connect(lambda source: document.edit(f"{PATH}.source", source))
        self._examples = ComboBox(
            [("", "numbers of one's own"), *((key, each.title) for key, each in EXAMPLES.items())]
        )
        self._examples.setToolTip("Numbers worth looking at")
        self._examples.chosen.connect(self._take_example)
        self._given = Segmented(
            [("logits", "logits"), ("probabilities", "probabilities")],
            tips=["The numbers are what the last layer says", "The numbers are what the softmax or the sigmoid made"],
        )
        self._given.chosen.connect(lambda given: document.edit(f"{PATH}.given", given))
        self._outputs = Segmented(
            [("softmax", "softmax"), ("sigmoid", "sigmoid")],
            tips=[
                "One of the classes is right: cross-entropy of the softmax",
                "Each class is a yes or no of its own: binary cross-entropy of the sigmoid",
            ],
        )
        self._outputs.chosen.connect(lambda outputs: document.edit(f"{PATH}.outputs", outputs))
        self._smoothing = BoundSlider(document, f"{PATH}.smoothing", "smoothing", label_width=62, value_width=36)
        self._rows = LabelledSlider(
            "samples", 1, MOST_SAMPLES, 3, step=1, digits=0, label_width=62, value_width=26, tip="Rows: samples"
        )
        self._columns = LabelledSlider(
            "classes", 1, MOST_CLASSES, 3, step=1, digits=0, label_width=62, value_width=26, tip="Columns: classes"
        )
        for slider in (self._rows, self._columns):
            slider.edited.connect(lambda _: self._resize_numbers())
            slider.pressed.connect(document.begin_gesture)
            slider.released.connect(document.end_gesture)
        self._mend = text_button("Make them sum to 1", "Divide the probabilities of each sample by their sum")
        self._mend.clicked.connect(self._normalise)
        self._keep = text_button("Keep these numbers", "Go on with the network's logits as numbers to type into")
        self._keep.clicked.connect(self._take_over)
        self._note = ElidedLabel(_HINT)
        self._samples, self._steps = NumberTableView("Samples"), NumberTableView("Steps of one sample")
        self._samples.clicked.connect(self._choose_sample)
        self._samples.edited.connect(self._type)
        self._samples.stepped.connect(lambda row, _, by: self._set_target(row, self._params().targets[row] + by))
        self._steps.clicked.connect(self._choose_class)
        for table in (self._samples, self._steps):
            table.hovered.connect(lambda cell, table=table: self._point(table, cell))
        self._title = ElidedLabel("", role="title", token="text")
        self._words = sentences(text=_POINT)
        self._words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._plot = CurvePlot(self)
        self._lay_out()
        theme().changed.connect(self._restyle)
        self._restyle()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def header_controls(self) -> list[QWidget]:
        return [self._source]

    def figures(self) -> list[Figure]:
        if self._result is None:
            return []
        table = TableFigure("Loss, step by step", (self._result.samples, self._result.steps))
        figure = self._plot.figure()
        return [table] if figure is None else [table, figure]

    def show_result(self, result: LossResult) -> None:
        super().show_result(result)
        self._result = result
        question = result.question
        self._samples.set_table(result.samples)
        self._steps.set_table(result.steps)
        self._samples.set_selected(question.sample if question.indices is None else None)
        if len(question.classes) > 1:
            self._samples.set_ringed(list(enumerate(question.targets)) if question.indices is None else [])
            self._steps.set_selected(question.targets[question.sample])
        else:
            self._samples.set_ringed([])
            self._steps.set_selected(None)
        self._plot.set_curves(result.curves)
        self._title.set_text(result.steps.title)
        self._say_note(result.problem)
        self._explain()
        losses = result.losses.losses
        self.set_subtitle(f"{'mean' if len(losses) > 1 else 'loss'} {format_number(float(losses.mean()))}")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        for row in (
            ((self._examples, 1), (self._given, 0)),
            ((self._outputs, 0), (self._smoothing, 1)),
            ((self._rows, 1), (self._columns, 1)),
            ((self._note, 1), (self._mend, 0), (self._keep, 0)),
        ):
            line = QHBoxLayout()
            line.setSpacing(theme().px(8))
            for widget, stretch in row:
                line.addWidget(widget, stretch)
            layout.addLayout(line)
        layout.addWidget(self._samples, 2)
        layout.addWidget(self._title)
        layout.addWidget(self._steps, 3)
        layout.addWidget(self._words)
        layout.addWidget(self._plot, 4)
        layout.addStretch(0)

    # the person's hand

    def _params(self) -> LossCalculatorParams:
        return cast(LossCalculatorParams, self.document.scene.panel("loss-calculator"))

    def _take_example(self, key: str) -> None:
        if key:
            changes = example_params(EXAMPLES[key])
            self.document.edit_many({f"{PATH}.{field}": value for field, value in changes.items()})

    def _resize_numbers(self) -> None:
        rows, columns = round(self._rows.value()), round(self._columns.value())
        params = self._params()
        old = params.numbers
        numbers = tuple(
            tuple(old[row][column] if row < len(old) and column < len(old[0]) else 0.0 for column in range(columns))
            for row in range(rows)
        )
        targets = tuple(min(each, max(columns - 1, 1)) for each in (*params.targets, *(0,) * rows)[:rows])
        self.document.edit_many({f"{PATH}.numbers": numbers, f"{PATH}.targets": targets})

    def _type(self, row: int, column: int, value: float) -> None:
        numbers = [list(each) for each in self._params().numbers]
        if column == len(numbers[0]):
            self._set_target(row, round(value) - (len(numbers[0]) > 1))
            return
        numbers[row][column] = value
        self.document.edit(f"{PATH}.numbers", tuple(map(tuple, numbers)))

    def _set_target(self, row: int, target: int) -> None:
        params = self._params()
        targets = list((*params.targets, *(0,) * len(params.numbers))[: len(params.numbers)])
        targets[row] = min(max(target, 0), max(len(params.numbers[0]) - 1, 1))
        self.document.edit(f"{PATH}.targets", tuple(targets))

    def _choose_sample(self, row: int, column: int) -> None:
        if self._result is not None and self._result.question.indices is None and row < len(self._params().numbers):
            self.document.edit(f"{PATH}.sample", row)

    def _choose_class(self, row: int, column: int) -> None:
        """A class that is clicked becomes the right one."""
        question = None if self._result is None else self._result.question
        if question is None or row >= len(question.classes):
            return
        if question.indices is None:
            target = 1 - question.targets[question.sample] if len(question.classes) == 1 else row
            self._set_target(question.sample, target)
        elif len(question.classes) == 1:
            self.document.edit(f"{PATH}.target", 1 - question.targets[0])
        elif question.indices[row] >= 0:
            self.document.edit(f"{PATH}.target", question.indices[row])

    def _normalise(self) -> None:
        rows = [[max(number, 0.0) for number in row] for row in self._params().numbers]
        mended = tuple(
            tuple(number / sum(row) for number in row) if sum(row) else (1 / len(row),) * len(row) for row in rows
        )
        self.document.edit(f"{PATH}.numbers", mended)

    def _take_over(self) -> None:
        if self._result is None:
            return
        question = self._result.question
        row = tuple(round(number, 3) for number in question.numbers[0].tolist())
        changes = {"source": "typed", "numbers": (row,), "targets": question.targets, "given": "logits", "sample": 0}
        self.document.edit_many({f"{PATH}.{field}": value for field, value in changes.items()})

    # what is shown

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        self._source.set_value(params.source)
        self._given.set_value(params.given)
        self._outputs.set_value(params.outputs)
        self._smoothing.refresh()
        self._rows.set_value(len(params.numbers))
        self._columns.set_value(len(params.numbers[0]))
        typed = params.source == "typed"
        for widget in (self._examples, self._given, self._rows, self._columns):
            widget.setVisible(typed)
        self._keep.setVisible(not typed)
        known = (key for key, each in EXAMPLES.items() if _is_shown(params, example_params(each)))
        self._examples.set_value(next(known, ""))
        self._say_note("" if self._result is None else self._result.problem)

    def _say_note(self, problem: str) -> None:
        params = self._params()
        typed = params.source == "typed"
        self._mend.setVisible(typed and bool(problem) and params.outputs == "softmax")
        if problem and typed:
            self._note.set_text(problem, "warning")
        else:
            key = self._examples.value()
            self._note.set_text(EXAMPLES[key].note if typed and key else _HINT if typed else _LIVE_HINT, "muted")

    def _point(self, table: NumberTableView, cell: tuple[int, int] | None) -> None:
        if cell is not None:
            self._pointed = (table, cell)
            self._explain()

    def _explain(self) -> None:
        if self._result is None or self._pointed is None:
            return
        table, cell = self._pointed
        words = self._result.sample_words if table is self._samples else self._result.step_words
        self._words.setText(words.get(cell, "") or _POINT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._plot.setVisible(self.height() > theme().px(560))  # the numbers go first

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        if self._plot.isHidden():
            return hint
        return hint - QSize(0, self._plot.minimumSizeHint().height() + self.layout().spacing())

    def _restyle(self) -> None:
        self._words.setFont(theme().font("body"))
        self._words.setFixedHeight(2 * self._words.fontMetrics().lineSpacing() + theme().px(4))


def _is_shown(params: LossCalculatorParams, example: dict[str, object]) -> bool:
    return all(getattr(params, field) == value for field, value in example.items() if field != "sample")
