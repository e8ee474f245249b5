"""Cells that padding reaches, against networks whose padding is really filled with something else."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnviz.core.padding_reach import padding_reach
from cnnviz.core.trace import prepare

from .networks import ResidualNet, ValueDependent


class Filled(nn.Module):
    """A layer whose windows see ``value`` wherever they hang over the border of their map."""

    def __init__(self, layer: nn.Module, value: float) -> None:
        super().__init__()
        self.layer, self.value = layer, value

    def forward(self, x: Tensor) -> Tensor:
        layer = copy.copy(self.layer)
        shape = self.layer(x).shape
        if isinstance(layer, nn.Upsample):
            scale = int(layer.scale_factor)
            padded = layer(F.pad(x, (3, 3, 3, 3), value=self.value))
            return padded[..., 3 * scale : -3 * scale, 3 * scale : -3 * scale]
        pair = lambda value: (value, value) if isinstance(value, int) else tuple(value)  # noqa: E731
        kernel, stride, padding = pair(layer.kernel_size), pair(layer.stride), pair(layer.padding)
        if isinstance(layer, nn.ConvTranspose2d):
            layer.padding = tuple(p + 4 * s for p, s in zip(padding, stride, strict=True))
            return layer(F.pad(x, (4, 4, 4, 4), value=self.value))
        dilation = pair(layer.dilation) if hasattr(layer, "dilation") else (1, 1)
        widths: list[int] = []
        for axis in (1, 0):
            reach = (shape[2 + axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
            widths += [padding[axis], reach - padding[axis] - x.shape[2 + axis]]
        layer.padding = (0, 0) if isinstance(layer, nn.Conv2d) else 0
        return layer(F.pad(x, widths, value=self.value))


def filled(module: nn.Module, value: float) -> nn.Module:
    """A copy of ``module`` with ``value`` beyond every border."""
    module = copy.deepcopy(module)
    for name, child in list(module.named_children()):
        windows = nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d | nn.AvgPool2d | nn.Upsample
        replaced = Filled(child, value) if isinstance(child, windows) else filled(child, value)
        setattr(module, name, replaced)
    return module


def changed(module: nn.Module, image: Tensor) -> np.ndarray:
    """Cells of the output that differ between two fillings, far above anything that is in the maps."""
    one, other = (filled(module, value)(image) for value in (1e3, 3e3))
    return ((one - other).abs() > 1e-6).any(1)[0].numpy()


def generic(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return module.double().eval()


def assert_reached(module: nn.Module, image: Tensor) -> np.ndarray:
    module = generic(module)
    graph = prepare(module, image).graph
    found = padding_reach(graph)[graph.layers[-1].name]
    with torch.no_grad():
        assert np.array_equal(found, changed(module, image))
    return found


@st.composite
def layers(draw: st.DrawFn) -> nn.Module:
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    kind = draw(st.sampled_from(["conv", "conv", "max", "average", "transposed"]))
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    if kind == "conv":
        return nn.Conv2d(2, 2, kernel, stride, padding, dilation=draw(st.integers(1, 2)))
    if kind == "transposed":
        return nn.ConvTranspose2d(2, 2, kernel, stride, padding)
    pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
    return pool(kernel, stride, padding, ceil_mode=draw(st.booleans()))


@settings(max_examples=120, deadline=None)
@given(st.lists(layers(), min_size=1, max_size=4))
def test_chains_of_any_windows(chain: list[nn.Module]) -> None:
    image = torch.rand(1, 2, 12, 13, dtype=torch.float64)
    module = nn.Sequential(*chain)
    try:
        module.double()(image)
    except RuntimeError:  # the map became smaller than a window
        return
    assert_reached(module, image)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 2, 3)
        self.narrow = nn.Conv2d(2, 2, 1)
        self.wide = nn.Conv2d(2, 2, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return torch.cat([self.narrow(x), self.wide(x)], 1)


def test_branches_join_by_their_union() -> None:
    reached = assert_reached(Branches(), torch.rand(1, 2, 14, 14, dtype=torch.float64))
    assert not reached[2:-2, 2:-2].any()
    assert reached[:2].all()


@pytest.mark.parametrize("scale", [2, 3])
def test_interpolation_repeats_what_is_at_the_edge(scale: int) -> None:
    image = torch.rand(1, 2, 9, 8, dtype=torch.float64)
    linear = nn.Upsample(scale_factor=scale, mode="bilinear")
    assert_reached(nn.Sequential(nn.Conv2d(2, 2, 3), linear), image)
    assert_reached(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Upsample(scale_factor=scale)), image)


def test_what_is_reached_spreads_with_depth() -> None:
    graph = prepare(ResidualNet(), torch.zeros(1, 3, 32, 32)).graph
    reached = padding_reach(graph)
    assert not reached["input"].any()
    shares = [reached[name].mean() for name in ("stem", "layer1.0.conv1", "layer1.0.add", "layer1.1.conv2")]
    assert shares == sorted(shares)
    # 16×16 cells, the first padded on its upper and left side, then one ring for each convolution.
    assert shares[0] == 1 - 15**2 / 16**2
    assert shares[-1] == 1 - 7**2 / 16**2
    assert reached["pool"].all()


def test_periodic_padding_holds_what_belongs_there() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), nn.MaxPool2d(2))
    graph = prepare(module, torch.zeros(1, 1, 8, 8)).graph
    assert not padding_reach(graph)["1"].any()
    assert padding_reach(graph, periodic=False)["1"].sum() == 16 - 4


def test_what_is_not_told_is_left_out() -> None:
    graph = prepare(ValueDependent(), torch.zeros(1, 1, 6, 6)).graph
    assert set(padding_reach(graph)) == {"input", "conv", "relu", "dark"}
    graph = prepare(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2)), torch.zeros(1, 1, 4, 4)).graph
    assert set(padding_reach(graph)) == {"input", "0"}
    assert not padding_reach(prepare(nn.Sequential(nn.Linear(5, 4)), torch.zeros(1, 5)).graph)
