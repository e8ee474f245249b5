"""The widget of the guess panel."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.panels.guess import GuessResult
from cnnviz.panels.guess_ranking_view import RankingView
from cnnviz.panels.guess_table_view import GuessTable
from cnnviz.panels.guess_trial import TrialState
from cnnviz.panels.guess_words import NORMALISATIONS
from cnnviz.scene.document import Document
from cnnviz.ui.class_folder import ask_for_class_folder
from cnnviz.ui.controls import ComboBox, ElidedLabel, text_button
from cnnviz.ui.icons import icon
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

_SETS = (("mnist", "MNIST"), ("fashion-mnist", "Fashion-MNIST"), ("cifar10", "CIFAR-10"))
_ASKED = (("folder:", "a folder of images by class …"), ("batch:", "a binary batch of CIFAR-10 …"))


class GuessView(PanelView):
    """The answers to choose from, the table, what no shape tells, and the trial that tells it."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: GuessResult | None = None
        self._follow = True  # to the ranking, once after the trial was asked for
        self._sentence = sentences()
        self._ways = ComboBox()
        self._ways.setToolTip("All answers that fit, the likeliest first")
        self._ways.setAccessibleName("Answers that fit")
        _let_shrink(self._ways)
        self._ways.activated.connect(lambda index: self._choose_way(index))
        self._table = GuessTable(self)
        self._table.setMinimumHeight(theme().px(120))
        self._table.edited.connect(self._edit_row)
        self._fields = self._make_fields()
        self._trial = self._make_trial()
        self._check = sentences("muted")
        self._problem = ElidedLabel("", token="error")
        self._accept = text_button("Accept", role="check")
        self._accept.clicked.connect(self._accept_answer)
        self._back = text_button("Discard changes", "Back to the likeliest answer, or to the one that is kept")
        self._back.clicked.connect(lambda: document.edit("panels.guess.draft", None))
        buttons = QHBoxLayout()
        buttons.addWidget(self._accept)
        buttons.addWidget(self._back)
        buttons.addWidget(self._problem, 1)
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, theme().px(4), 0)
        column.setSpacing(theme().px(6))
        column.addWidget(self._sentence)
        column.addWidget(self._ways)
        column.addWidget(self._table, 1)
        column.addWidget(self._fields)
        column.addWidget(self._check)
        column.addWidget(self._trial)
        scroll = self._scroll = VerticalScroll(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)

    def _make_fields(self) -> QWidget:
        self._size = _line("Rows × columns of the images", self._set_size)
        self._normalise = ComboBox([("", "not said"), *((key, words) for key, words, _ in NORMALISATIONS)])
        self._normalise.addItem("own numbers", "own")
        self._normalise.setToolTip("How images in [0, 1] were normalised in training: it is not in the weights")
        self._normalise.setAccessibleName("Normalisation")
        _let_shrink(self._normalise)
        self._normalise.chosen.connect(self._choose_normalisation)
        self._mean = _line("Mean: one number, or one for each channel", self._set_moments)
        self._std = _line("Standard deviation: one number, or one for each channel", self._set_moments)
        self._labels = _line("Names of the classes, with commas between them", self._set_labels)
        self._labels.setPlaceholderText("names of the classes, with commas between them")
        fields = QWidget()
        grid = QGridLayout(fields)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(theme().px(6))
        places = (
            ("input", self._size, 0, 0, 1),
            ("values", self._normalise, 0, 2, 1),
            ("mean", self._mean, 1, 0, 1),
            ("std", self._std, 1, 2, 1),
            ("labels", self._labels, 2, 0, 3),
        )
        self._own_numbers: list[QWidget] = []
        for name, widget, row, at, span in places:
            label = QLabel(name)
            label.setProperty("role", "muted")
            grid.addWidget(label, row, at)
            grid.addWidget(widget, row, at + 1, 1, span)
            if name in ("mean", "std"):
                self._own_numbers += [label, widget]
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 2)
        return fields

    def _make_trial(self) -> QWidget:
        self._dataset = ComboBox([*_SETS, *_ASKED])
        self._dataset.setToolTip("Labelled images that tell the answers apart")
        self._dataset.setAccessibleName("Labelled images")
        _let_shrink(self._dataset)
        self._dataset.chosen.connect(self._choose_dataset)
        self._run = text_button("Try and rank", "Run every answer on labelled images, and rank them", role="play")
        self._run.clicked.connect(self._toggle_trial)
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._said = ElidedLabel("")
        self._ranking = RankingView()
        self._ranking.chosen.connect(self._choose_ranked)
        trial = QWidget()
        row = QHBoxLayout()
        row.setSpacing(theme().px(6))
        row.addWidget(self._dataset, 1)
        row.addWidget(self._run)
        column = QVBoxLayout(trial)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().px(4))
        column.addLayout(row)
        for widget in (self._progress, self._said, self._ranking):
            column.addWidget(widget)
        return trial

    def show_result(self, result: GuessResult) -> None:
        super().show_result(result)
        if result.nothing or result.guess is None:
            self._result = None
            self.set_subtitle("")
            self.show_empty(result.nothing)
            return
        self._result = result
        self._sentence.setText(result.sentence)
        self._show_ways(result)
        self._table.setVisible(bool(result.rows))
        self._table.set_rows(result.rows)
        self._show_fields(result.guess)
        self._check.setText(result.check)
        self._check.setVisible(bool(result.check))
        self._show_trial(result.trial)
        self._problem.set_text(result.problem)
        self._accept.setText("Kept for this file" if result.accepted else "Accept and run it")
        self._accept.setEnabled(not result.problem and not result.accepted)
        self._accept.setToolTip("Run the network that this describes, and keep the answer for this very file")
        self._back.setVisible(self.document.scene.panel("guess").draft is not None)
        self.set_subtitle("kept" if result.accepted else "not accepted")

    def _show_ways(self, result: GuessResult) -> None:
        words = [(str(index), words) for index, (words, _) in enumerate(result.ways)]
        self._ways.set_options([*words, *([] if result.way is not None else [("", "corrected by hand")])])
        self._ways.set_value("" if result.way is None else str(result.way))

    def _show_fields(self, guess: ChainGuess) -> None:
        _set(self._size, "×".join(map(str, guess.input_size[1:])))
        _set(self._mean, _numbers(guess.mean))
        _set(self._std, _numbers(guess.std))
        _set(self._labels, ", ".join(guess.labels))
        usual = {moments: key for key, _, moments in NORMALISATIONS}
        said = guess.mean is not None or guess.std is not None
        key = usual.get((guess.mean or (), guess.std or ()), "own") if said else ""
        self._normalise.set_value(key)
        self._show_own_numbers(key == "own")

    def _show_own_numbers(self, shown: bool) -> None:
        for widget in self._own_numbers:
            widget.setVisible(shown)

    def _show_trial(self, trial: TrialState | None) -> None:
        dataset = self.document.scene.panel("guess").dataset
        path = dataset.partition(":")[2]
        options = [*_SETS, *([(dataset, path)] if path else []), *_ASKED]
        self._dataset.set_options(options)
        self._dataset.set_value(dataset)
        running = trial is not None and not trial.finished
        role, words = ("stop", "Cancel") if running else ("clear", "Clear") if trial else ("play", "Try and rank")
        if words != self._run.text():
            self._run.setText(words)
            self._run.setIcon(icon(role))
        self._progress.setVisible(running)
        self._said.setVisible(trial is not None)
        self._ranking.setVisible(trial is not None and bool(trial.ranking))
        if trial is None:
            return
        # without a range the bar only moves: how long reading takes is not known
        self._progress.setRange(0, trial.total)
        self._progress.setValue(trial.done)
        self._ranking.set_rows(trial.ranking)
        if trial.ranking and self._follow:
            self._follow = False
            QTimer.singleShot(0, self._scroll_to_ranking)
        self._said.set_text(_trial_words(trial), "warning" if trial.message else "muted")

    def _scroll_to_ranking(self) -> None:
        bar = self._scroll.verticalScrollBar()
        if bar is not None:
            bar.setValue(bar.maximum())

    # what the person does

    def _change(self, **changes: Any) -> None:
        if self._result is None or self._result.guess is None:
            return
        try:
            draft = self._result.guess.changed(**changes)
        except ValueError:
            self._show_fields(self._result.guess)  # what cannot be is taken back
            return
        self.document.edit("panels.guess.draft", draft)

    def _edit_row(self, name: str, changes: dict[str, Any]) -> None:
        if self._result is None or self._result.guess is None:
            return
        try:
            self.document.edit("panels.guess.draft", self._result.guess.with_layer(name, **changes))
        except (KeyError, ValueError):
            self._table.set_rows(self._result.rows)

    def _choose_way(self, index: int) -> None:
        if self._result is None or self._result.guess is None or not 0 <= index < len(self._result.ways):
            return
        guess, way = self._result.guess, self._result.ways[index][1]
        draft = way.changed(mean=guess.mean, std=guess.std, labels=guess.labels)
        self.document.edit("panels.guess.draft", draft)

    def _choose_ranked(self, index: int) -> None:
        trial = self._result.trial if self._result is not None else None
        if trial is not None and index < len(trial.ranking) and self._result and self._result.guess:
            chosen = trial.ranking[index].guess
            labels = self._result.guess.labels or chosen.labels
            self.document.edit("panels.guess.draft", chosen.changed(labels=labels))

    def _set_size(self) -> None:
        parts = self._size.text().lower().replace("x", "×").split("×")
        if self._result is not None and self._result.guess is not None:
            sizes = tuple(int(part) if part.strip().isdecimal() else 0 for part in (parts[0], parts[-1]))
            self._change(input_size=(self._result.guess.input_size[0], *sizes))

    def _choose_normalisation(self, key: str) -> None:
        usual = {name: moments for name, _, moments in NORMALISATIONS}
        if key == "own":
            self._show_own_numbers(True)
            self._mean.setFocus()
        elif key:
            self._change(mean=usual[key][0], std=usual[key][1])
        else:
            self._change(mean=None, std=None)

    def _set_moments(self) -> None:
        mean, std = _read(self._mean.text()), _read(self._std.text())
        self._change(mean=mean, std=std)

    def _set_labels(self) -> None:
        self._change(labels=tuple(label.strip() for label in self._labels.text().split(",") if label.strip()))

    def _choose_dataset(self, key: str) -> None:
        if key == "folder:":
            key = ask_for_class_folder(self)
        elif key == "batch:":
            path, _ = QFileDialog.getOpenFileName(self, "A binary batch of CIFAR-10", "", "Batches (*.bin)")
            key = f"batch:{path}" if path else ""
        if key:
            self.document.edit("panels.guess.dataset", key)
        else:
            self._dataset.set_value(self.document.scene.panel("guess").dataset)

    def _toggle_trial(self) -> None:
        self._follow = True
        self.document.edit("panels.guess.trying", not self.document.scene.panel("guess").trying)

    def _accept_answer(self) -> None:
        if self._result is not None and self._result.guess is not None:
            self.document.edit_many(
                {"network.accept": False, "network.answer": self._result.guess, "panels.guess.draft": None}
            )


def _line(tip: str, do: Any) -> QLineEdit:
    line = QLineEdit()
    line.setToolTip(tip)
    line.setAccessibleName(tip)
    line.editingFinished.connect(do)
    line.setMinimumWidth(theme().px(40))
    return line


def _let_shrink(combo: ComboBox) -> None:
    """A long text ends in an ellipsis; the list that opens is as wide as it needs."""
    combo.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)


def _set(line: QLineEdit, text: str) -> None:
    if not line.hasFocus() and line.text() != text:
        line.setText(text)
        line.setCursorPosition(0)


def _numbers(values: tuple[float, ...] | None) -> str:
    return "" if values is None else ", ".join(f"{value:.6g}" for value in values)


def _read(text: str) -> tuple[float, ...] | None:
    """The numbers in a line; None where it is empty. What is no number makes the whole line none."""
    try:
        return tuple(float(part.replace("−", "-")) for part in text.split(",")) if text.strip() else None
    except ValueError:
        return None


def _trial_words(trial: TrialState) -> str:
    if trial.message:
        return trial.message
    if not trial.total:
        return "reading the images …"
    if trial.finished:
        return f"{trial.total:,} passes of an image. Click an answer to put it on the table."
    return f"{trial.done:,} of {trial.total:,} passes of an image"
