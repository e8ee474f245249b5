import json
from dataclasses import asdict

import numpy as np
import pytest

from cnnviz.training.metrics import Divergence, EpochMetrics, LayerMetrics, StepMetrics, fields_of
from cnnviz.training.run_curve import RunCurve, ThinnedSeries


def step(number, **fields):
    known = {"epoch": 1, "epochs": 2, "step_in_epoch": number, "steps_per_epoch": 50, "loss": 1 / number}
    return StepMetrics(
        step=number, **(known | {"accuracy": 0.5, "learning_rate": 0.1, "examples": 0, "examples_per_second": 1}
        | fields),
    )  # fmt: skip


def test_a_series_keeps_every_point_until_there_are_too_many():
    series = ThinnedSeries(most=10)
    for x in range(1, 10):
        series.add(x, x**2)
    x, y = series.arrays()
    np.testing.assert_array_equal(x, np.arange(1, 10))
    np.testing.assert_array_equal(y, np.arange(1, 10) ** 2)


@pytest.mark.parametrize("count", [10, 37, 1000, 4321])
def test_a_long_series_is_the_means_of_neighbours(count):
    series = ThinnedSeries(most=16)
    values = np.random.default_rng(count).normal(size=count)
    for x, y in enumerate(values):
        series.add(x, y)
    x, y = series.arrays()
    assert len(series) == len(x) <= 16
    share = series._share
    whole = count // share * share
    np.testing.assert_allclose(y[: whole // share], values[:whole].reshape(-1, share).mean(axis=1), atol=1e-12)
    if whole < count:
        assert y[-1] == pytest.approx(values[whole:].mean())
    assert np.all(np.diff(x) > 0)


def test_a_curve_holds_what_a_run_told():
    curve = RunCurve()
    curve.add(step(1))
    curve.add(step(2, gradient_norm=3.0, layers=(LayerMetrics("conv", 2.0, 1.0, 1e-3),)))
    curve.add(EpochMetrics(1, 2, 0.7, 0.5, 0.6, 0.9))
    curve.add(EpochMetrics(2, 4, 0.7, 0.5))
    np.testing.assert_array_equal(curve.train_loss.arrays(), [[1, 2], [1, 0.5]])
    np.testing.assert_array_equal(curve.gradient_norm.arrays(), [[2], [3]])
    np.testing.assert_array_equal(curve.layer_gradients["conv"].arrays(), [[2], [2]])
    np.testing.assert_array_equal(curve.update_ratios["conv"].arrays(), [[2], [1e-3]])
    np.testing.assert_array_equal(curve.test_accuracy.arrays(), [[2], [0.9]])
    assert curve.last_step.step == 2
    assert curve.last_test.epoch == 1


def test_a_run_that_goes_back_after_divergence_is_drawn_from_there():
    curve = RunCurve()
    for number in range(1, 6):
        curve.add(step(number))
    curve.add(Divergence(5, "The loss is NaN.", 3, True, 0.05))
    np.testing.assert_array_equal(curve.train_loss.arrays()[0], [1, 2, 3])
    curve.add(step(4))
    np.testing.assert_array_equal(curve.train_loss.arrays()[0], [1, 2, 3, 4])
    curve.add(Divergence(4, "The loss is NaN.", 3, False, 0.05))
    assert curve.train_loss.arrays()[0][-1] == 4, "where a run ends, its end is what is to be seen"
    assert len(curve.divergences) == 2


def test_what_is_written_of_an_event_is_all_that_it_says():
    layers = (LayerMetrics("conv1", 0.5, 2.0, 1e-3), LayerMetrics("fc", 0.25, 1.0, 2e-3))
    for event in (
        step(3, gradient_norm=1.5, layers=layers),
        step(4),
        EpochMetrics(1, 50, 0.5, 0.9, 0.4, 0.95),
        Divergence(60, "The loss is no number.", 50, True, 0.01),
    ):
        written = json.loads(json.dumps(fields_of(event)))
        assert written == json.loads(json.dumps({"kind": type(event).__name__, **asdict(event)}))
