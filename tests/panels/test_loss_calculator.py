"""Loss calculator: numbers and words of the tables against torch, the network's answer, and the person's hand."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QLineEdit, QPushButton
from torch import nn

from cnnviz.core.loss_examples import EXAMPLES
from cnnviz.panels.loss_calculator import LossCalculatorParams, example_params, worked_through
from cnnviz.panels.loss_calculator_view import LossCalculatorView
from cnnviz.panels.loss_calculator_words import written
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.dock import Dock

PATH = "panels.loss-calculator"
NETWORK = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 3))


@pytest.fixture
def result_of(computed):
    def compute(**edits):
        return computed("loss-calculator", NETWORK, (1, 8, 8), {f"{PATH}.{key}": edits[key] for key in edits})

    return compute


def column(table, title):
    (at,) = [at for at, each in enumerate(table.columns) if each.title == title]
    return table.values[:, at].tolist()


def test_the_lectures_table_is_what_the_panel_begins_with(result_of):
    table = result_of().samples
    assert column(table, "loss") == pytest.approx(
        [-math.log(0.4), -math.log(0.4), -math.log(0.1), 4.1352 / 3, 4.1352], abs=1e-4
    )
    assert column(table, "target")[:3] == [3, 2, 1]
    assert [table.words[row, 7] for row in range(5)] == ["yes", "yes", "no", "66.7 %", "2 of 3"]
    assert column(table, "Σ (p−t)²") == pytest.approx([0.54, 0.54, 1.34, 2.42 / 3, 2.42])


def test_steps_lead_from_logits_to_the_gradients(result_of):
    logits = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64)
    result = result_of(numbers=tuple(map(tuple, logits.tolist())), targets=(2,), given="logits", smoothing=0.1)
    steps, p = result.steps, logits.softmax(1)[0]
    assert column(steps, "e^z")[:5] == pytest.approx([*logits[0].exp().tolist(), logits.exp().sum().item()])
    assert column(steps, "p")[:5] == pytest.approx([*p.tolist(), 1])
    loss = F.cross_entropy(logits, torch.tensor([2]), label_smoothing=0.1).item()
    assert column(steps, "−t log p")[4] == pytest.approx(loss)
    target = F.one_hot(torch.tensor(2), 4) * 0.9 + 0.025
    assert column(steps, "p−t = ∂CE/∂z")[:4] == pytest.approx((p - target).tolist())


def worth(formula):
    """A formula of the words, worked out by Python."""
    for sign, meaning in (("−", "-"), ("·", "*"), ("²", "**2"), ("exp", "math.exp")):
        formula = formula.replace(sign, meaning)
    formula = re.sub(r"log ([\d.e-]+)", r"math.log(\1)", formula)
    return eval(formula, {"math": math})  # noqa: S307 - made of this file's own numbers


@pytest.mark.parametrize(
    ("given", "outputs", "checked"),
    [("logits", "softmax", 36), ("logits", "sigmoid", 30), ("probabilities", "softmax", 30)],
)
def test_the_words_put_the_numbers_into_the_formula_that_gives_them(result_of, given, outputs, checked):
    numbers = ((0.3, -0.5, 1.2), (2.0, 0.1, -1.0)) if given == "logits" else ((0.3, 0.2, 0.5), (0.1, 0.6, 0.3))
    result = result_of(numbers=numbers, targets=(1, 2), given=given, outputs=outputs, smoothing=0.1, sample=1)
    formulas = []
    for table, words in ((result.samples, result.sample_words), (result.steps, result.step_words)):
        for cell, text in words.items():
            *_, formula, number = ["", *text.split(" = ")]
            formula = formula.rpartition(": ")[2]
            if not re.search(r"\d", formula) or cell in table.words:
                continue
            value = float(table.values[cell])
            assert number.partition(":")[0] == written(value), text
            assert worth(formula) == pytest.approx(value, rel=3e-3, abs=2e-4), text
            formulas.append(formula)
    assert len(formulas) >= checked


def test_probabilities_that_do_not_sum_to_one_are_told(result_of):
    result = result_of(numbers=((0.5, 0.6, 0.1),), targets=(0,))
    assert "Sample 1 sums to 1.2, not to 1" in result.problem
    assert result_of(numbers=((0.5, -0.1, 0.6),), targets=(0,)).problem.startswith("Sample 1: −0.1 is not from 0 to 1")
    assert result_of(numbers=((0.5, 0.5, 0.6),), targets=(0,), outputs="sigmoid").problem == ""


def test_the_networks_answer_is_worked_through(computed, seen, noisy):
    labels = ("cat", "dog", "bird")
    result = computed("loss-calculator", NETWORK, (1, 8, 8), noisy | {f"{PATH}.source": "network"}, labels=labels)
    with torch.no_grad():
        logits = NETWORK(seen((1, 8, 8), noisy)).double()
    assert column(result.steps, "z")[:3] == pytest.approx(logits[0].tolist(), rel=1e-5)
    likeliest = logits.argmax(1)
    assert column(result.samples, "loss") == pytest.approx([F.cross_entropy(logits, likeliest).item()], rel=1e-5)
    assert result.samples.words[0, 0] == labels[likeliest]
    edits = noisy | {f"{PATH}.source": "network", f"{PATH}.target": 1}
    other = computed("loss-calculator", NETWORK, (1, 8, 8), edits, labels=labels)
    assert column(other.samples, "loss") == pytest.approx([F.cross_entropy(logits, torch.tensor([1])).item()], rel=1e-5)


def test_of_many_classes_the_others_stand_together(computed, seen, noisy):
    torch.manual_seed(0)
    many = nn.Sequential(nn.Flatten(), nn.Linear(64, 40))
    edits = noisy | {f"{PATH}.source": "network", f"{PATH}.target": 7}
    result = computed("loss-calculator", many, (1, 8, 8), edits)
    with torch.no_grad():
        logits = many(seen((1, 8, 8), noisy)).double()
    assert len(result.question.classes) == 12
    assert result.question.classes[-1] == "29 others"
    assert column(result.samples, "loss") == pytest.approx(
        [F.cross_entropy(logits, torch.tensor([7])).item()], rel=1e-5
    )


def test_maps_are_no_answer(refused):
    words = refused("loss-calculator", nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 8, 8), {f"{PATH}.source": "network"})
    assert "answers with maps" in words


def test_every_example_can_be_worked_through():
    from cnnviz.panels.loss_calculator import _of_typed

    for example in EXAMPLES.values():
        result = _of_typed(LossCalculatorParams(**example_params(example)))
        assert result.problem == ""
        assert set(result.step_words) >= {
            (row, at) for row, at in zip(*(~result.steps.blank).nonzero(), strict=True)
        } - set(result.steps.words)
    assert worked_through(result.question).samples.values == pytest.approx(result.samples.values, nan_ok=True)


def test_numbers_are_written_short():
    assert [written(value) for value in (0.9162907, -1.5, 0, 6.144e-6, 2e7, math.inf, -0.0)] == [
        "0.9163", "−1.5", "0", "6.14e−6", "2e7", "∞", "0",
    ]  # fmt: skip


# in the window


@pytest.fixture
def panel(start, scene_of, small, settle):
    program = start(scene_of(small))
    program.window.use_workspace("loss")
    program.window.show_panel("loss-calculator")
    settle(program)
    return program, program.window.docks["loss-calculator"].view


def said(view):
    return " ".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())


def test_typing_pointing_choosing(panel, named, settle, latest):
    program, view = panel
    samples, steps = named(view, "Samples"), named(view, "Steps of one sample")
    params = lambda: program.document.scene.panel("loss-calculator")  # noqa: E731
    QTest.mouseMove(samples, samples.cell_rect(2, 4).center())
    assert "−log 0.1 = 2.303" in said(view)
    QTest.mouseClick(samples, Qt.MouseButton.LeftButton, pos=samples.cell_rect(2, 1).center())
    (field,) = samples.findChildren(QLineEdit)
    QTest.keyClicks(field, "0.5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    settle(program)
    assert params().numbers[2] == (0.1, 0.5, 0.7)
    assert params().sample == 2
    assert latest["loss-calculator"].problem.startswith("Sample 3 sums to 1.3")
    (mend,) = [each for each in view.findChildren(QPushButton) if "sum to 1" in each.text()]
    mend.click()
    settle(program)
    assert sum(params().numbers[2]) == pytest.approx(1)
    assert not mend.isVisible()
    QTest.mouseClick(steps, Qt.MouseButton.LeftButton, pos=steps.cell_rect(2, 0).center())
    settle(program)
    assert params().targets == (2, 1, 2)
    QTest.mouseMove(steps, steps.cell_rect(2, 2).center())
    assert "· log" in said(view)
    assert len(view.figures()) == 2


@pytest.mark.parametrize("width", [430, 420])
def test_the_title_bar_has_room_for_the_loss(result_of, qtbot, width):
    result = result_of()
    view = LossCalculatorView(Document())
    dock = Dock("loss-calculator", "Loss calculator", view)
    qtbot.addWidget(dock)
    view.show_result(result)
    dock.title_bar.resize(width, 30)
    dock.title_bar.layout().activate()
    (said,) = [each for each in dock.title_bar.findChildren(ElidedLabel) if each.text() == "mean 1.378"]
    assert said.shown_text() == said.text()


def test_the_networks_row_follows_the_input_and_is_kept(panel, named, settle, latest):
    program, view = panel
    program.document.edit(f"{PATH}.source", "network")
    settle(program)
    before = latest["loss-calculator"].question.numbers.clone()
    program.document.edit("input.edits.brightness", 0.4)
    settle(program)
    after = latest["loss-calculator"].question.numbers
    assert not torch.equal(before, after)
    steps = named(view, "Steps of one sample")
    QTest.mouseClick(steps, Qt.MouseButton.LeftButton, pos=steps.cell_rect(1, 0).center())
    assert program.document.scene.panel("loss-calculator").target == 1
    (keep,) = [each for each in view.findChildren(QPushButton) if each.text() == "Keep these numbers"]
    keep.click()
    settle(program)
    params = program.document.scene.panel("loss-calculator")
    assert params.source == "typed"
    assert params.numbers[0] == pytest.approx(after[0].tolist(), abs=1e-3)
