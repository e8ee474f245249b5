"""Errors of equivariance: exact where theory says so, and otherwise what brute force gives."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.equivariance import Cancelled, equivariance
from cnnviz.core.equivariance_result import Sweep, equivariance_curves
from cnnviz.core.map_grids import place_layers
from cnnviz.core.trace import TracedNetwork, prepare

from .equivariance_cases import brute_force, images, network, periodic, shifts
from .networks import FunctionalNet, ResidualNet, ValueDependent

EXACT = 1e-5


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.LPPool2d(2, 2), nn.Conv2d(3, 3, 2, 2)])
@pytest.mark.parametrize("direction", ["rows", "columns", "both"])
def test_with_periodic_padding_everywhere_shifts_by_the_stride_are_exact(pool: nn.Module, direction: str) -> None:
    net = network(periodic(), nn.ReLU(), pool, periodic(channels=3), nn.ReLU(), nn.MaxPool2d(2))
    distances = range(-8, 9)
    result = equivariance(net, images(), shifts(*distances, direction=direction))
    for name, stride in (("0", 1), ("1", 1), ("2", 2), ("3", 2), ("4", 2), ("5", 4)):
        error = result[name].error
        for distance, values in zip(distances, error.T, strict=True):
            if distance % stride == 0:
                assert (values < EXACT).all(), (name, distance)
            else:
                assert (values > 0.05).all(), (name, distance)


@pytest.mark.parametrize(
    ("net", "layer", "distance"),
    [
        (network(nn.Conv2d(2, 3, 3, padding=1)), "0", 1),
        (network(periodic(), nn.MaxPool2d(3, 2, 1)), "1", 2),
        (network(periodic(), nn.AvgPool2d(2, ceil_mode=True), periodic(channels=3), size=(2, 15, 15)), "2", 2),
        (network(periodic(stride=2), size=(2, 15, 15)), "0", 2),
        (network(nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")), "0", 1),
    ],
)
def test_zero_padding_indivisible_sizes_and_pools_that_pad_are_not_exact(
    net: TracedNetwork, layer: str, distance: int
) -> None:
    size = net.graph["input"].output_shape
    result = equivariance(net, images(2, size), shifts(0, distance))  # type: ignore[arg-type]
    assert (result[layer].error[:, 0] < EXACT).all()
    assert (result[layer].error[:, 1] > 0.01).all()


def test_what_acts_on_each_cell_commutes_exactly() -> None:
    net = network(nn.ReLU(), nn.MaxPool2d(3, 1), nn.AvgPool2d(2, 1), nn.Sigmoid())
    result = equivariance(net, images(), shifts(*range(-6, 7), direction="both"))
    for name in ("0", "1"):
        assert (result[name].error == 0).all()
    assert (result["3"].error < 1e-6).all()
    # Without padding the map is smaller than the image; what T f(x) cannot know is left out.
    shares = [((14 - min(abs(d), 2)) / 14) ** 2 for d in range(-6, 7)]
    assert result["1"].compared.tolist() == pytest.approx(shares)


def test_the_error_is_what_brute_force_gives() -> None:
    net = network(nn.Conv2d(2, 4, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3, padding=1))
    given = images(3)
    result = equivariance(net, given, shifts(-8, -4, 0, 3, 4, 8), compared="all")
    for name, stride in (("0", 2), ("1", 2), ("2", 4), ("3", 4)):
        for place, distance in ((0, -8), (1, -4), (4, 4), (5, 8)):
            for number in range(3):
                expected = brute_force(net, given[number : number + 1], name, distance, stride)
                assert result[name].error[number, place] == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert result["0"].mean[4] == pytest.approx(result["0"].error[:, 4].mean())
    assert result["0"].spread[4] == pytest.approx(result["0"].error[:, 4].std())


def test_the_level_of_chance_can_be_left_out() -> None:
    net, sweep = network(nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2)), shifts(*range(-4, 5))
    for given in (images(1), images(3)):
        expected, found = (equivariance(net, given, sweep, chance=chance) for chance in (True, False))
        assert found.chance_from == "not measured"
        for name in expected:
            assert math.isnan(found[name].chance)
            assert np.allclose(found[name].error, expected[name].error, atol=1e-6)
            assert np.allclose(found[name].floor, expected[name].floor, atol=1e-6)


def test_between_cells_maps_are_interpolated() -> None:
    net = network(periodic(), nn.AvgPool2d(2))
    given = images(1)
    result = equivariance(net, given, shifts(1.0, 2.5))
    maps, moved = (net.run(x, ["1"]).values["1"] for x in (given, torch.roll(given, 1, 3)))
    spectrum = torch.fft.rfft(maps, dim=3)
    frequency = torch.arange(5) / 8
    phase = torch.exp(-2j * math.pi * frequency * 0.5)
    phase[-1] = math.cos(math.pi / 2)
    expected = torch.fft.irfft(spectrum * phase, n=8, dim=3)
    assert result["1"].error[0, 0] == pytest.approx(float((moved - expected).norm() / maps.norm()), rel=1e-4)
    assert result["1"].nearest[0, 0] == pytest.approx(float((moved - maps).norm() / maps.norm()), rel=1e-4)
    # There and back loses what lies at the Nyquist frequency: by half a cell all of it.
    alone = spectrum.clone()
    alone[..., :-1] = 0
    lost = float(torch.fft.irfft(alone, n=8, dim=3).norm() / maps.norm())
    assert result["1"].floor[0] == pytest.approx(lost, rel=1e-4)
    assert result["0"].floor.tolist() == pytest.approx([0, result["0"].floor[1]])
    assert 0 < result["0"].floor[1] < 1


def test_dips_lie_at_multiples_of_the_stride() -> None:
    net = network(periodic(), nn.ReLU(), nn.MaxPool2d(2), periodic(channels=3), nn.MaxPool2d(2))
    result = equivariance(net, images(4), shifts(*range(9)))
    error = result["4"].mean
    assert error[[0, 4, 8]].max() < EXACT
    assert error[[1, 2, 3, 5, 6, 7]].min() > 0.1


def test_flips_commute_with_kernels_that_are_symmetric_alone() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2), size=(2, 16, 12))
    flips = Sweep("flip", (0, 1)).transforms
    general = equivariance(net, images(2, (2, 16, 12)), flips)
    assert (general["0"].error > 0.1).all()
    weight = net.module.get_submodule("0").weight
    with torch.no_grad():
        weight += weight.flip(3)
    across = equivariance(net, images(2, (2, 16, 12)), flips)
    assert (across["1"].error[:, 0] < EXACT).all()
    assert (across["1"].error[:, 1] > 0.1).all()


def test_quarter_turns_commute_with_kernels_that_are_turned_into_themselves() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1))
    weight = net.module.get_submodule("0").weight
    with torch.no_grad():
        weight.copy_(sum(weight.rot90(turn, (2, 3)) for turn in range(4)))
    result = equivariance(net, images(), Sweep("rotate", (0, 90, 180, 30)).transforms)
    for name in ("0", "1", "2"):
        assert (result[name].error[:, :3] < EXACT).all()
        assert (result[name].error[:, 3] > 0.01).all()


def test_zoom_is_compared_where_the_map_is_known() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2))
    result = equivariance(net, images(), Sweep("zoom", (0.5, 1.0, 2.0), border="zeros").transforms)
    assert result["0"].error[:, 1].tolist() == [0, 0]
    assert result["1"].compared.tolist() == [1 / 4, 1, 1]
    assert (result["1"].floor[[0, 2]] > 0).all()


def test_cells_that_padding_reaches_can_be_left_out() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 1, 16))
    known = equivariance(net, images(), shifts(0, 1, 3))
    assert (known["2"].error[:, 1:] > 0.01).all()
    inner = equivariance(net, images(), shifts(0, 1, 3), compared="inside")
    assert (inner["2"].error < EXACT).all()
    # Two rings of 16, and what was in them before it was shifted to the right by up to 3.
    assert inner["2"].compared.tolist() == [12 * 12 / 256, 12 * 11 / 256, 12 * 9 / 256]
    assert np.isnan(inner["3"].error).all()
    assert inner["3"].notes[-1] == "No cell remains for 3 of 3 transforms: padding and what comes in reach all."


def test_what_came_in_from_outside_can_be_left_out() -> None:
    net = network(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 3, 3))
    filled = equivariance(net, images(), shifts(0, 2, border="zeros"), compared="inside")
    assert (filled["1"].error < EXACT).all()
    # Of 12 columns the first two see what was filled in.
    assert filled["1"].compared.tolist() == [1, 10 / 12]
    everything = equivariance(net, images(), shifts(0, 2, border="zeros"), compared="all")
    assert (everything["1"].error[:, 1] > 0.05).all()


def test_filled_shifts_fill_the_map_as_the_image() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1, bias=False))
    given = images(1)
    for border in ("zeros", "edge", "mean"):
        result = equivariance(net, given, shifts(3, border=border), compared="all")
        moved, maps = torch.roll(given, 3, 3), net.run(given, ["0"]).values["0"]
        target = torch.roll(maps, 3, 3)
        for tensor, source in ((moved, given), (target, maps)):
            tensor[..., :3] = {"zeros": 0.0, "edge": source[..., :1], "mean": source.mean((2, 3), keepdim=True)}[border]
        expected = (net.run(moved, ["0"]).values["0"] - target).norm() / maps.norm()
        assert result["0"].error[0, 0] == pytest.approx(float(expected), rel=1e-4)


def test_the_level_of_chance() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1))
    given = images(3)
    maps = net.run(given, ["0"]).values["0"]
    pairs = [(0, 1), (1, 2), (2, 0)]
    expected = np.mean([float((maps[a] - maps[b]).norm() / maps[a].norm()) for a, b in pairs])
    found = equivariance(net, given, shifts(1))["0"]
    assert found.chance == pytest.approx(expected, rel=1e-5)
    spread = np.std([float((maps[a] - maps[b]).norm() / maps[a].norm()) for a, b in pairs])
    assert found.chance_spread == pytest.approx(spread, rel=1e-4)
    others = equivariance(net, given[:1], shifts(1), others=given[1:])
    expected = np.mean([float((maps[0] - maps[b]).norm() / maps[0].norm()) for b in (1, 2)])
    assert others["0"].chance == pytest.approx(expected, rel=1e-5)
    assert others.chance_from == "between the image and 2 unrelated"
    alone = equivariance(net, given[:1], shifts(1))
    assert "random phases" in alone.chance_from
    assert 0.5 < alone["0"].chance < 2


def test_zero_maps_are_named() -> None:
    net = network(nn.Conv2d(2, 3, 3, padding=1), nn.Threshold(1e9, 0.0), nn.Flatten())
    result = equivariance(net, images(), shifts(0, 1))
    assert np.isnan(result["1"].mean).all()
    assert result["1"].notes == ("f(x) is zero everywhere for 2 of 2 images.",)
    assert result["2"].notes[0].startswith("There is no map")
    assert not np.isnan(result["0"].mean).any()


def test_networks_of_every_kind() -> None:
    for module, size in ((FunctionalNet(), (1, 14, 14)), (ResidualNet(), (3, 16, 16)), (ValueDependent(), (1, 8, 8))):
        net = prepare(module, torch.rand(1, *size))
        result = equivariance(net, torch.rand(2, *size), shifts(0, 1, 2))
        assert set(result) == set(net.graph.names)
        for name in result:
            assert result[name].reason or (result[name].error[:, 0] < EXACT).all()
    assert result["relu:2"].reason.startswith("before relu:2 the network computes something")
    assert result.notes == ("The network's way may depend on the values: the images go through it one by one.",)


def test_normalisation_over_the_map_moves_nothing() -> None:
    net = network(periodic(), nn.GroupNorm(1, 3), nn.AvgPool2d(2))
    placed = place_layers(net.graph)
    assert placed["2"].grid is not None
    assert placed["2"].grid.stride == (2, 2)
    assert "Every cell reads the whole map (by 1)" in placed["2"].notes[0]
    assert (equivariance(net, images(), shifts(2, 4))["2"].error < EXACT).all()


def test_what_cannot_be_measured_is_told() -> None:
    class Turned(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x).transpose(2, 3)

    net = prepare(Turned(), torch.zeros(1, 2, 8, 8))
    found = equivariance(net, images(1, (2, 8, 8)), shifts(1))["transpose"]
    assert "its rows and columns are not those" in found.reason
    assert np.isnan(found.error).all()
    with pytest.raises(ValueError, match="at least one"):
        equivariance(net, torch.zeros(0, 2, 8, 8), shifts(1))
    with pytest.raises(ValueError, match="no transform to measure"):
        equivariance(net, torch.zeros(1, 2, 8, 8), ())
    with pytest.raises(ValueError, match=r"traced for images of \(2, 8, 8\)"):
        equivariance(net, torch.zeros(1, 2, 9, 8), shifts(1))
    with pytest.raises(KeyError):
        equivariance(net, torch.zeros(1, 2, 8, 8), shifts(1), layers=["nowhere"])
    with pytest.raises(Cancelled):
        equivariance(net, torch.zeros(1, 2, 8, 8), shifts(1), cancelled=lambda: True)


def test_curves() -> None:
    net = network(periodic(), nn.MaxPool2d(2), nn.Flatten())
    sweep = Sweep("shift", tuple(range(-4, 5)))
    result = equivariance(net, images(3), sweep.transforms)
    several = equivariance_curves(result, sweep)
    assert [each.name for each in several.series] == ["input", "0", "1", "2"]
    assert several.x_label == "shift to the right (input pixels)"
    assert np.array_equal(several.series[2].y, result["1"].mean)
    single = equivariance_curves(result, sweep, ["1"])
    assert [each.name for each in single.series] == ["1", "nearest whole cell", "interpolation alone (floor)"]
    assert single.marks[0].value == result["1"].chance
    assert single.series[0].low is not None
    flips = Sweep("flip", (0, 1))
    assert equivariance_curves(equivariance(net, images(1), flips.transforms), flips).x_names[1] == "vertical"
