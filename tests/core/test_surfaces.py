"""The surfaces: gradients against autograd, minima against SciPy and published figures, mini-batches."""

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad, minimize

from cnnviz.core.surfaces import SURFACES, LeastSquares, batches_of, least_squares

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_are_the_slopes_of_the_values(name):
    surface = SURFACES[name]
    for _ in range(20):
        place = np.array([RANDOM.uniform(*surface.x), RANDOM.uniform(*surface.y)])
        scale = max(1.0, np.linalg.norm(surface.gradient(*place)))
        error = check_grad(lambda at: float(surface.value(*at)), lambda at: np.array(surface.gradient(*at)), place)
        assert error / scale < 1e-5


@pytest.mark.parametrize("name", SURFACES)
def test_minima_are_places_of_the_least_value(name):
    surface = SURFACES[name]
    across, down = np.meshgrid(np.linspace(*surface.x, 301), np.linspace(*surface.y, 301))
    assert surface.value(across, down).min() >= surface.floor - 1e-9
    for minimum in surface.minima:
        found = minimize(lambda at: float(surface.value(*at)), minimum)
        assert found.x == pytest.approx(minimum, abs=2e-3)
        assert float(surface.value(*minimum)) == pytest.approx(surface.floor, abs=1e-4)


@pytest.mark.parametrize("name", SURFACES)
def test_one_begins_in_the_picture_and_above_the_floor(name):
    surface = SURFACES[name]
    assert surface.x[0] < surface.start[0] < surface.x[1]
    assert surface.y[0] < surface.start[1] < surface.y[1]
    assert surface.value(*surface.start) > surface.floor + 0.1


def test_published_values():
    value = {name: SURFACES[name].value for name in SURFACES}
    assert value["rosenbrock"](-1.2, 1.0) == pytest.approx(24.2)
    assert value["himmelblau"](-0.270845, -0.923039) == pytest.approx(181.617, abs=1e-3)  # its local maximum
    assert value["beale"](1.0, 1.0) == pytest.approx(14.203125)


def test_least_squares_is_torchs_and_its_batches_gradients_are_autograds():
    data = LeastSquares()
    u, v = torch.from_numpy(data.u), torch.from_numpy(data.v)
    for batch in (np.arange(64), np.array([3, 17, 40])):
        weights = torch.tensor([0.7, -0.3], dtype=torch.float64, requires_grad=True)
        loss = torch.nn.functional.mse_loss(weights[0] * u[batch] + weights[1], v[batch]) / 2
        loss.backward()
        assert data.batch_gradient(0.7, -0.3, batch) == pytest.approx(weights.grad.tolist())
        if len(batch) == 64:
            assert data.value(0.7, -0.3) == pytest.approx(loss.item())


@pytest.mark.parametrize("size", [1, 7, 64])
def test_each_point_comes_once_in_an_epoch_and_the_mean_of_the_batches_is_the_whole(size):
    batch = batches_of(64, size, seed=3)
    steps = -(-64 // size)
    for epoch in range(3):
        seen = np.concatenate([batch(epoch * steps + step) for step in range(steps)])
        assert sorted(seen) == list(range(64))
    if size == 7:
        assert batch(0).tolist() != batch(steps).tolist()
    if 64 % size == 0:
        gradients = [least_squares().batch_gradient(0.2, 0.4, batch(step)) for step in range(steps)]
        assert np.mean(gradients, axis=0) == pytest.approx(least_squares().gradient(0.2, 0.4))
