"""The two tables of the loss calculator: the samples, and the steps of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cnnviz.core.curves import Curves, series
from cnnviz.core.number_table import NumberTable, TableColumn

if TYPE_CHECKING:
    from cnnviz.core.loss_calculation import LossCalculation
    from cnnviz.panels.loss_calculator import LossQuestion

Array = np.ndarray


def samples_table(question: LossQuestion, losses: LossCalculation) -> NumberTable:
    """A row for each sample: its numbers, its target, its losses, and whether it is right."""
    typed = question.indices is None
    numbers = question.numbers.numpy()[:, : None if typed else 0]  # the network's stand among the steps
    rows, classes = numbers.shape
    letter = "z" if question.given == "logits" else "p"
    tip = "Logits: what the last layer says" if letter == "z" else "Probabilities that the network gives"
    kind: Literal["signed", "unsigned"] = "signed" if question.given == "logits" else "unsigned"
    columns = [
        TableColumn(f"{letter} {name}" if typed else name, f"{tip}: class {name}", kind, "numbers", typed)
        for name in question.classes[:classes]
    ]
    columns += [
        TableColumn(
            "target", "The right class; turn the wheel over it, or click a class below", "plain", "", typed, True
        ),
        TableColumn("loss", "Cross-entropy of this sample", "unsigned"),
        TableColumn("Σ (p−t)²", "Square error, summed over the classes", "unsigned"),
        TableColumn("mean (p−t)²", "Square error, its mean over the classes", "unsigned"),
        TableColumn("right?", "Whether the target is the likeliest class; a tie counts as wrong"),
    ]
    squares = losses.squares
    targets = np.array([_shown_target(question, row) for row in range(rows)], float)
    body = np.column_stack([numbers, targets, losses.losses, squares.sum(1), squares.mean(1), losses.correct.double()])
    words = {(row, classes + 4): "yes" if right else "no" for row, right in enumerate(losses.correct.tolist())}
    if not typed or len(question.classes) == 1:
        words |= {(row, classes): target_word(question, row) for row in range(rows)}
    names = [f"sample {row + 1}" for row in range(rows)] if typed else ["this input"]
    blank = np.zeros_like(body, bool)
    totals = 0
    if rows > 1:
        totals = 2
        summed = np.full((2, body.shape[1]), np.nan)
        summed[0], summed[1] = body.mean(0), body.sum(0)
        body, blank = np.vstack([body, summed]), np.vstack([blank, np.zeros_like(summed, bool)])
        blank[-2:, : classes + 1] = True
        body[-2:, : classes + 1] = np.nan
        right = int(losses.correct.sum())
        words |= {(rows, classes + 4): f"{100 * right / rows:.1f} %", (rows + 1, classes + 4): f"{right} of {rows}"}
        names += ["mean", "sum"]
    return NumberTable("Samples", "", tuple(columns), tuple(names), body, blank, words, totals)


def target_word(question: LossQuestion, row: int) -> str:
    """The right class of a row by its name."""
    target = question.targets[row]
    if len(question.classes) == 1:
        return "yes" if target else "no"
    return question.classes[target]


def _shown_target(question: LossQuestion, row: int) -> int:
    """Classes are counted from 1, as in the lecture's sums; yes and no are 1 and 0, as in its formula."""
    return question.targets[row] + (len(question.classes) > 1)


def steps_table(question: LossQuestion, losses: LossCalculation) -> NumberTable:
    """A row for each class of the chosen sample, a column for each step from its logit to the gradients."""
    row, sigmoid = question.sample, question.outputs == "sigmoid"
    parts: list[tuple[TableColumn, Array, float, float]] = []

    def add(column: TableColumn, values: object, total: float = np.nan, mean: float = np.nan) -> None:
        parts.append((column, np.asarray(values, float), total, mean))

    if losses.logits is not None and losses.exponentials is not None:
        exponentials = losses.exponentials[row]
        add(TableColumn("z", "Logit: what the last layer says", "signed"), losses.logits[row])
        shifted = bool(losses.shift[row] != 0)
        title = "e^(−z)" if sigmoid else "e^(z−max)" if shifted else "e^z"
        why = ": the largest logit is taken away first, which the softmax does not notice" if shifted else ""
        total = np.nan if sigmoid else float(exponentials.sum())
        add(TableColumn(title, f"Its exponential{why}", "unsigned", wide_range=True), exponentials, total)
    probabilities, targets = losses.probabilities[row], losses.targets[row]
    made = "1 / (1 + e^(−z)), the sigmoid" if sigmoid else "e^z / Σ e^z, the softmax"
    made = made if losses.logits is not None else "as it was given"
    add(
        TableColumn("p", f"Probability: {made}", "unsigned", "shares"),
        probabilities,
        np.nan if sigmoid else float(probabilities.sum()),
    )
    add(
        TableColumn("t", "Target: what the probability should be", "unsigned", "shares"),
        targets,
        np.nan if sigmoid else float(targets.sum()),
    )
    terms, squares = losses.terms[row], losses.squares[row]
    if sigmoid:
        title, tip = "loss", "−(t log p + (1 − t) log(1 − p)): binary cross-entropy of each class"
        add(TableColumn(title, tip, "unsigned"), terms, float(terms.sum()), float(terms.mean()))
    else:
        add(TableColumn("−t log p", "What each class adds to the cross-entropy", "unsigned"), terms, float(terms.sum()))
    add(
        TableColumn("(p−t)²", "Square error of each class", "unsigned"),
        squares,
        float(squares.sum()),
        float(squares.mean()),
    )
    gradient, square_gradient = losses.gradient[row], losses.square_gradient[row]
    formula = "(p−t)/K" if sigmoid else "p−t"
    tip = f"Gradient of the cross-entropy by the logit z: {formula}"
    add(TableColumn(f"{formula} = ∂CE/∂z", tip, "signed", "gradient"), gradient, float(gradient.sum()))
    tip = "Gradient of the summed square error by the logit z"
    add(TableColumn("∂SE/∂z", tip, "signed", "gradient"), square_gradient, float(square_gradient.sum()))
    values = np.column_stack([np.append(each, [total, mean]) for _, each, total, mean in parts])
    blank = np.isnan(values)
    blank[:-2] = False
    title = f"Steps of {'this input' if question.indices is not None else f'sample {row + 1}'}"
    names = (*question.classes, "sum", "mean")
    return NumberTable(title, "class", tuple(each for each, *_ in parts), names, values, blank, totals=2)


def loss_curve(question: LossQuestion, losses: LossCalculation) -> Curves:
    """What the right class costs against the probability that it is given, with each sample on it."""
    shares = np.linspace(0.005, 1, 200)
    found = []
    for row, target in enumerate(question.targets):
        p = float(losses.probabilities[row, target if len(question.classes) > 1 else 0])
        found.append(p if target or len(question.classes) > 1 else 1 - p)
    places = np.column_stack([np.array(found), np.full(len(found), np.nan)]).ravel()  # points alone, without a line
    with np.errstate(divide="ignore", invalid="ignore"):
        costs, squares = -np.log(places), (1 - places) ** 2
    return Curves(
        "Cost of the right class",
        "p of the right class",
        "cost",
        (
            series("−log p", shares, -np.log(shares)),
            series("(1 − p)²", shares, (1 - shares) ** 2),
            series("samples: −log p", places, costs, points=True, hue=0),
            series("samples: (1 − p)²", places, squares, points=True, hue=1),
        ),
    )
