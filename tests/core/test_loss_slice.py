"""Slices through a real loss: against modules with weights set by hand, central differences, scikit-learn."""

import copy
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.loss_slice import (
    grid_levels,
    has_batch_norm,
    loss_and_slope,
    loss_at,
    new_places,
    parameters_of,
    path_plane,
    random_plane,
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 36, 3)
    )
    with torch.no_grad():  # averages as of a training
        made.train()(torch.randn(32, 1, 8, 8) * 2 + 1)
    return made.eval().double()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(16, 1, 8, 8, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (16,), generator=generator)
    return images, lambda outputs: F.cross_entropy(outputs, labels)


def set_by_hand(network, plane, a, b):
    moved = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in moved.named_parameters():
            parameter.add_(a * plane.first[name] + b * plane.second[name])
    return moved


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0.5, -1.0), (-2.0, 0.3)])
def test_the_loss_is_that_of_the_module_with_these_weights(network, batch, a, b):
    images, loss = batch
    plane = random_plane(network, seed=3)
    before = copy.deepcopy(network.state_dict())
    with torch.no_grad():
        expected = loss(set_by_hand(network, plane, a, b)(images)).item()
    assert loss_at(network, plane, images, loss, a, b) == pytest.approx(expected, rel=1e-12)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_the_slope_is_that_of_central_differences_and_leaves_no_gradient(network, batch):
    images, loss = batch
    plane = random_plane(network)
    value, slope = loss_and_slope(network, plane, images, loss, 0.3, -0.2)
    assert value == pytest.approx(loss_at(network, plane, images, loss, 0.3, -0.2))
    h = 1e-5
    for axis, step in enumerate(((h, 0), (0, h))):
        above = loss_at(network, plane, images, loss, 0.3 + step[0], -0.2 + step[1])
        below = loss_at(network, plane, images, loss, 0.3 - step[0], -0.2 - step[1])
        assert slope[axis] == pytest.approx((above - below) / (2 * h), rel=1e-5)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_each_filter_of_a_direction_is_as_long_as_the_networks(network):
    plane = random_plane(network)
    for name in ("0.weight", "4.weight"):
        for direction in (plane.first, plane.second):
            for ours, theirs in zip(direction[name], plane.centre[name], strict=True):
                assert ours.norm().item() == pytest.approx(theirs.norm().item())
    for name in ("1.weight", "1.bias", "4.bias"):
        assert not plane.first[name].any()
    assert random_plane(network, seed=1).first["0.weight"].ne(plane.first["0.weight"]).all()
    assert random_plane(network).first["0.weight"].equal(plane.first["0.weight"])


def test_scaling_a_layer_and_unscaling_the_next_changes_no_picture(batch):
    """What filter normalisation is for."""
    images, loss = batch
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3, bias=False)
    ).double()
    scaled = copy.deepcopy(plain)
    with torch.no_grad():
        scaled[0].weight.mul_(5)
        scaled[3].weight.div_(5)
    for place in ((0.0, 0.0), (1.0, 0.5), (-0.7, 0.9)):
        one, other = (loss_at(each, random_plane(each), images, loss, *place) for each in (plain, scaled))
        assert one == pytest.approx(other)


def test_a_later_change_of_the_network_leaves_the_slice_alone(network, batch):
    images, loss = batch
    plane = random_plane(network)
    before = loss_at(network, plane, images, loss, 0.1, 0.1)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.mul_(0)
    assert loss_at(network, plane, images, loss, 0.1, 0.1) == before


def test_the_path_plane_is_that_of_principal_component_analysis(network):
    from sklearn.decomposition import PCA

    generator = torch.Generator().manual_seed(5)
    checkpoints = []
    for step in range(7):
        drift = {"0.weight": 0.3 * (6 - step), "4.weight": 0.1 * (step - 3) ** 2}
        weights, _ = parameters_of(network)
        for name in weights:
            noise = torch.randn(weights[name].shape, generator=generator, dtype=torch.float64)
            weights[name] = weights[name] + drift.get(name, 0.0) + 0.01 * noise
        checkpoints.append(weights)
    found = path_plane(network, checkpoints)
    names = [name for name, _ in network.named_parameters()]

    def flat(weights):
        return torch.cat([weights[name].flatten() for name in names]).numpy()

    centre = flat(parameters_of(network)[0])
    away = np.stack([flat(each) - centre for each in checkpoints])
    analysis = PCA(2).fit(away)
    assert found.explained == pytest.approx(analysis.explained_variance_ratio_)
    for number, direction in enumerate((found.plane.first, found.plane.second)):
        assert abs(flat(direction) @ analysis.components_[number]) == pytest.approx(1)
    projected = np.abs(away @ analysis.components_.T)
    np.testing.assert_allclose(np.abs(found.places.numpy()), projected, atol=1e-9)


def test_too_few_checkpoints_or_equal_ones_have_no_plane(network):
    weights, _ = parameters_of(network)
    with pytest.raises(ValueError, match="three checkpoints or more"):
        path_plane(network, [weights, weights])
    with pytest.raises(ValueError, match="all alike"):
        path_plane(network, [weights] * 4)


def test_batch_normalisation_is_seen():
    assert has_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    assert not has_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.GroupNorm(1, 2)))


@pytest.mark.parametrize("size", [6, 11, 21, 41])
def test_lattices_grow_finer_and_each_place_comes_once(size):
    levels = grid_levels(size)
    assert len(levels[0]) == 6
    assert levels[-1] == tuple(range(size))
    places = [place for number in range(len(levels)) for place in new_places(levels, number)]
    assert sorted(places) == [(row, column) for row in range(size) for column in range(size)]
    for coarse, fine in itertools.pairwise(levels):
        assert set(coarse) < set(fine)
