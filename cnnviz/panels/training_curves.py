"""The curves of a run, as plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cnnviz.core.curves import Curves, Mark, Series, series
from cnnviz.training.run_changes import loss_axis
from cnnviz.training.run_curve import RunCurve, ThinnedSeries

MOST_LAYERS = 8
USUAL_UPDATE = 1e-3


def curves_of(curve: RunCurve, page: str, loss: str = "cross-entropy", run: str = "") -> Curves | None:
    """The plot of this page; None before there is anything to plot.

    Parameters
    ----------
    loss
        What is made small: its unit stands at the axis.
    run
        What the run is called: the title names it, and so does what is saved.
    """
    drawn = _loss(curve, loss) if page == "loss" else _PAGES[page](curve)
    named = replace(drawn, title=f"{drawn.title} of {run}") if run else drawn
    return named if any(each.x.size for each in named.series) else None


def _loss(curve: RunCurve, kind: str) -> Curves:
    both = (_drawn("train", curve.train_loss), _drawn("test", curve.test_loss, points=True))
    return Curves("Loss", "step", loss_axis([kind]), _present(both), _marks(curve), whole_x=True)


def _accuracy(curve: RunCurve) -> Curves:
    both = (_drawn("train", curve.train_accuracy, 100.0), _drawn("test", curve.test_accuracy, 100.0, points=True))
    return Curves("Accuracy", "step", "named rightly (%)", _present(both), _marks(curve), whole_x=True)


def _gradients(curve: RunCurve) -> Curves:
    drawn = (_drawn("all weights", curve.gradient_norm), *_layers(curve.layer_gradients))
    return Curves("Gradient norm", "step", "Euclidean norm of the gradient", _present(drawn), _marks(curve), True, True)


def _updates(curve: RunCurve) -> Curves:
    marks = (*_marks(curve), Mark("y", USUAL_UPDATE, "0.001: about right"))
    drawn = _present(tuple(_layers(curve.update_ratios)))
    return Curves("Update to weight", "step", "norm of the update ÷ norm of the weights", drawn, marks, True, True)


def _rate(curve: RunCurve) -> Curves:
    drawn = _present((_drawn("learning rate", curve.learning_rate),))
    return Curves("Learning rate", "step", "learning rate of the step", drawn, _marks(curve), whole_x=True)


_PAGES: Mapping[str, Callable[[RunCurve], Curves]] = {
    "accuracy": _accuracy,
    "gradients": _gradients,
    "updates": _updates,
    "rate": _rate,
}


def _drawn(name: str, values: ThinnedSeries, scale: float = 1.0, *, points: bool = False) -> Series:
    x, y = values.arrays()
    return series(name, x, y * scale, points=points)


def _layers(known: Mapping[str, ThinnedSeries]) -> list[Series]:
    """Of deep networks some layers, evenly from the first to the last."""
    names = list(known)
    if len(names) > MOST_LAYERS:
        names = [names[round(index * (len(names) - 1) / (MOST_LAYERS - 1))] for index in range(MOST_LAYERS)]
    return [_drawn(name, known[name]) for name in names]


def _present(drawn: tuple[Series, ...]) -> tuple[Series, ...]:
    return tuple(each for each in drawn if each.x.size)


def _marks(curve: RunCurve) -> tuple[Mark, ...]:
    return tuple(Mark("x", each.step, "diverged") for each in curve.divergences)
