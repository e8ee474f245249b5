"""The check passes for right gradients, finds a wrong one and where, and leaves out what brute force leaves out."""

import copy
import math

import pytest
import torch
from torch import nn

from cnnviz.core.execution import Cancelled
from cnnviz.core.gradient_check import FAULT, CannotCheck, GradientCheck, LayerCheck
from cnnviz.core.network_changes import Silence, SwapPooling
from cnnviz.core.network_edits import apply
from cnnviz.core.objective import Objective, rows
from cnnviz.core.trace import prepare

from .networks import ResidualNet
from .traced_networks import CASES, made


def loss_of(output):
    answers = rows(output)
    return Objective()(output, torch.arange(len(answers)) % answers.shape[1])


def run(module, images, **settings):
    check = GradientCheck(module, images, loss_of, **settings)
    while check.step():
        pass
    assert check.done == check.total
    return check, {each.layer: each for each in check.layers}


def drawn_network(seed):
    """Convolutions with normalisation, pooling and non-linearities drawn at random."""
    torch.manual_seed(seed)
    pick = torch.Generator().manual_seed(seed)
    channels, layers = 2, []
    for _ in range(3):
        wider = int(torch.randint(2, 6, (1,), generator=pick))
        layers.append(nn.Conv2d(channels, wider, 3, padding=1))
        layers.append(nn.BatchNorm2d(wider))
        kinds = [nn.ReLU(inplace=True), nn.Hardswish(), nn.GELU(), nn.LeakyReLU(0.2)]
        layers.append(kinds[int(torch.randint(len(kinds), (1,), generator=pick))])
        channels = wider
    module = nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(channels * 9, 3))
    for path, buffer in module.named_buffers():
        if path.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return module


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("batch_statistics", [False, True])
def test_random_networks_pass(seed, batch_statistics):
    module, images = drawn_network(seed), torch.randn(3, 2, 6, 6)
    _, layers = run(module, images, entries=8, batch_statistics=batch_statistics)
    assert len(layers) == 7
    assert {each.verdict for each in layers.values()} <= {"passes", "zero"}
    assert sum(each.verdict == "passes" for each in layers.values()) >= 6


@pytest.mark.parametrize("seed", range(2))
def test_a_backward_that_is_a_thousandth_wrong_is_found_and_where(seed):
    module, images = drawn_network(seed), torch.randn(2, 2, 6, 6)
    _, layers = run(module, images, entries=8, fault="4")
    assert {name: each.verdict for name, each in layers.items()} == {
        "0": "fails", "1": "fails", "3": "fails", "4": "fails", "6": "passes", "7": "passes", "11": "passes",
    }  # fmt: skip
    # (1 + f) a beside a: the difference is f a, over (2 + f) a
    assert layers["4"].error == pytest.approx(FAULT / (2 + FAULT), rel=1e-4)


class Shift(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(channels, 1, 1))

    def forward(self, x):
        return x + self.bias


def test_a_bias_before_normalisation_has_no_gradient_and_passes():
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 3, 3, padding=1, bias=False)
    module = nn.Sequential(conv, Shift(3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 2))
    images = torch.randn(4, 1, 4, 4)
    _, layers = run(module, images, entries=None, batch_statistics=True)
    assert layers["1"].verdict == "zero"
    assert layers["1"].error > 1e-4 or math.isnan(layers["1"].error)
    assert layers["0"].verdict == "passes"
    _, layers = run(module, images, entries=None, batch_statistics=False)
    assert layers["1"].verdict == "passes"


@pytest.mark.parametrize(
    ("error", "size", "floor", "verdict"),
    [
        (1e-7, 1.0, 1e-9, "passes"),
        (1e-5, 1.0, 1e-9, "unclear"),
        (1e-3, 1.0, 1e-9, "fails"),
        (1e-3, 1e-7, 1e-9, "unclear"),
        (0.9, 1e-10, 1e-9, "zero"),
    ],
)
def test_verdicts(error, size, floor, verdict):
    told = LayerCheck("0", 9, 9, 0, error, size / 2, size / 2, error * size, floor)
    assert told.verdict == verdict


def test_what_moments_are_used_is_chosen_and_the_module_stays_as_it_was():
    module, images = drawn_network(1).train(), torch.randn(4, 2, 6, 6) * 3 + 1
    before = dict(module.named_parameters()), {name: each.clone() for name, each in module.named_buffers()}
    own, _ = run(module, images, entries=2)
    batch, _ = run(module, images, entries=2, batch_statistics=True)
    assert dict(module.named_parameters()).keys() == before[0].keys()
    assert all(each is before[0][name] and each.grad is None for name, each in module.named_parameters())
    assert all(torch.equal(each, before[1][name]) for name, each in module.named_buffers())
    assert all(each.training for each in module.modules())
    with torch.no_grad():
        assert own.loss == pytest.approx(float(loss_of(copy.deepcopy(module).eval().double()(images.double()))))
        assert batch.loss == pytest.approx(float(loss_of(module.double()(images.double()))))
        assert own.loss != pytest.approx(batch.loss)


def test_what_is_left_out_is_what_brute_force_leaves_out():
    """Every weight of a tiny network, some of whose units are closer to their kink than a step goes."""
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)
    ).double()
    x = torch.tensor([[[[0.9, -0.2], [0.05, 0.4]]]], dtype=torch.float64)
    with torch.no_grad():
        for unit, distance in ((1, 3e-7), (4, -3e-7)):
            module[1].bias[unit] -= module[1](x.flatten(1))[0, unit] - distance
        module[3].bias[2] -= module[3](module[:3](x))[0, 2] - 2e-7

    def signs():
        with torch.no_grad():
            first = module[1](x.flatten(1))
            return torch.cat((first, module[3](torch.relu(first))), 1) > 0

    expected = {}
    still = signs()
    for name, parameter in module.named_parameters():
        flat = parameter.detach().view(-1)
        for at in range(len(flat)):
            value, crosses = float(flat[at]), False
            for step in (1e-6, -1e-6):
                flat[at] = value + step
                crosses |= not torch.equal(signs(), still)
                flat[at] = value
            layer = name.rpartition(".")[0]
            expected[layer] = expected.get(layer, 0) + crosses
    _, layers = run(module, x, entries=None)
    assert {name: each.left_out for name, each in layers.items()} == expected
    assert expected["1"] > 4
    assert expected["3"] > 0
    assert expected["5"] == 0
    assert all(each.tried + each.left_out == each.weights for each in layers.values())
    assert all(each.verdict in ("passes", "zero") for each in layers.values())


def test_a_step_that_changes_the_largest_of_a_window_is_left_out():
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 1, 1)
    module = nn.Sequential(conv, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 2)).double()
    x = torch.tensor([[[[0.5, 0.5 + 1e-9], [0.1, 0.2]]]], dtype=torch.float64)
    with torch.no_grad():
        conv.weight.fill_(5e-7)  # a step back turns the order around
    _, layers = run(module, x, entries=None)
    assert (layers["0"].tried, layers["0"].left_out) == (1, 1)


@pytest.mark.parametrize("name", CASES)
def test_every_network_that_can_be_traced(name):
    module, images, _ = made(name)
    _, layers = run(module, images, entries=4)
    assert {each.verdict for each in layers.values()} <= {"passes", "zero", "untried"}
    assert sum(each.verdict == "passes" for each in layers.values()) >= len(layers) // 2


def test_a_changed_network_is_checked_with_its_changes():
    torch.manual_seed(0)
    module, images = ResidualNet().eval(), torch.randn(1, 3, 12, 12)
    edited = apply(module, prepare(module, images).graph, [Silence("layer1.0.add")])
    _, layers = run(edited, images, entries=4)
    assert layers["layer1.0.conv1"].verdict == "zero"
    assert layers["layer1.1.conv1"].verdict == "passes"
    pooled = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2))
    edited = apply(pooled, prepare(pooled, torch.randn(1, 1, 6, 6)).graph, [SwapPooling("l2_sum")])
    _, layers = run(edited, torch.randn(1, 1, 6, 6), entries=None)
    assert {each.verdict for each in layers.values()} == {"passes"}


def test_entries_are_spread_over_weights_and_biases_and_some_are_the_largest():
    module, images = drawn_network(0), torch.randn(1, 2, 6, 6)
    one, other = (GradientCheck(module, images, loss_of, entries=6, seed=4) for _ in range(2))
    drawn = {layer: each.entries for layer, each in one._compared.items()}
    assert drawn == {layer: each.entries for layer, each in other._compared.items()}
    assert {entry.parameter for entry in drawn["0"]} == {"0.weight", "0.bias"}
    assert one.total == sum(min(6, each.weights) for each in one.layers)
    parts = {name: one._gradients[f"11.{name}"].abs() for name in ("weight", "bias")}
    name = max(parts, key=lambda each: float(parts[each].max()))
    first = drawn["11"][0]
    assert (first.parameter, first.at) == (f"11.{name}", int(parts[name].argmax()))
    assert len(set(drawn["11"])) == 6


def test_it_stops_when_asked_and_refuses_what_it_cannot_check():
    module, images = drawn_network(0), torch.randn(1, 2, 6, 6)
    check = GradientCheck(module, images, loss_of)
    asked = iter([False, False, True])
    assert check.step(lambda: next(asked))
    assert check.step(lambda: next(asked))
    with pytest.raises(Cancelled):
        check.step(lambda: next(asked))
    assert check.done == 2
    assert [each.tried + each.left_out for each in check.layers] == [0] * 5 + [1, 1]
    assert math.isnan(check.layers[0].error)
    assert check.layers[0].verdict == "untried"
    with pytest.raises(CannotCheck, match="has 302,000 weights, too many"):
        GradientCheck(nn.Sequential(nn.Flatten(), nn.Linear(3019, 100)), torch.randn(1, 3019), loss_of, entries=None)
    with pytest.raises(CannotCheck, match="no weights"):
        GradientCheck(nn.Flatten(), images, loss_of)

    class Single(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3)
            self.kernel = torch.randn(3, 3, 3, 3)

        def forward(self, x):
            return nn.functional.conv2d(self.conv(x), self.kernel).mean((2, 3))

    with pytest.raises(CannotCheck, match="does not run in double precision"):
        GradientCheck(Single(), images, loss_of)
