"""What core computes on another device is what it computes on the CPU."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.core.activations import histogram, share_zero_after_relu, statistics, strongest
from cnnviz.core.effective_field import effective_field
from cnnviz.core.equivariance import equivariance
from cnnviz.core.equivariance_result import Sweep
from cnnviz.core.mosaic import mosaic
from cnnviz.core.pooling import Pooling, pool
from cnnviz.core.thumbnails import thumbnails
from cnnviz.core.trace import prepare

SIZE = 20


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(6 * 64, 3),
    ).eval()  # fmt: skip


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def both(module: nn.Module, device: Any) -> Any:
    """The network traced on the CPU and on the device."""
    moved = copy.deepcopy(module).to(device)
    here = torch.zeros(1, 1, SIZE, SIZE)
    return prepare(module, here), prepare(moved, here.to(device))


def test_every_layer_of_a_trace(both: Any, images: torch.Tensor, device: Any) -> None:
    here, there = both
    layers = {layer.name for layer in here.graph}
    one, other = here.run(images[:1], layers), there.run(images[:1].to(device), layers)
    assert one.values.keys() == other.values.keys()
    for name, values in one.values.items():
        assert other.values[name].device.type == device.type
        torch.testing.assert_close(other.values[name].cpu(), values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other.output.cpu(), one.output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", ["shared", "each"])
@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), 1e-38])
def test_mosaics_and_figures_of_maps(device: Any, scale: Any, odd: float | None) -> None:
    maps = torch.randn(5, 9, 7, generator=torch.Generator().manual_seed(2))
    if odd is not None:
        maps = maps * odd if odd < 1 else maps.index_put((torch.tensor(1), torch.tensor(2)), torch.tensor(odd))
    there = maps.to(device)
    one, other = mosaic(maps, 3, scale), mosaic(there, 3, scale)
    different = one.indices.astype(int) - other.indices
    assert np.abs(different).max() <= 1, "rounding may cross to the next of 256 colours"
    assert (different != 0).mean() < 0.01
    np.testing.assert_allclose(other.high, one.high, rtol=1e-6)
    for here, far in zip(histogram(maps), histogram(there), strict=True):
        np.testing.assert_allclose(far, here, rtol=1e-6, atol=1e-30)
    assert strongest(there, 3) == strongest(maps, 3)
    assert share_zero_after_relu(there) == share_zero_after_relu(maps)
    for name, value in vars(statistics(maps)).items() if hasattr(statistics(maps), "__dict__") else ():
        assert getattr(statistics(there), name) == pytest.approx(value, rel=1e-5, nan_ok=True)
    torch.testing.assert_close(
        thumbnails(there, (0, 3), 4).cpu(), thumbnails(maps, (0, 3), 4), rtol=1e-5, atol=1e-6, equal_nan=True
    )


def test_the_counts_of_a_histogram_alone_come_back(far: Any) -> None:
    maps = torch.randn(8, 16, 16).to(torch.device("meta"))
    far.back.clear()
    histogram(maps)
    assert sum(each.bytes for each in far.back) <= 64 * 8 + 8


@pytest.mark.parametrize("kind", ["max", "average", "l2_mean", "weighted", "blur_max", "strided"])
def test_pooling(device: Any, kind: Any) -> None:
    maps = torch.randn(2, 3, 11, 9, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(
        pool(maps.to(device), Pooling.of(kind, 3, 2, 1)).cpu(), pool(maps, Pooling.of(kind, 3, 2, 1))
    )


def test_the_effective_field(both: Any, images: torch.Tensor, device: Any) -> None:
    here, there = both
    one = effective_field(here, "3", images, channel=2, row=4, column=4)
    other = effective_field(there, "3", images.to(device), channel=2, row=4, column=4)
    assert other.theory == one.theory
    np.testing.assert_allclose(other.heat, one.heat, rtol=1e-4, atol=1e-6)
    assert [each.area for each in other.shares] == pytest.approx([each.area for each in one.shares], abs=1)


@pytest.mark.parametrize(("kind", "strengths"), [("shift", (-3.0, 0.0, 2.0, 2.5)), ("rotate", (0.0, 30.0))])
def test_equivariance(both: Any, images: torch.Tensor, device: Any, kind: Any, strengths: tuple[float, ...]) -> None:
    here, there = both
    transforms = Sweep(kind, strengths).transforms
    one, other = equivariance(here, images, transforms), equivariance(there, images.to(device), transforms)
    assert [layer.layer for layer in other.layers] == [layer.layer for layer in one.layers]
    for layer, there_too in zip(one.layers, other.layers, strict=True):
        np.testing.assert_allclose(there_too.mean, layer.mean, rtol=1e-3, atol=1e-5)
