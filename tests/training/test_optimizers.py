"""Each optimiser against its formula, written out for one weight."""

import math

import pytest
import torch
from torch import nn

from cnnviz.training.choices import OPTIMIZERS
from cnnviz.training.optimizers import apply_settings, make_optimizer, set_learning_rate
from cnnviz.training.settings import TrainingSettings

RATE = 0.05


class OneWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.7]], dtype=torch.float64))
        self.bias = nn.Parameter(torch.tensor([0.3], dtype=torch.float64))

    def loss(self):
        return (self.weight**2).sum() * 1.5 + (self.bias**2).sum()


def settings(optimizer, **changes):
    return TrainingSettings(optimizer=optimizer, learning_rate=RATE, momentum=0.8, **changes)


def trained(optimizer, steps, **changes):
    module = OneWeight()
    chosen = make_optimizer(module, settings(optimizer, **changes))
    path = []
    for _ in range(steps):
        chosen.zero_grad()
        module.loss().backward()
        chosen.step()
        path.append(module.weight.item())
    return path


def formula(optimizer, steps, decay=0.0):
    """The textbook's updates of w, for the loss 1.5 w²."""
    w, first, second, product, path = 0.7, 0.0, 0.0, 1.0, []
    for step in range(1, steps + 1):
        g = 3 * w
        if optimizer == "adamw":
            w *= 1 - RATE * decay
        else:
            g += decay * w
        if optimizer == "sgd":
            w -= RATE * g
        elif optimizer == "momentum":
            first = 0.8 * first + g
            w -= RATE * first
        elif optimizer == "nesterov":
            first = 0.8 * first + g
            w -= RATE * (g + 0.8 * first)
        elif optimizer == "adagrad":
            second += g * g
            w -= RATE * g / (math.sqrt(second) + 1e-10)
        elif optimizer == "rmsprop":
            second = 0.99 * second + 0.01 * g * g
            w -= RATE * g / (math.sqrt(second) + 1e-8)
        elif optimizer == "adadelta":
            second = 0.9 * second + 0.1 * g * g
            change = math.sqrt(first + 1e-6) / math.sqrt(second + 1e-6) * g
            first = 0.9 * first + 0.1 * change * change
            w -= RATE * change
        elif optimizer in ("adam", "adamw", "nadam"):
            first = 0.9 * first + 0.1 * g
            second = 0.999 * second + 0.001 * g * g
            size = math.sqrt(second / (1 - 0.999**step)) + 1e-8
            if optimizer == "nadam":
                now = 0.9 * (1 - 0.5 * 0.96 ** (step * 4e-3))
                following = 0.9 * (1 - 0.5 * 0.96 ** ((step + 1) * 4e-3))
                product *= now
                w -= RATE * ((1 - now) * g / (1 - product) + following * first / (1 - product * following)) / size
            else:
                w -= RATE * first / (1 - 0.9**step) / size
        path.append(w)
    return path


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_step_is_that_of_the_formula(optimizer, decay):
    assert trained(optimizer, 6, weight_decay=decay) == pytest.approx(formula(optimizer, 6, decay), rel=1e-8)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_decay_spares_weights_of_one_dimension(optimizer):
    chosen = make_optimizer(OneWeight(), settings(optimizer, weight_decay=0.1))
    assert {group["params"][0].ndim: group["weight_decay"] for group in chosen.param_groups} == {2: 0.1, 1: 0.0}


def test_settings_are_changed_without_forgetting():
    module = OneWeight()
    chosen = make_optimizer(module, settings("momentum"))
    module.loss().backward()
    chosen.step()
    kept = chosen.state[module.weight]["momentum_buffer"].clone()
    apply_settings(chosen, settings("momentum", weight_decay=0.2).model_copy(update={"momentum": 0.5}))
    set_learning_rate(chosen, 0.25)
    assert [(group["momentum"], group["lr"]) for group in chosen.param_groups] == [(0.5, 0.25)] * 2
    assert torch.equal(chosen.state[module.weight]["momentum_buffer"], kept)
