"""Every operation with a kink tells when a value crosses it, and nothing else does."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.kinks import KinkWatch, differs

KINKS = {
    "relu": (torch.relu, (0.0,)),
    "relu in place": (lambda x: F.relu(x.clone(), inplace=True), (0.0,)),
    "relu6": (F.relu6, (0.0, 6.0)),
    "leaky": (F.leaky_relu, (0.0,)),
    "prelu": (lambda x: F.prelu(x, torch.tensor([0.1], dtype=torch.float64)), (0.0,)),
    "selu": (F.selu, (0.0,)),
    "hardtanh": (F.hardtanh, (-1.0, 1.0)),
    "hardswish": (F.hardswish, (-3.0, 3.0)),
    "hardsigmoid": (F.hardsigmoid, (-3.0, 3.0)),
    "softshrink": (F.softshrink, (-0.5, 0.5)),
    "hardshrink": (F.hardshrink, (-0.5, 0.5)),
    "threshold": (lambda x: F.threshold(x, 0.7, 0.0), (0.7,)),
    "clamp": (lambda x: x.clamp(-0.2, 0.4), (-0.2, 0.4)),
    "clamp from below": (lambda x: x.clamp(min=0.3), (0.3,)),
    "clamp from above": (lambda x: x.clamp_max(0.3), (0.3,)),
    "abs": (torch.abs, (0.0,)),
    "written out": (lambda x: x * (x > 0.25), (0.25,)),
    "maximum": (lambda x: torch.maximum(x, torch.full_like(x, 0.6)), (0.6,)),
    "max pooling": (lambda x: F.max_pool2d(torch.stack((x, torch.full_like(x, 0.6)), -1), (1, 2)), (0.6,)),
    "adaptive": (lambda x: F.adaptive_max_pool2d(torch.stack((x, torch.full_like(x, 0.6)), -1), (2, 1)), (0.6,)),
    "amax": (lambda x: torch.stack((x, torch.full_like(x, 0.6)), -1).amax((-1,)), (0.6,)),
    "max along": (lambda x: torch.stack((x, torch.full_like(x, 0.6)), -1).max(-1).values, (0.6,)),
    "sort": (lambda x: torch.stack((x, torch.full_like(x, 0.6)), -1).sort(-1).values, (0.6,)),
}


def pattern(function, value):
    with torch.no_grad(), KinkWatch() as watch:
        function(torch.full((1, 1, 2), value, dtype=torch.float64))
    return watch.pattern


@pytest.mark.parametrize("name", KINKS)
def test_what_lies_on_the_other_side_differs_and_what_does_not_is_the_same(name):
    function, kinks = KINKS[name]
    edges = (kinks[0] - 1, *kinks, kinks[-1] + 1)
    for kink in kinks:
        assert differs(pattern(function, kink - 1e-6), pattern(function, kink + 1e-6))
    for low, high in pairwise(edges):
        assert not differs(pattern(function, low + 1e-6), pattern(function, high - 1e-6))


@pytest.mark.parametrize("smooth", [nn.Sigmoid(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.AvgPool2d(1), nn.Tanh()])
def test_smooth_functions_have_no_kinks(smooth):
    assert pattern(smooth, 0.5) == []
