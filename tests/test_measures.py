"""The functions for scripts, on the shipped networks, against brute force on a handful of shifts."""

import doctest

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cnnviz
from cnnviz import measures
from cnnviz.checkpoints.open import OpenedNetwork, open_network
from cnnviz.data.fit import Fit, fit_picture
from cnnviz.data.samples import sample_picture
from cnnviz.training.preparation import to_network_input


def shipped(name: str, samples: tuple[str, ...]) -> tuple[OpenedNetwork, torch.Tensor]:
    network = open_network(name)
    pictures = [fit_picture(sample_picture(sample).pixels, *network.card.input_size, Fit()) for sample in samples]
    return network, to_network_input(torch.from_numpy(np.stack(pictures)), network.card)


@pytest.mark.parametrize(
    ("name", "samples", "strides"),
    [
        ("mnist-lenet", ("digit-3-first", "digit-8-second"), {"conv1": 1, "pool1": 2, "relu2": 2, "pool2": 4}),
        ("cifar-net", ("chelsea", "rocket"), {"relu1": 1, "pool1": 2, "pool2": 4, "pool4": 8}),
    ],
)
def test_shipped_networks(name: str, samples: tuple[str, ...], strides: dict[str, int]) -> None:
    network, images = shipped(name, samples)
    distances = list(range(-8, 9))
    result = cnnviz.equivariance_error(network.module, images, distances, compared="all")
    assert not any(result[layer].reason for layer in result)
    outputs: dict[str, torch.Tensor] = {}
    hooks = [
        network.module.get_submodule(layer).register_forward_hook(
            lambda _, __, output, layer=layer: outputs.update({layer: output})
        )
        for layer in strides
    ]
    for distance in (-8, 2, 4):
        with torch.no_grad():
            network.module(images)
            still = dict(outputs)
            network.module(torch.roll(images, distance, 3))
        for layer, stride in strides.items():
            if distance % stride == 0:
                target = torch.roll(still[layer], distance // stride, 3)
                expected = (outputs[layer] - target).flatten(1).norm(dim=1) / still[layer].flatten(1).norm(dim=1)
                found = result[layer].error[:, distances.index(distance)]
                assert found == pytest.approx(expected.numpy(), rel=1e-3), (layer, distance)
    for hook in hooks:
        hook.remove()
    mean = {layer: result[layer].mean for layer in strides}
    one, last = next(iter(strides)), list(strides)[-1]
    assert mean[last].mean() > mean[one].mean()
    # Away from the borders the dips at multiples of the stride go down to rounding.
    inside = cnnviz.equivariance_error(network.module, images, range(-2, 3), compared="inside", layers=["pool1"])
    assert inside["pool1"].mean[::2].max() < 1e-5
    assert inside["pool1"].mean[1::2].min() > 0.1
    assert all(0.4 < result[layer].chance < 2 for layer in strides)
    assert all(result[layer].mean[8] == 0 for layer in strides)


def test_a_module_of_ones_own() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).double().train()
    images = np.random.default_rng(0).random((2, 1, 12, 12))
    turned = cnnviz.equivariance_error(module, images, (0, 90), transform="rotate", layers=["2"])
    assert list(turned) == ["2"]
    given = torch.from_numpy(images)
    with torch.no_grad():
        one, other = module(given), module(given.rot90(1, (2, 3)))
    expected = (other - one.rot90(1, (2, 3))).flatten(1).norm(dim=1) / one.flatten(1).norm(dim=1)
    assert turned["2"].error[:, 1] == pytest.approx(expected.numpy())
    assert module.training
    assert cnnviz.equivariance_error(module, images[0], [1]).images == 1
    with pytest.raises(ValueError, match=r"and not \(12, 12\)"):
        cnnviz.equivariance_error(module, images[0, 0])


def test_consistency_of_a_shipped_network() -> None:
    network, images = shipped("mnist-lenet", ("digit-1-first", "digit-4-first", "digit-7-second"))
    found = cnnviz.shift_consistency(network.module, images, 3)
    with torch.no_grad():
        image = F.pad(images[1:2], (3, 3, 3, 3), mode="circular")
        windows = image.unfold(2, 28, 1).unfold(3, 28, 1)[0, 0].reshape(-1, 1, 28, 28)
        answers = network.module(windows).argmax(1)
    same = (answers[:, None] == answers).float()
    assert found.per_image[1] == pytest.approx(float((same.sum() - 49) / (49 * 48)))
    assert found.share > 0.8
    assert found.pairs == 49 * 48 // 2


def test_the_examples_hold() -> None:
    tried = doctest.testmod(measures, extraglobs={"torch": torch})
    assert tried.attempted == 6
    assert tried.failed == 0
