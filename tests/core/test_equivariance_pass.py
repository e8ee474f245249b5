"""Which comparisons a pass of equivariance makes, in which order, and what it may leave out."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.equivariance import equivariance, equivariance_steps
from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.map_grids import place_layers
from cnnviz.core.trace import TracedNetwork, prepare
from cnnviz.core.transforms import MapGrid, Transform, known_cells, move_images, move_map

from .equivariance_cases import brute_force, images, network, periodic, shifts


class Viewed(nn.Module):
    """Takes its values to lie channel by channel, as much code does."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.size(0), -1)


def by_itself(net: TracedNetwork, image: Tensor, transform: Transform, layer: str) -> tuple[float, float, float]:
    """Error, error with whole cells and share of cells compared, of one image in two passes of its own."""
    grid = place_layers(net.graph)[layer].grid
    assert isinstance(grid, MapGrid)
    before, after = (net.run(x, [layer]).values[layer] for x in (image, move_images(image, transform)))
    cells = known_cells(grid, transform)
    mask = torch.from_numpy(cells)
    scale = before[..., mask].norm()
    smooth, nearest = (
        float((after - move_map(before, grid, transform, between, open_ended=True))[..., mask].norm() / scale)
        for between in ("fourier", "nearest")
    )
    return smooth, nearest, float(cells.mean())


@pytest.mark.parametrize("border", ["zeros", "wrap"])
@pytest.mark.parametrize("last", [nn.Flatten(), Viewed()])
def test_the_layout_of_a_batch_in_memory_does_not_show(last: nn.Module, border: str) -> None:
    net = network(nn.Conv2d(2, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3), nn.MaxPool2d(2), last)
    sweep = shifts(*range(-4, 5), direction="both", border=border)
    plan = EquivariancePlan(net, sweep)
    given = images(1)
    result = equivariance(net, given, sweep, plan=plan)
    assert plan.channels_last == isinstance(last, nn.Flatten)
    for name in ("0", "1", "2", "3"):
        for place in range(9):
            found = result[name].error[0, place], result[name].nearest[0, place], result[name].compared[place]
            assert found == pytest.approx(by_itself(net, given, sweep[place], name), rel=1e-5, abs=1e-6)
        floor = plan.layers[name].floor
        assert floor is not None
        expected = floor.measure(net.run(given, [name]).values[name][0])
        assert result[name].floor == pytest.approx(expected, rel=1e-5, abs=1e-7, nan_ok=True)


class Reread(nn.Module):
    """Changes in place what is a copy of the map before it where that lies channel by channel, and the map else."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.conv(x).permute(0, 2, 3, 1).flatten(1))


@pytest.mark.parametrize("waiting", [0, 2**21])
def test_maps_that_are_changed_in_place_are_compared_as_they_were(
    monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    monkeypatch.setattr("cnnviz.core.equivariance_pass.WAITING", waiting)
    conv = nn.Conv2d(2, 4, 3, padding=1)
    net = network(conv, nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.ReLU6(inplace=True), nn.Flatten())
    given, sweep = images(1), shifts(*range(-6, 7))
    found = equivariance(net, given, sweep)
    plan = EquivariancePlan(prepare(Reread().eval(), torch.zeros(1, 2, 16, 16)), sweep)
    plan.at_once.clear()
    reread = equivariance(plan.network, given, sweep, plan=plan)
    for place, distance in enumerate(range(-6, 7)):
        for name, stride in (("0", 1), ("1", 1), ("2", 2), ("3", 2)):
            if distance % stride == 0:
                expected = brute_force(net, given, name, distance, stride)
                assert found[name].error[0, place] == pytest.approx(expected, rel=1e-4, abs=1e-7)
        expected = brute_force(plan.network, given, "conv", distance, 1)
        assert reread["conv"].error[0, place] == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert plan.at_once == ({"conv", "flatten"} if waiting else set())


def test_a_layer_found_to_be_changed_in_place_is_compared_at_once_from_then_on() -> None:
    sweep = shifts(*range(-6, 7))
    plan = EquivariancePlan(network(nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)), sweep)
    assert plan.at_once == {"0"}
    expected = equivariance(plan.network, images(1), sweep, plan=plan)
    plan.at_once.clear()
    found = equivariance(plan.network, images(1), sweep, plan=plan)
    assert plan.at_once == {"0"}
    for name in expected:
        assert np.array_equal(found[name].error, expected[name].error)


@pytest.mark.parametrize("cut", [nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(), nn.Hardtanh(), nn.Threshold(0.1, 0.0)])
def test_what_keeps_equal_values_equal_is_not_compared_after_a_layer_without_a_difference(
    monkeypatch: pytest.MonkeyPatch, cut: nn.Module
) -> None:
    net = network(nn.Conv2d(2, 4, 3), cut, nn.MaxPool2d(2), nn.Conv2d(4, 3, 3), copy.copy(cut))
    sweep = shifts(*range(-6, 7))
    plan = EquivariancePlan(net, sweep)
    assert {name: each.follows for name, each in plan.layers.items() if each.follows} == {"1": "0", "4": "3"}
    compared: list[int] = []
    norm = torch.linalg.vector_norm

    def counted(maps: Tensor, **options: object) -> Tensor:
        compared.append(len(maps))
        return norm(maps, **options)  # type: ignore[call-overload,no-any-return]

    with monkeypatch.context() as patch:
        patch.setattr("torch.linalg.vector_norm", counted)
        found = equivariance(net, images(1), sweep, plan=plan)
    few = sum(compared)
    plan.layers = {name: replace(each, follows=None) for name, each in plan.layers.items()}
    with monkeypatch.context() as patch:
        patch.setattr("torch.linalg.vector_norm", counted)
        expected = equivariance(net, images(1), sweep, plan=plan)
    # Of "1" all 13 shifts, of "4" the 7 by whole cells.
    assert sum(compared) - few == few + 13 + 7
    for name in expected:
        assert np.array_equal(found[name].error, expected[name].error)
        assert np.array_equal(found[name].nearest, expected[name].nearest)
    assert (found["0"].error == 0).all()
    assert (found["1"].error == 0).all()
    assert (found["4"].error[0, 1::2] > 0.1).all()


class ChangedBetween(nn.Module):
    """What the activation is given is no longer what the convolution gave, though it is the same tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.register_buffer("ramp", torch.linspace(-1, 1, 7))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y[..., :7].add_(self.ramp)
        return F.relu(y)


def test_a_layer_that_was_changed_before_the_next_says_nothing_of_it() -> None:
    net = prepare(ChangedBetween().eval(), torch.zeros(1, 2, 16, 16))
    found = equivariance(net, images(1), shifts(*range(-6, 7)))
    assert net.graph["relu"].inputs == ("conv",)
    assert (found["conv"].error == 0).all()
    assert (found["relu"].error[0, [0, 5, 7, 12]] > 0.05).all()


@pytest.mark.parametrize("kind", ["shift", "rotate"])
def test_a_network_that_takes_long_is_left_after_each_pass(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    net = network(periodic(), nn.MaxPool2d(2))
    turns = [Transform(rotation=11.25 * step) for step in range(-16, 17)]
    transforms = shifts(*range(-16, 17)) if kind == "shift" else turns
    whole = equivariance(net, images(), transforms)
    monkeypatch.setattr("cnnviz.core.equivariance_plan.LARGEST_BATCH", 2)
    passes: list[int] = []
    stream = TracedNetwork.stream

    def counted(self: TracedNetwork, given: Tensor, *rest: Any, **more: Any) -> Any:
        passes.append(len(given))
        return stream(self, given, *rest, **more)

    monkeypatch.setattr(TracedNetwork, "stream", counted)
    steps = equivariance_steps(net, images(), transforms)
    last = next(steps)
    assert np.flatnonzero(~np.isnan(last["1"].error[0])).tolist() == [0, 16, 32]
    passes.clear()  # the first step has the images themselves, too
    for step in steps:
        floors = [sum(not np.isnan(each[layer].floor).all() for layer in each) for each in (last, step)]
        assert floors[1] - floors[0] <= 1
        last = step
        assert len(passes) <= 2  # one, or two where the image itself comes first
        assert sum(passes) <= 3
        passes.clear()
    for layer in ("0", "1"):
        assert np.allclose(last[layer].error, whole[layer].error, atol=1e-6)
        assert np.allclose(last[layer].floor, whole[layer].floor, atol=1e-6)


def test_the_first_results_come_early() -> None:
    net = network(periodic(), nn.MaxPool2d(2))
    told: list[float] = []
    steps = list(equivariance_steps(net, images(), shifts(*range(-8, 9)), progress=told.append))
    assert [step.done for step in steps] == told
    assert len(steps) == 4
    assert told[-1] == 1
    assert np.flatnonzero(~np.isnan(steps[0]["1"].mean)).tolist() == [0, 4, 8, 12, 16]
    whole = equivariance(net, images(), shifts(*range(-8, 9)))
    assert np.isnan(steps[0]["1"].floor).all()
    assert not np.isnan(steps[2]["1"].floor).any()
    assert np.allclose(steps[-1]["1"].error, whole["1"].error, atol=1e-6)
    assert np.allclose(steps[-1]["1"].nearest, whole["1"].nearest, atol=1e-6)


@pytest.mark.parametrize(("border", "batch"), [("wrap", 3), ("zeros", 3), ("zeros", 5)])
def test_small_batches_give_the_same(monkeypatch: pytest.MonkeyPatch, border: str, batch: int) -> None:
    net, given = network(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)), images(5)
    sweep = shifts(*np.arange(-4, 4.5, 0.5), border=border, direction="both")
    expected = equivariance(net, given, sweep)
    monkeypatch.setattr("cnnviz.core.equivariance_plan.LARGEST_BATCH", batch)
    monkeypatch.setattr("cnnviz.core.map_motion.BLOCK", 700)
    found = equivariance(net, given, sweep)
    for name in expected:
        assert np.allclose(found[name].error, expected[name].error, atol=1e-6)
        assert np.allclose(found[name].nearest, expected[name].nearest, atol=1e-6)
