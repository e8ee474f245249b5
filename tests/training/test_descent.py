"""Paths of the optimisers: against closed forms, the trainer's own steps, and the bound of stability."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.core.surfaces import SURFACES, batches_of, least_squares
from cnnviz.training.choices import OPTIMIZERS
from cnnviz.training.descent import Descender
from cnnviz.training.optimizers import make_optimizer
from cnnviz.training.settings import TrainingSettings


def on(name):
    surface = SURFACES[name]
    return lambda x, y, step: (float(surface.value(x, y)), surface.gradient(x, y))


def walked(name, optimizer, rate, steps, start=None, **settings):
    surface = SURFACES[name]
    chosen = TrainingSettings(optimizer=optimizer, learning_rate=rate, schedule="constant").changed(settings)
    descender = Descender(on(name), start or surface.start, chosen, floor=surface.floor)
    descender.advance(steps)
    return descender.descent()


def test_gradient_descent_on_the_bowl_is_a_geometric_series():
    path = walked("bowl", "sgd", 0.03, 40)
    steps = np.arange(41)
    expected = np.column_stack([-4.5 * (1 - 0.03) ** steps, 1.8 * (1 - 20 * 0.03) ** steps])
    np.testing.assert_allclose(path.points, expected, atol=1e-12)
    np.testing.assert_allclose(path.losses, 0.5 * (expected**2 @ [1, 20]))


@pytest.mark.parametrize(("rate", "holds"), [(0.0999, True), (0.1005, False)])
def test_it_diverges_above_two_over_the_largest_curvature(rate, holds):
    path = walked("bowl", "sgd", rate, 3000)
    assert (path.diverged is None) == holds
    if not holds:
        first = math.log(math.sqrt(10 * (4.5**2 + 20 * 1.8**2) / (20 * 1.8**2))) / math.log(abs(1 - 20 * rate))
        assert path.diverged == pytest.approx(first, rel=0.1)
        assert np.isnan(path.points[-1]).all()
        assert len(path.points) == path.diverged + 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_those_of_training_on_the_same_function(optimizer):
    """Two weights and autograd in place of a network."""
    weights = nn.Module()
    weights.pair = nn.Parameter(torch.tensor([SURFACES["rosenbrock"].start], dtype=torch.float64))
    chosen = make_optimizer(weights, TrainingSettings(optimizer=optimizer, learning_rate=0.0002, momentum=0.8))
    points = [weights.pair.detach().clone()]
    for _ in range(15):
        chosen.zero_grad()
        SURFACES["rosenbrock"].value(*weights.pair[0]).backward()
        chosen.step()
        points.append(weights.pair.detach().clone())
    path = walked("rosenbrock", optimizer, 0.0002, 15, momentum=0.8)
    np.testing.assert_allclose(path.points, torch.cat(points).numpy(), rtol=1e-9)


def test_halving_on_divergence_goes_back_to_a_good_place_and_comes_down():
    path = walked("bowl", "sgd", 0.3, 200, schedule="halve-on-divergence")
    assert path.diverged is None
    assert len(path.cuts) >= 2
    assert path.rates[-1] == 0.3 * 0.5 ** len(path.cuts)
    assert path.rates[-1] < 0.1
    assert path.losses[-1] < path.losses[0]
    assert np.isnan(path.points[path.cuts[0]]).all()
    after = path.points[path.cuts[0] + 1]
    np.testing.assert_allclose(after, [-4.5 * (1 - 0.15), 1.8 * (1 - 20 * 0.15)])


def test_a_batch_of_all_points_is_the_full_gradient_and_a_small_one_goes_on_trembling():
    data, surface = least_squares(), SURFACES["least-squares"]

    def ends(size):
        batch = batches_of(64, size)
        function = lambda x, y, step: (float(data.value(x, y)), data.batch_gradient(x, y, batch(step)))  # noqa: E731
        descender = Descender(function, surface.start, TrainingSettings(optimizer="sgd", learning_rate=0.1))
        descender.advance(600)
        return descender.descent()

    whole, noisy, full = ends(64), ends(2), walked("least-squares", "sgd", 0.1, 600)
    np.testing.assert_allclose(whole.points, full.points, atol=1e-9)
    assert whole.losses[-1] == pytest.approx(surface.floor, abs=1e-6)
    trembling = noisy.losses[-200:] - surface.floor
    assert trembling.mean() > 1e-3
    assert noisy.points[-200:].mean(axis=0) == pytest.approx(surface.minima[0], abs=0.2)
