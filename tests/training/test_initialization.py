from collections import OrderedDict

import pytest
import torch
from torch import nn

from cnnviz.nets.registry import build
from cnnviz.training.initialization import build_seeded, derived_seed, initialise


def network(**more):
    layers = OrderedDict(conv1=nn.Conv2d(1, 4, 3), bn=nn.BatchNorm2d(4), fc=nn.Linear(4, 3))
    return nn.Sequential(OrderedDict(layers, **more))


def test_a_layer_that_is_added_leaves_the_others_as_they_were():
    plain, more = network(), nn.Sequential(OrderedDict(first=nn.Conv2d(1, 1, 5)))
    for name, layer in network(drop=nn.Linear(3, 3)).named_children():
        more.add_module(name, layer)
    initialise(plain, 5)
    initialise(more, 5)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, more.state_dict()[name])


def test_layers_of_one_shape_differ_and_so_do_seeds():
    twins = nn.Sequential(OrderedDict(a=nn.Linear(3, 3), b=nn.Linear(3, 3)))
    initialise(twins, 1)
    assert not torch.equal(twins.a.weight, twins.b.weight)
    before = twins.a.weight.clone()
    initialise(twins, 2)
    assert not torch.equal(twins.a.weight, before)


def test_the_range_is_that_of_the_layers_own():
    layer = nn.Sequential(OrderedDict(conv=nn.Conv2d(4, 64, 5)))
    initialise(layer, 0)
    bound = 1 / (4 * 5 * 5) ** 0.5
    assert layer.conv.weight.abs().max() <= bound
    assert layer.conv.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_an_architecture_keeps_the_scale_that_it_starts_with():
    module = build_seeded("cifar-net", {"widths": [4, 4, 4]}, 0)
    bound = 1 / (3 * 7 * 7) ** 0.5
    assert 0.08 * bound < module.conv1.weight.abs().max() <= 0.1 * bound
    assert module.conv2.weight.abs().max() > 0.5 / (4 * 9) ** 0.5
    assert build("cifar-net", {}).conv1.weight.abs().max() <= 0.1 * bound


def test_nothing_else_that_is_random_is_disturbed():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build_seeded("lenet", {}, 8)
    assert torch.equal(torch.rand(4), expected)


def test_seeds_are_told_apart_by_every_part():
    seeds = {derived_seed(*parts) for parts in [(0, "a"), (0, "b"), (1, "a"), (0, "a", 1), (0, "a", 2)]}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
