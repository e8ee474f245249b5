"""One image under one transform, against torch's own roll, flip and rotation, and against the measured curves."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cnnviz.core import live_equivariance
from cnnviz.core.equivariance import equivariance
from cnnviz.core.live_equivariance import LayerError, LiveEquivariance
from cnnviz.core.trace import prepare
from cnnviz.core.transforms import Transform


def network(mode: str = "circular") -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, padding_mode=mode),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, padding=1, padding_mode=mode),
        nn.Flatten(),
        nn.Linear(5 * 36, 3),
    ).eval()


def image() -> Tensor:
    return torch.randn(1, 2, 12, 12, generator=torch.Generator().manual_seed(1))


def compare(module: nn.Module, transform: Transform, **options):
    traced = prepare(module, torch.zeros(1, 2, 12, 12))
    x = image()
    return LiveEquivariance(traced).compare(traced.run(x).values, x, transform, **options)


def test_both_sides_are_torchs_own() -> None:
    module = network("zeros")
    found = compare(module, Transform(0, 4), maps_of=("3", 2))
    with torch.no_grad():
        before, after = module[:4](image()), module[:4](image().roll(4, 3))
    expected = before.roll(2, 3)
    torch.testing.assert_close(found.maps.moved, after[0, 2])
    torch.testing.assert_close(found.maps.expected, expected[0, 2])
    errors = {each.layer: each.error for each in found.layers}
    assert errors["3"] == pytest.approx(float((after - expected).norm() / before.norm()), rel=1e-5)
    with torch.no_grad():
        vector = module(image()), module(image().roll(4, 3))
    assert errors["5"] == pytest.approx(float((vector[1] - vector[0]).norm() / vector[0].norm()), rel=1e-5)


def test_periodic_padding_and_the_stride_leave_rounding_alone() -> None:
    exact = {each.layer: each.error for each in compare(network(), Transform(2, 4)).layers}
    between = {each.layer: each.error for each in compare(network(), Transform(1, 0)).layers}
    assert max(exact[name] for name in ("0", "1", "2", "3")) < 1e-5
    assert between["0"] < 1e-5
    assert between["2"] > 0.05


@pytest.mark.parametrize("border", ["wrap", "zeros"])
@pytest.mark.parametrize("compared", ["known", "inside", "all"])
@pytest.mark.parametrize("change", [{"columns": 1.5}, {"rotation": 17}, {"zoom": 1.3}, {"flip": "horizontal"}])
def test_the_numbers_are_those_of_the_curves(border, compared, change) -> None:
    module, transform = network("zeros"), Transform(**change, border=border)
    traced = prepare(module, torch.zeros(1, 2, 12, 12))
    curves = equivariance(traced, image(), [transform], compared=compared)
    live = compare(module, transform, compared=compared)
    for each in live.layers:
        wanted = float(curves[each.layer].error[0, 0])
        assert each.error == pytest.approx(wanted, rel=1e-4, abs=1e-6, nan_ok=True)
        assert each.share == pytest.approx(float(curves[each.layer].compared[0]))


def test_a_quarter_turn_is_torchs() -> None:
    module = network()
    found = compare(module, Transform(rotation=90), maps_of=("1", 1))
    with torch.no_grad():
        before, after = module[:2](image()), module[:2](image().rot90(1, (2, 3)))
    expected = before.rot90(1, (2, 3))
    torch.testing.assert_close(found.maps.expected, expected[0, 1])
    wanted = float((after - expected).norm() / before.norm())
    assert {each.layer: each.error for each in found.layers}["1"] == pytest.approx(wanted, rel=1e-5)


def test_what_cannot_be_measured_says_why() -> None:
    module = network()
    with torch.no_grad():
        module[0].weight.zero_()
        module[0].bias.fill_(-1)
    found = {each.layer: each for each in compare(module, Transform(0, 40, border="zeros")).layers}
    assert "no cell remains" in found["0"].reason
    assert math.isnan(found["0"].error)
    found = {each.layer: each for each in compare(module, Transform(0, 1)).layers}
    assert found["1"].reason == "its maps are zero everywhere"
    assert found["0"].error == pytest.approx(0, abs=1e-6)
    assert "no map" in found["5"].notes[0]


@pytest.mark.parametrize("compared", ["all", "known", "inside"])
@pytest.mark.parametrize("border", ["wrap", "zeros"])
def test_a_shift_that_comes_back_is_answered_as_at_first(monkeypatch, compared: str, border: str) -> None:
    made = []
    mover = live_equivariance.MapMover
    monkeypatch.setattr(live_equivariance, "MapMover", lambda *given: made.append(1) or mover(*given))
    traced = prepare(network(), torch.zeros(1, 2, 12, 12))
    live = LiveEquivariance(traced)
    transforms = [Transform(rows, 1.5, border=border) for rows in (0, 0.5, 2)] + [Transform(rotation=20, border=border)]

    def answers(comparing: Callable[[], LiveEquivariance], x: Tensor) -> list[tuple[LayerError, ...]]:
        values = traced.run(x).values
        return [comparing().compare(values, x, each, compared=compared).layers for each in transforms]

    answers(lambda: live, image())
    made.clear()
    again = answers(lambda: live, image() * 0.5 + 0.1)  # of another input: no number of the first is kept
    assert len(made) == 3  # of the rotation: grids of the image, of pooled maps and of vectors
    assert repr(again) == repr(answers(lambda: LiveEquivariance(traced), image() * 0.5 + 0.1))
    monkeypatch.setattr(live_equivariance, "KEPT_SHIFTS", 2)
    few = LiveEquivariance(traced)
    answers(lambda: few, image())
    made.clear()
    answers(lambda: few, image())
    assert len(made) == 3 * 4  # the first is forgotten before it comes back, and so on
