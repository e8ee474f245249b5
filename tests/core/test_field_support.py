"""Fields by theory against the support of gradients, over graphs of every kind of layer."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnviz.core.receptive_field import receptive_field
from cnnviz.core.trace import prepare

from .gradient_support import assert_fields


@st.composite
def convolutions(draw: st.DrawFn, stride: bool = True) -> nn.Module:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    mode = draw(st.sampled_from(["zeros", "zeros", "replicate", "circular", "reflect"]))
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 2))) if stride else 1
    groups = draw(st.sampled_from([1, 2]))
    return nn.Conv2d(2, 2, kernel, strides, padding, dilation, groups, padding_mode=mode)


@st.composite
def poolings(draw: st.DrawFn) -> nn.Module:
    kernel = draw(st.integers(1, 3))
    return nn.AvgPool2d(
        kernel, draw(st.integers(1, 3)), draw(st.integers(0, kernel // 2)), ceil_mode=draw(st.booleans())
    )


paddings = st.tuples(*[st.integers(0, 2)] * 4).flatmap(
    lambda pad: st.sampled_from([nn.ZeroPad2d(pad), nn.ReplicationPad2d(pad), nn.CircularPad2d(pad)])
)


@settings(max_examples=80, deadline=None)
@given(st.lists(convolutions() | poolings() | paddings, min_size=1, max_size=4))
def test_chains_of_any_windows(layers: list[nn.Module]) -> None:
    module = nn.Sequential(*layers)
    image = torch.zeros(1, 2, 15, 13, dtype=torch.float64)
    try:
        module.double()(image)
    except RuntimeError:  # the map became smaller than a window
        return
    assert_fields(module, image)


class Branches(nn.Module):
    def __init__(self, one: nn.Module, other: nn.Module, join: str) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 2, 3, stride=2, padding=1)
        self.one, self.other, self.join = one, other, join

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if self.join == "cat":
            return torch.cat([self.one(x), self.other(x)], 1)
        if self.join == "gate":
            return self.one(x) + F.adaptive_avg_pool2d(x, 1)
        return self.one(x) + self.other(x)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([(1, 1), (3, 2), (5, 1), (2, 3)]),
    st.sampled_from([(1, 1), (3, 1), (2, 2)]),
    st.sampled_from(["cat", "add", "gate"]),
)
def test_branches_join_by_their_union(one: tuple[int, int], other: tuple[int, int], join: str) -> None:
    branches = [nn.Conv2d(2, 2, kernel, padding="same", dilation=dilation) for kernel, dilation in (one, other)]
    if join == "gate":
        branches[0] = nn.Conv2d(2, 2, 1)
    assert_fields(Branches(branches[0], branches[1], join), torch.zeros(1, 2, 13, 11, dtype=torch.float64))


@pytest.mark.parametrize(
    "head",
    [
        nn.AdaptiveAvgPool2d(1),
        nn.Sequential(nn.Flatten(), nn.Linear(32, 3)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 2, 1), nn.Flatten(), nn.Linear(2, 2), nn.Softplus()),
    ],
)
def test_heads_read_the_whole_map(head: nn.Module) -> None:
    # Four units per axis of size 3 and stride 3 leave the last pixels of 14 unread.
    module = nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), head)
    assert_fields(module, torch.zeros(1, 1, 14, 14, dtype=torch.float64))
    graph = prepare(module, torch.zeros(1, 1, 14, 14, dtype=torch.float64)).graph
    field = receptive_field(graph, graph.layers[-1].name)
    assert (field.size, field.stride, field.start) == ((12, 12), (0, 0), (0, 0))


def test_units_in_the_padding_have_no_field() -> None:
    padded = nn.Conv2d(1, 1, 1, padding=2)
    assert_fields(nn.Sequential(padded), torch.zeros(1, 1, 4, 3, dtype=torch.float64))
    assert_fields(nn.Sequential(padded, nn.AdaptiveAvgPool2d(1)), torch.zeros(1, 1, 4, 3, dtype=torch.float64))


@pytest.mark.parametrize("pad", [nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d, nn.ZeroPad2d])
def test_paddings_that_hold_other_pixels(pad: type[nn.Module]) -> None:
    module = nn.Sequential(pad((2, 1, 3, 0)), nn.Conv2d(1, 1, (1, 2)))
    assert_fields(module, torch.zeros(1, 1, 6, 5, dtype=torch.float64))
