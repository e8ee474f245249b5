"""Effective fields against gradients taken directly, and against sums of random steps, which they are."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnviz.core.effective_field import NoEffectiveField, effective_field, effective_field_steps, shares_of
from cnnviz.core.execution import Cancelled
from cnnviz.core.trace import TracedNetwork, prepare

from .networks import ResidualNet, ValueDependent


def traced(module: nn.Module, channels: int = 1, size: int = 21) -> TracedNetwork:
    return prepare(module.eval(), torch.zeros(1, channels, size, size))


def ones(depth: int, kernel: int = 3) -> nn.Sequential:
    layers = [nn.Conv2d(1, 1, kernel, padding=kernel // 2, bias=False) for _ in range(depth)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / kernel**2)
    return nn.Sequential(*layers)


def test_of_one_convolution_it_is_its_weights() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(inplace=True))
    found = effective_field(traced(module, 3, 15), "1", torch.randn(6, 3, 15, 15), channel=2, row=7, column=6)
    expected = np.zeros((15, 15))
    expected[5:10, 4:9] = module[0].weight[2].abs().sum(0).detach().double().numpy()
    assert found.measured_at == "0"
    np.testing.assert_allclose(found.heat, expected, rtol=1e-6)
    assert found.theory == (5, 4, 5, 5)
    assert (found.images, found.channels, found.is_final) == (6, (2,), True)


def test_of_many_convolutions_it_is_the_sum_of_as_many_random_steps() -> None:
    network = traced(ones(6))
    steps = np.ones(1)
    for _ in range(6):
        steps = np.convolve(steps, np.ones(3) / 3)
    expected = np.zeros((21, 21))
    expected[4:17, 4:17] = np.outer(steps, steps)
    found = effective_field(network, "5", torch.randn(1, 1, 21, 21))
    np.testing.assert_allclose(found.heat, expected, rtol=1e-5, atol=1e-9)
    half, most, almost_all = found.shares
    assert found.theory == (4, 4, 13, 13)
    assert half.area < most.area < almost_all.area < 13 * 13
    assert half.width == pytest.approx(half.area**0.5)
    assert half.ratio == pytest.approx(half.area / 169)


def test_the_effective_width_grows_slower_than_the_field() -> None:
    """By the root of the depth, as the paper has it, and so as a smaller and smaller part of the theory's."""
    widths = [
        effective_field(traced(ones(depth), 1, 61), str(depth - 1), torch.zeros(1, 1, 61, 61)).shares[2].width
        for depth in (4, 16, 25)
    ]
    for (one, width), (other, larger) in pairwise(zip((4, 16, 25), widths, strict=True)):
        assert larger / width == pytest.approx((other / one) ** 0.5, rel=0.1)


def test_the_fewest_pixels_that_hold_a_share() -> None:
    heat = np.array([[1.0, 4.0], [2.0, 3.0]])
    assert [share.area for share in shares_of(heat, (0.3, 0.4, 0.41, 0.7, 0.9, 0.91, 1.0))] == [1, 1, 2, 2, 3, 4, 4]
    rng = np.random.default_rng(3)
    values = rng.random((9, 7)) ** 4
    for found in shares_of(values, (0.5, 0.9, 0.95)):
        largest = np.sort(values.ravel())[::-1]
        assert largest[: found.area].sum() >= found.share * values.sum()
        assert largest[: found.area - 1].sum() < found.share * values.sum()


@pytest.mark.parametrize("layer", ["layer1.0.relu", "layer1.0.relu:2", "layer1.1.conv2", "fc"])
def test_any_layer_of_a_network_that_works_in_place(layer: str) -> None:
    torch.manual_seed(1)
    module = ResidualNet().eval()
    network = traced(module, 3, 16)
    images = torch.randn(3, 3, 16, 16)
    before = {"layer1.0.relu": "layer1.0.bn1", "layer1.0.relu:2": "layer1.0.add"}.get(layer, layer)
    found = effective_field(network, layer, images, channel=1)
    assert found.measured_at == before
    given = images.clone().requires_grad_()
    value = network.run(given, [before], gradients=True).values[before]
    (expected,) = torch.autograd.grad(value[:, 1, 4, 4].sum() if value.ndim == 4 else value[:, 1].sum(), given)
    np.testing.assert_allclose(found.heat, expected.abs().sum(1).mean(0).double().numpy(), rtol=1e-4, atol=1e-8)
    assert not any(module.training for module in network.module.modules())


def test_silent_units_have_the_field_that_their_non_linearity_hides() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    nn.init.constant_(module[0].bias, -100.0)
    found = effective_field(traced(module), "1", torch.randn(1, 1, 21, 21))
    assert not found.is_silent
    assert found.shares[2].area > 4
    zero = nn.Sequential(nn.Conv2d(1, 1, 3))
    nn.init.zeros_(zero[0].weight)
    nothing = effective_field(traced(zero), "0", torch.randn(1, 1, 21, 21))
    assert nothing.is_silent
    assert [share.area for share in nothing.shares] == [0, 0, 0]


def test_coarse_first() -> None:
    torch.manual_seed(2)
    network = traced(nn.Sequential(nn.Conv2d(1, 20, 3), nn.Tanh(), nn.Conv2d(20, 20, 3)))
    images = torch.randn(20, 1, 21, 21)
    steps = list(effective_field_steps(network, "2", images))
    assert [(step.images, len(step.channels), step.is_final) for step in steps] == [
        *((1, 1, False), (8, 8, False), (16, 8, False), (20, 8, True))
    ]
    each = [effective_field(network, "2", images, channel=channel).heat for channel in steps[-1].channels]
    np.testing.assert_allclose(steps[-1].heat, np.mean(each, axis=0), rtol=1e-6)
    first = effective_field(network, "2", images[:1], channel=steps[0].channels[0])
    np.testing.assert_allclose(steps[0].heat, first.heat)


def test_the_pass_ends_at_the_layer_and_can_be_cancelled() -> None:
    network = traced(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.ReLU()))
    calls = []
    handle = network.module[1].register_forward_hook(lambda *_: calls.append(1))
    effective_field(network, "0", torch.zeros(1, 1, 21, 21))
    assert calls == []
    effective_field(network, "2", torch.zeros(1, 1, 21, 21))
    assert calls == [1]
    handle.remove()
    with pytest.raises(Cancelled):
        effective_field(network, "2", torch.zeros(1, 1, 21, 21), cancelled=lambda: True)


def test_networks_that_only_hooks_can_follow() -> None:
    found = effective_field(traced(ValueDependent(), 1, 9), "dark", torch.randn(1, 1, 9, 9), row=4, column=4)
    assert (found.heat[4 - 2 : 4 + 3, 4 - 2 : 4 + 3] > 0).any()
    assert found.heat.sum() == pytest.approx(found.heat[2:7, 2:7].sum())


class Choice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1)


def test_what_has_no_gradient_is_told() -> None:
    network = traced(nn.Sequential(nn.Conv2d(1, 2, 3), Choice()))
    with pytest.raises(NoEffectiveField, match=r"1\.argmax has no gradient .*; choose a layer before it"):
        effective_field(network, "1.argmax", torch.zeros(1, 1, 21, 21))
    broken = nn.Conv2d(1, 1, 3)
    nn.init.constant_(broken.weight, float("nan"))
    with pytest.raises(NoEffectiveField, match="is not a number on this input"):
        effective_field(traced(nn.Sequential(broken)), "0", torch.zeros(1, 1, 21, 21))
    with pytest.raises(NoEffectiveField, match="choose at least one"):
        effective_field(network, "0", torch.zeros(0, 1, 21, 21))
    with pytest.raises(IndexError, match="has 2 channels"):
        effective_field(network, "0", torch.zeros(1, 1, 21, 21), channel=2)
    with pytest.raises(IndexError, match="no unit at"):
        effective_field(network, "0", torch.zeros(1, 1, 21, 21), row=40)


class OneOfTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 2, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.small(x) if x[0, 0, 0, 0] <= 0 else self.large(x)
        return found


def test_every_image_takes_its_own_way_and_one_that_does_not_reach_the_layer_is_told() -> None:
    torch.manual_seed(0)
    network = traced(OneOfTwo(), size=9)
    assert "small" in network.graph
    images = torch.rand(2, 1, 9, 9)
    images[:, :, 0, 0] = -1.0
    assert effective_field(network, "small", images).images == 2
    images[1, 0, 0, 0] = 1.0
    with pytest.raises(NoEffectiveField, match="small is not reached by every image: another way"):
        effective_field(network, "small", images)
