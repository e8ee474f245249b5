"""How each number of the loss calculator came about: its formula with the numbers put in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.loss_calculation import LossCalculation
    from cnnviz.panels.loss_calculator import LossQuestion

Words = dict[tuple[int, int], str]

MOST_TERMS = 6
"""A longer sum is told, and not written out."""


def written(value: float) -> str:
    """A number as a person would write it, with four figures: ``0.9163``, ``−1.5``, ``6.1e−6``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.2e}" if 0 < abs(value) < 1e-3 or abs(value) >= 1e6 else f"{value:.4g}"
    mantissa, mark, exponent = text.partition("e")
    text = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}{mark}{int(exponent) if mark else ''}"
    return ("0" if text == "-0" else text).replace("-", "−")


def bracketed(value: float) -> str:
    """As `written`, in parentheses where a minus sign leads."""
    text = written(value)
    return f"({text})" if value < 0 and text != "0" else text


def _sum(terms: list[str], otherwise: str) -> str:
    return " + ".join(terms) if len(terms) <= MOST_TERMS else otherwise


def problem(question: LossQuestion) -> str:
    """What is wrong with probabilities that were given, in a sentence; empty where nothing is."""
    if question.given == "logits":
        return ""
    for row, numbers in enumerate(question.numbers.tolist()):
        outside = next((number for number in numbers if not 0 <= number <= 1), None)
        if outside is not None:
            return f"Sample {row + 1}: {written(outside)} is not from 0 to 1."
        if question.outputs == "softmax" and abs(sum(numbers) - 1) > 1e-6:
            total = written(sum(numbers))
            return f"Sample {row + 1} sums to {total}, not to 1: no softmax gives it, so it has no gradient."
    return ""


def step_words(question: LossQuestion, losses: LossCalculation) -> Words:
    """For each cell of the table of steps."""
    row, sigmoid = question.sample, question.outputs == "sigmoid"
    p, t = losses.probabilities[row].tolist(), losses.targets[row].tolist()
    columns: list[list[str]] = []
    if losses.logits is not None and losses.exponentials is not None:
        z, e = losses.logits[row].tolist(), losses.exponentials[row].tolist()
        columns += _logit_words(question, z, e, float(losses.shift[row]))
        columns.append(_sigmoid_words(z, p) if sigmoid else _softmax_words(e, p))
    else:
        total = "" if sigmoid else f"{_sum([written(each) for each in p], 'sum of all p')} = {written(sum(p))}"
        columns.append([*(f"p = {written(each)}, as it was given" for each in p), total, ""])
    columns.append(_target_words(question, t))
    columns.append(_entropy_words(question, p, t, losses.terms[row].tolist()))
    squares = losses.squares[row].tolist()
    each_square = [f"({written(one)} − {written(other)})²" for one, other in zip(p, t, strict=True)]
    total = sum(squares)
    columns.append(
        [
            *(f"(p − t)² = {text} = {written(value)}" for text, value in zip(each_square, squares, strict=True)),
            f"square error, sum: {_sum([written(value) for value in squares], 'sum of all')} = {written(total)}",
            f"square error, mean: {written(total)} / {len(squares)} = {written(total / len(squares))}",
        ]
    )
    columns.append(_gradient_words(p, t, losses.gradient[row].tolist(), sigmoid))
    columns.append(_square_gradient_words(p, t, losses.square_gradient[row].tolist(), sigmoid))
    return {(at, column): text for column, texts in enumerate(columns) for at, text in enumerate(texts)}


def _logit_words(question: LossQuestion, z: list[float], e: list[float], shift: float) -> list[list[str]]:
    source = "as it was typed" if question.indices is None else "as the network answers"
    if question.outputs == "sigmoid":
        powers = [f"exp({written(-each)}) = {written(value)}" for each, value in zip(z, e, strict=True)]
        total = ""
    else:
        away = f" − {bracketed(shift)}" if shift else ""
        powers = [f"exp({written(each)}{away}) = {written(value)}" for each, value in zip(z, e, strict=True)]
        total = f"{_sum([written(value) for value in e], 'sum of all exponentials')} = {written(sum(e))}"
    return [[*(f"z = {written(each)}, {source}" for each in z), "", ""], [*powers, total, ""]]


def _softmax_words(e: list[float], p: list[float]) -> list[str]:
    below = _sum([written(each) for each in e], written(sum(e)))
    below = f"({below})" if len(e) <= MOST_TERMS else below
    return [
        *(f"softmax: {written(each)} / {below} = {written(share)}" for each, share in zip(e, p, strict=True)),
        f"{_sum([written(each) for each in p], 'sum of all p')} = {written(sum(p))}",
        "",
    ]


def _sigmoid_words(z: list[float], p: list[float]) -> list[str]:
    each = [f"sigmoid: 1 / (1 + exp({written(-one)})) = {written(share)}" for one, share in zip(z, p, strict=True)]
    return [*each, "", ""]


def _target_words(question: LossQuestion, t: list[float]) -> list[str]:
    target, classes, smoothing = question.targets[question.sample], len(t), question.smoothing
    found = []
    for at, value in enumerate(t):
        own = target if classes == 1 else int(at == target)
        if smoothing:
            share = f"{written(smoothing)} / {max(classes, 2)}"
            found.append(f"smoothed: (1 − {written(smoothing)}) · {own} + {share} = {written(value)}")
        else:
            found.append("t = 1: this is the right class" if own else "t = 0: this is not the right class")
    total = "" if question.outputs == "sigmoid" else f"the targets sum to {written(sum(t))}"
    return [*found, total, ""]


def _entropy_words(question: LossQuestion, p: list[float], t: list[float], terms: list[float]) -> list[str]:
    total = _sum([written(each) for each in terms], "sum of all")
    if question.outputs == "sigmoid":
        each = [
            f"−({written(b)} · log {written(a)} + {written(1 - b)} · log {written(1 - a)}) = {written(c)}"
            for a, b, c in zip(p, t, terms, strict=True)
        ]
        mean = f"binary cross-entropy, mean over classes: {written(sum(terms))} / {len(terms)}"
        return [*each, f"{total} = {written(sum(terms))}", f"{mean} = {written(sum(terms) / len(terms))}"]
    each = [
        f"−{written(b)} · log {written(a)} = {written(c)}" if b else "t = 0, so this class adds nothing, whatever p is"
        for a, b, c in zip(p, t, terms, strict=True)
    ]
    return [*each, f"cross-entropy: {total} = {written(sum(terms))}", ""]


def _gradient_words(p: list[float], t: list[float], gradient: list[float], sigmoid: bool) -> list[str]:
    if math.isnan(gradient[0]):
        return ["no gradient: these probabilities come of no logits"] * len(p) + ["", ""]
    formula = "(p − t) / K" if sigmoid else "p − t"
    each = []
    for one, other, value in zip(p, t, gradient, strict=True):
        put = f"({written(one)} − {written(other)}) / {len(p)}" if sigmoid else f"{written(one)} − {written(other)}"
        each.append(f"{formula} = {put} = {written(value)}: a step of descent moves z the other way")
    return [*each, "" if sigmoid else "the gradient sums to 0: what one logit gains the others lose", ""]


def _square_gradient_words(p: list[float], t: list[float], gradient: list[float], sigmoid: bool) -> list[str]:
    if math.isnan(gradient[0]):
        return ["no gradient: these probabilities come of no logits"] * len(p) + ["", ""]
    shared = sum(one * (one - other) for one, other in zip(p, t, strict=True))
    each = []
    for one, other, value in zip(p, t, gradient, strict=True):
        away = f"({written(one)} − {written(other)})"
        if sigmoid:
            each.append(f"2 (p − t) p (1 − p) = 2 · {away} · {written(one)} · {written(1 - one)} = {written(value)}")
        else:
            put = f"2 · {written(one)} · ({away} − {bracketed(shared)})"
            each.append(f"2 p ((p − t) − Σ p (p − t)) = {put} = {written(value)}")
    return [*each, "", ""]


def sample_words(question: LossQuestion, losses: LossCalculation) -> Words:
    """For each cell of the table of samples."""
    rows, classes = len(question.numbers), _columns_before(question)
    words: Words = {}
    for row in range(rows):
        words |= _row_words(question, losses, row)
    if rows == 1:
        return words
    for at, values in enumerate((losses.losses, losses.squares.sum(1), losses.squares.mean(1))):
        terms, total = [written(each) for each in values.tolist()], float(values.sum())
        column = classes + 1 + at
        words[rows, column] = f"({' + '.join(terms)}) / {rows} = {written(total / rows)}"
        words[rows + 1, column] = f"{' + '.join(terms)} = {written(total)}"
    right = int(losses.correct.sum())
    words[rows, classes + 4] = f"accuracy: {right} / {rows} = {100 * right / rows:.1f} %"
    words[rows + 1, classes + 4] = f"{right} of {rows} right; classification error {rows - right} / {rows}"
    return words


def _columns_before(question: LossQuestion) -> int:
    """Columns of the table of samples before that of the targets."""
    return len(question.classes) if question.indices is None else 0


def _row_words(question: LossQuestion, losses: LossCalculation, row: int) -> Words:
    before, classes = _columns_before(question), len(question.classes)
    p, t = losses.probabilities[row].tolist(), losses.targets[row].tolist()
    terms, squares = losses.terms[row].tolist(), losses.squares[row].tolist()
    loss, target = float(losses.losses[row]), question.targets[row]
    letter = "z" if question.given == "logits" else "p"
    words = {
        (row, at): f"{letter} of class {name}: {written(value)}"
        for at, (name, value) in enumerate(zip(question.classes[:before], question.numbers[row].tolist(), strict=False))
    }
    name = ("no", "yes")[target] if classes == 1 else question.classes[target]
    words[row, before] = f"the right answer is {name}"
    if question.outputs == "sigmoid":
        summed = _sum([written(each) for each in terms], "sum over classes")
        words[row, before + 1] = f"binary cross-entropy: ({summed}) / {classes} = {written(loss)}"
    elif question.smoothing:
        summed = _sum([written(each) for each in terms], "sum over classes")
        words[row, before + 1] = f"Σ −t log p = {summed} = {written(loss)}"
    else:
        words[row, before + 1] = f"−log {written(p[target])} = {written(loss)}"
    parts = [f"({written(one)} − {written(other)})²" for one, other in zip(p, t, strict=True)]
    total = sum(squares)
    words[row, before + 2] = f"{_sum(parts, 'sum over classes')} = {written(total)}"
    words[row, before + 3] = f"{written(total)} / {classes} = {written(total / classes)}"
    words[row, before + 4] = _right_words(question, p, target, bool(losses.correct[row]))
    return words


def _right_words(question: LossQuestion, p: list[float], target: int, right: bool) -> str:
    if len(p) == 1:
        return f"p = {written(p[0])} says {'yes' if p[0] > 0.5 else 'no'}: {'right' if right else 'wrong'}"
    most = max(p)
    likeliest = [name for name, share in zip(question.classes, p, strict=True) if share == most]
    if len(likeliest) > 1:
        return f"wrong: classes {', '.join(likeliest[:MOST_TERMS])} are equally likely, which is no answer"
    verdict = "right" if right else "wrong"
    return f"the likeliest class is {likeliest[0]}, the right one {question.classes[target]}: {verdict}"
