"""Gradients of every layer against zeros that are added to its output, and against what autograd has of the weights."""

import math

import pytest
import torch
from torch import nn

from cnnviz.core.backpropagation import NoGradient, backpropagate, norm, share_of_zeros
from cnnviz.core.execution import Cancelled
from cnnviz.core.graph import INPUT
from cnnviz.core.objective import Objective, rows
from cnnviz.core.trace import prepare

from .traced_networks import CASES, made


def loss_of(output):
    return Objective()(output, torch.arange(len(rows(output))) % output.shape[1])


def gradients_by_added_zeros(module, images):
    """∂L/∂output of the calls of each module: of zeros that a hook adds to what the module gives."""
    zeros, calls, handles = {}, {}, []

    def hook_of(path):
        def add(_, __, output):
            calls[path] = calls.get(path, 0) + 1
            name = path if calls[path] == 1 else f"{path}:{calls[path]}"
            zeros[name] = torch.zeros_like(output, requires_grad=True)
            return output + zeros[name]

        return add

    for path, each in module.named_modules():
        if path and not any(True for _ in each.children()):
            handles.append(each.register_forward_hook(hook_of(path)))
    given = images.clone().requires_grad_()
    loss = loss_of(module(given + 0))
    loss.backward()
    for handle in handles:
        handle.remove()
    found = {name: each.grad for name, each in zeros.items() if each.grad is not None}
    return loss, {INPUT: given.grad, **found}


@pytest.mark.parametrize("name", CASES)
def test_of_every_network_that_can_be_traced(name):
    module, images, method = made(name)
    module.eval()
    traced = prepare(module, images)
    assert traced.graph.method == method
    found = backpropagate(traced, images, loss_of)
    loss, expected = gradients_by_added_zeros(module, images)
    assert found.loss == pytest.approx(float(loss.detach()))
    compared = expected.keys() & found.gradients.keys()
    assert len(compared) >= 4
    assert expected.keys() - {"drop"} <= found.gradients.keys() | {INPUT}
    for layer in compared:
        torch.testing.assert_close(found.gradients[layer], expected[layer], rtol=1e-4, atol=1e-7)
    for path, parameter in module.named_parameters():
        if parameter.grad is None:
            assert path not in found.weights
        else:
            torch.testing.assert_close(found.weights[path], parameter.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left_behind(name):
    module, images, _ = made(name)
    module.train()
    for number, parameter in enumerate(module.parameters()):
        parameter.requires_grad_(number % 2 == 0)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    given = images.clone()
    backpropagate(prepare(module, images), given, loss_of)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert [each.requires_grad for each in module.parameters()] == [
        number % 2 == 0 for number, _ in enumerate(module.parameters())
    ]
    assert all(each.training for each in module.modules())
    assert not any(each._forward_hooks or each._backward_hooks for each in module.modules())
    assert torch.equal(given, images)
    assert given.grad is None
    assert not given.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_frozen_weights_have_a_gradient_all_the_same():
    module, images, _ = made("functional")
    free = backpropagate(prepare(module, images), images, loss_of)
    module.requires_grad_(False)
    frozen = backpropagate(prepare(module, images), images, loss_of)
    assert frozen.weights.keys() == free.weights.keys() == dict(module.named_parameters()).keys()
    assert all(torch.equal(frozen.weights[name], free.weights[name]) for name in free.weights)


def test_a_layer_that_the_answer_does_not_read_has_a_gradient_of_zero():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = nn.Linear(4, 3)
            self.unused = nn.Linear(4, 2)

        def forward(self, x):
            x = x.flatten(1)
            self.unused(x)
            return self.used(x)

    module, images = Unused(), torch.randn(1, 1, 2, 2)
    found = backpropagate(prepare(module, images), images, loss_of)
    assert found.unreached == {"unused"}
    assert not found.gradients["unused"].any()
    graph = prepare(module, images).graph
    assert found.weight_norm(module, graph["unused"]) == 0.0
    assert found.weight_norm(module, graph["flatten"]) is None
    weight, bias = found.weights["used.weight"], found.weights["used.bias"]
    assert found.weight_norm(module, graph["used"]) == pytest.approx(
        math.hypot(float(weight.norm()), float(bias.norm()))
    )


def test_an_answer_without_a_gradient_is_told():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            return (self.conv(x) > 0).float().flatten(1)

    module, images = Counts(), torch.randn(1, 1, 5, 5)
    with pytest.raises(NoGradient, match="does not depend on its input"):
        backpropagate(prepare(module, images), images, loss_of)
    assert all(each.grad is None for each in module.parameters())


def test_it_is_given_up_between_layers():
    module, images, _ = made("residual")
    module.requires_grad_(False)
    traced = prepare(module, images)
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        backpropagate(traced, images, loss_of, cancelled=lambda: next(asked))
    assert not any(each.requires_grad for each in module.parameters())


def test_the_norm_of_tiny_gradients_does_not_vanish_in_squares():
    tiny = torch.full((4,), 1e-30)
    assert float(norm(tiny)) == pytest.approx(2e-30)
    assert float(torch.linalg.vector_norm(tiny)) == 0.0
    assert float(norm(torch.zeros(3))) == 0.0
    assert math.isinf(float(norm(torch.tensor([1.0, math.inf]))))
    assert share_of_zeros(torch.tensor([0.0, 1.0, -0.0, 2.0])) == 0.5
