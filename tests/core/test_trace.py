"""Recorded values, against modules run piece by piece; what a network is left like."""

import copy
import sys

import pytest
import torch
from torch import Tensor, nn

from cnnviz.core.hooks import forward_hooks
from cnnviz.core.layer_values import NotReached
from cnnviz.core.trace import Cancelled, prepare

from .traced_networks import CASES, made


def outputs_of_modules(module: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Copies of what each module gave at its first call, taken before anything can write into them."""
    found: dict[str, Tensor] = {}
    paths = {child: path for path, child in module.named_modules() if not list(child.children())}

    def keep(child: nn.Module, _: object, output: Tensor) -> None:
        found.setdefault(paths[child], output.clone())

    with torch.no_grad(), forward_hooks(paths, keep):
        found["output"] = module.eval()(images.clone())
    return found


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_modules_at_the_moment_of_their_call(name: str) -> None:
    module, example, method = made(name)
    network = prepare(module, example)
    assert network.graph.method == method
    images = torch.randn(3, *example.shape[1:])
    expected = outputs_of_modules(module, images)
    trace = network.run(images)
    torch.testing.assert_close(trace.output, expected.pop("output"))
    torch.testing.assert_close(trace.values["input"], images)
    compared = [layer for layer in expected if layer in trace.values]
    assert compared == list(expected)
    torch.testing.assert_close({layer: trace.values[layer] for layer in compared}, expected)
    for layer in network.graph:
        assert layer.name not in trace.values or trace.values[layer.name].shape == (3, *layer.output_shape)


def test_functions_are_recorded_with_the_value_they_gave() -> None:
    module, example, _ = made("functional")
    values = prepare(module, example).run(example).values
    torch.testing.assert_close(values["relu"], values["conv1"].clamp(min=0))
    torch.testing.assert_close(values["relu_1"], values["conv2"].clamp(min=0))
    torch.testing.assert_close(values["flatten"].view(6, 5, 5), values["max_pool2d"][0])


def test_in_place_functions_leave_earlier_values_alone() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            x.mul_(2)
            y = self.conv(x)
            flat = y.flatten(1)
            torch.relu_(flat)  # writes into y as well, and is never read itself
            return flat.add_(1)

    module = InPlace().eval()
    images = torch.randn(2, 1, 5, 5)
    network = prepare(module, images[:1])
    before = images.clone()
    trace = network.run(images)
    assert torch.equal(images, before)
    with torch.no_grad():
        conv = module.conv(2 * images)
    torch.testing.assert_close(trace.values["input"], images)
    torch.testing.assert_close(trace.values["conv"], conv)
    torch.testing.assert_close(trace.values["flatten"], conv.flatten(1))
    torch.testing.assert_close(trace.values["relu"], conv.flatten(1).relu())
    torch.testing.assert_close(trace.output, conv.flatten(1).relu() + 1)
    assert network.graph["add"].inputs == ("relu",)


@pytest.mark.parametrize("name", CASES)
def test_recorded_values_have_gradients(name: str) -> None:
    module, example, _ = made(name)
    network = prepare(module, example)
    trace = network.run(example.requires_grad_(), gradients=True)
    names = [name for name in trace.values if name != "input"]
    found = torch.autograd.grad(trace.output.square().sum(), [example, *(trace.values[n] for n in names)])
    direct = example.detach().clone().requires_grad_()
    (expected,) = torch.autograd.grad(module.eval()(direct).square().sum(), direct)
    torch.testing.assert_close(found[0], expected)
    assert all(gradient.abs().sum() > 0 for gradient in found[1:])


def test_gradients_with_respect_to_a_layer_are_those_of_the_rest_of_the_network() -> None:
    module, example, _ = made("residual")
    trace = prepare(module, example).run(example, ["stem", "layer1.1.bn1"], gradients=True)
    found = torch.autograd.grad(trace.output[0, 3], list(trace.values.values()), retain_graph=True)
    stem = module.eval().stem(example)
    middle = module.layer1[0](stem)
    bn1 = module.layer1[1].bn1(module.layer1[1].conv1(middle))
    kept = bn1.clone()
    rest = (module.layer1[1].conv2(kept.relu()) + middle).relu()
    (expected,) = torch.autograd.grad(module.fc(rest.mean((2, 3)))[0, 3], kept, retain_graph=True)
    torch.testing.assert_close(found[1], expected)
    (expected,) = torch.autograd.grad(module(example)[0, 3], module.stem.bias)
    torch.testing.assert_close(found[0].sum((0, 2, 3)), expected)  # a bias is added to every unit of its channel


def test_values_changed_through_another_name_are_right_or_refused() -> None:
    class Aliased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.same, self.relu = nn.Conv2d(1, 2, 3), nn.Identity(), nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return self.relu(self.same(x)) + x  # x is rectified, too

    module, images = Aliased().eval(), torch.randn(2, 1, 5, 5)
    network = prepare(module, images[:1])
    trace = network.run(images)
    with torch.no_grad():
        conv = module.conv(images)
    torch.testing.assert_close(trace.values["conv"], conv)
    torch.testing.assert_close(trace.values["same"], conv)
    torch.testing.assert_close(trace.output, 2 * conv.relu())
    with pytest.raises(RuntimeError, match="same is changed in place through another name"):
        network.run(images, ["same"], gradients=True)
    torch.testing.assert_close(network.run(images, ["relu"], gradients=True).output, 2 * conv.relu())


def test_broken_weights_are_traced_like_others() -> None:
    module, example, method = made("residual")
    with torch.no_grad():
        module.stem.weight[0] = torch.nan
        module.stem.weight[1] = torch.inf
    network = prepare(module, example)
    assert network.graph.method == method
    assert network.run(example).values["stem"][0, 0].isnan().all()


def test_only_what_is_asked_for_is_recorded_in_one_pass() -> None:
    module, example, _ = made("residual")
    network = prepare(module, example)
    calls = []
    with forward_hooks([module.stem], lambda *_: calls.append(1)):
        trace = network.run(example, ["stem", "layer1.0.bn1"])
    assert set(trace.values) == {"stem", "layer1.0.bn1"}
    assert calls == [1]
    assert not trace.output.requires_grad
    assert set(network.run(example, []).values) == set()
    with pytest.raises(KeyError, match="no layer named 'nowhere'"):
        network.run(example, ["nowhere"])


@pytest.mark.parametrize("name", ["residual", "shape", "value"])
def test_changed_weights_show_at_the_next_run(name: str) -> None:
    module, example, _ = made(name)
    network = prepare(module, example)
    before = network.run(example).output
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1)
    after = network.run(example).output
    assert not torch.allclose(before, after)
    with torch.no_grad():
        torch.testing.assert_close(after, module.eval()(example))


@pytest.mark.parametrize("name", CASES)
def test_the_network_is_left_as_found(name: str) -> None:
    module, example, _ = made(name)
    frozen = next(module.children()).eval()
    modes = {path: child.training for path, child in module.named_modules()}
    state = copy.deepcopy(module.state_dict())
    attributes = set(vars(module))
    prepare(module, example).run(example)
    assert {path: child.training for path, child in module.named_modules()} == modes
    assert not frozen.training
    assert module.training
    assert set(vars(module)) == attributes
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in module.modules())


def test_constants_made_in_forward_do_not_stay_on_the_network() -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.tensor([3.0])

    module = Constant()
    network = prepare(module, torch.zeros(1, 1, 2, 2))
    assert not [name for name in vars(module) if "tensor" in name]
    assert network.run(torch.ones(1, 1, 2, 2)).output.unique().tolist() == [4.0]


@pytest.mark.parametrize("name", ["residual", "shape", "value"])
def test_what_the_network_raises_reaches_the_caller_and_leaves_no_hook(name: str) -> None:
    class Refused(RuntimeError):
        pass

    module, example, _ = made(name)
    network = prepare(module, example)
    last = list(module.modules())[-1]
    error = Refused("no")

    def refuse(*_: object) -> None:
        raise error

    module.train()
    if name == "shape":
        with pytest.raises(ValueError, match=r"images of shape \(3, 16, 16\), not \(3, 4, 4\)"):
            network.run(torch.zeros(1, 3, 4, 4))
    else:
        last.forward = refuse
        with pytest.raises(Refused) as caught:
            network.run(example)
        assert caught.value is error
        with pytest.raises(Refused):
            prepare(module, example)
    assert module.training
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in module.modules())


def test_forward_hooks_are_removed_when_attaching_fails() -> None:
    first = nn.ReLU()
    with pytest.raises(AttributeError), forward_hooks([first, None], lambda *_: None):
        pass
    assert not first._forward_hooks


@pytest.mark.parametrize("name", ["residual", "shape", "value"])
def test_a_pass_can_be_cancelled_between_layers(name: str) -> None:
    module, example, _ = made(name)
    network = prepare(module, example)
    reached = []
    stem = next(child for child in module.modules() if isinstance(child, nn.Conv2d))
    with forward_hooks([stem], lambda *_: reached.append("stem")), pytest.raises(Cancelled):
        network.run(example, cancelled=lambda: True)
    assert reached == []
    polls = iter([False] * 3 + [True] * 100)
    with pytest.raises(Cancelled):
        network.run(example, cancelled=lambda: next(polls))
    assert not any(child._forward_hooks for child in module.modules())
    assert network.run(example, cancelled=lambda: False).output.isfinite().all()


def test_dynamic_networks_take_the_way_of_each_input() -> None:
    module, _, _ = made("value")
    with torch.no_grad():
        module.conv.weight.abs_()
    dark, bright = torch.zeros(1, 1, 6, 6), torch.full((1, 1, 6, 6), 10.0)
    network = prepare(module, dark)
    assert "dark" in network.graph
    assert "bright" not in network.graph
    assert "dark" not in network.run(bright).values
    with torch.no_grad():
        torch.testing.assert_close(network.run(bright).output, module.eval()(bright))
    assert network.graph.unseen == {"relu:2"}
    assert network.graph["relu:2"].inputs == ("relu", "dark")


def test_a_layer_that_a_pass_does_not_come_to_is_told_in_words() -> None:
    module, _, _ = made("value")
    with torch.no_grad():
        module.conv.weight.abs_()
    network = prepare(module, torch.zeros(1, 1, 6, 6))
    bright = torch.full((1, 1, 6, 6), 10.0)
    values = network.run(bright).values
    assert values.get("dark") is None
    for ask in (lambda: values["dark"], lambda: network.output_of("dark", bright)):
        with pytest.raises(NotReached) as told:
            ask()
        assert str(told.value).startswith("With this input the network does not come to the layer dark; ")


def test_nothing_is_printed_of_what_torch_cannot_export(capfd: pytest.CaptureFixture[str]) -> None:
    stream = sys.stderr
    module, example, _ = made("value")
    assert "torch.export" in " ".join(prepare(module, example).graph.notes)
    assert sys.stderr is stream
    assert capfd.readouterr().err == ""
