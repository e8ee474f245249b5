"""The curves of several runs over one another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.curves import Curves, Mark, Series, series
from cnnviz.panels.runs_names import NamedRun, RunName, curve_names
from cnnviz.training.run_changes import differences, loss_axis
from cnnviz.training.run_reader import Along, StoredRun

Quantity = Literal["loss", "accuracy"]
Part = Literal["train", "test", "both"]

MOST_PLACES = 120
"""Of a curve of batches: where there are more, neighbours are averaged, so that curves can be told apart."""
_X_LABELS: Mapping[Along, str] = {"steps": "steps", "epochs": "epochs", "seconds": "seconds of training"}


def drawn_runs(runs: Sequence[StoredRun], shown: Collection[str], described: dict[str, RunName]) -> dict[str, str]:
    """Names of the curves by their runs' ids, in order: what sets each apart from the others that are drawn.

    What was changed on a run's way is named with it. Of two that would have one name, the later has a number.
    """
    chosen = [run for run in runs if run.id in shown]
    found = curve_names([NamedRun(run.id, run.record.first_settings, run.label) for run in chosen], described)
    names: dict[str, str] = {}
    taken: set[str] = set()
    for run in chosen:
        later = differences(run.record.first_settings, run.record.settings)
        name = ", later ".join((found[run.id], *([", ".join(later)] if later else [])))
        candidates = (name, *(f"{name} ({number})" for number in range(2, 2 * len(chosen) + 2)))
        names[run.id] = next(each for each in candidates if not {each, _beside(each)} & taken)
        taken |= {names[run.id], _beside(names[run.id])}
    return names


def _beside(name: str) -> str:
    """Name of the curve of what a run is trained on, beside that of its test images."""
    return f"{name}, trained on"


def overlaid(
    runs: Sequence[StoredRun],
    drawn: Mapping[str, str],
    quantity: Quantity,
    part: Part,
    along: Along,
    *,
    logarithmic: bool = False,
) -> Curves | None:
    """One plot of all that are drawn; None before there is anything to plot."""
    made: list[Series] = []
    marks: list[Mark] = []
    by_id = {run.id: run for run in runs}
    scale = 100.0 if quantity == "accuracy" else 1.0
    for run_id, name in drawn.items():
        curves = by_id[run_id].curves
        batches = curves.train_loss if quantity == "loss" else curves.train_accuracy
        tests = curves.test_loss if quantity == "loss" else curves.test_accuracy
        steps, values = _averaged(*batches)
        train, test = curves.places(steps, along), curves.places(tests[0], along)
        if part == "train":
            made.append(series(name, train, values * scale))
        else:
            made.append(series(name, test, tests[1] * scale, points=test.size < 60))
        if part == "both":
            made.append(series(_beside(name), train, values * scale, beside=name))
        if by_id[run_id].standing == "diverged" and train.size:
            marks.append(Mark("x", float(train[-1]), f"{name} diverged"))
    if not any(each.x.size for each in made):
        return None
    title = {"loss": "Loss", "accuracy": "Accuracy"}[quantity]
    of = {"train": ", of batches trained on", "test": ", of test images", "both": "; thin: of batches trained on"}[part]
    return Curves(
        f"{title} of {len(drawn)} runs{of}",
        f"{_X_LABELS[along]}  (thick: test images, thin: trained on)" if part == "both" else _X_LABELS[along],
        loss_axis(by_id[each].record.settings.loss for each in drawn) if quantity == "loss" else "named rightly (%)",
        tuple(made),
        tuple(marks),
        logarithmic=logarithmic and quantity == "loss",
        whole_x=along == "steps",
    )


def _averaged(
    x: NDArray[np.float64], y: NDArray[np.float64], most: int = MOST_PLACES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means over so many neighbours that at most ``most`` are left; the last ones may be fewer."""
    together = -(-x.size // most)
    if together <= 1:
        return x, y
    starts = np.arange(0, x.size, together)
    counts = np.diff(np.append(starts, x.size))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts
