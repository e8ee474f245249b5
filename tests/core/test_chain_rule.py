"""The gradient of a weight written out, against autograd; the links upstream, against whole Jacobians."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnviz.core.backpropagation import backpropagate
from cnnviz.core.chain_rule import NoWeightSum, chain_links, weight_gradient
from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.network_edits import apply
from cnnviz.core.objective import Objective
from cnnviz.core.trace import prepare

from .networks import ResidualNet


def passed(module, images, *, keep_graph=False):
    module.eval()
    traced = prepare(module, images)

    def loss(output):
        return output.square().sum() if output.dim() > 2 else Objective()(output, torch.tensor([1]))

    return traced, backpropagate(traced, images, loss, keep_graph=keep_graph)


def every_weight_agrees(module, images, layer):
    traced, backward = passed(module, images)
    module.zero_grad()
    weight = module.get_submodule(layer).weight
    for flat in range(0, weight.numel(), max(1, weight.numel() // 40)):
        index = tuple(int(each) for each in torch.unravel_index(torch.tensor(flat), weight.shape))
        found = weight_gradient(traced, backward, layer, index)
        size = sum(float(each.products.abs().sum()) for each in found.sums)
        assert found.total == pytest.approx(found.autograd, abs=3e-6 * size + 1e-12)
        assert found.weight == float(weight.detach()[index])


@settings(max_examples=20, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.sampled_from([1, 2, 4]),
    mode=st.sampled_from(["zeros", "circular", "reflect", "replicate"]),
)
def test_every_convolution(kernel, stride, padding, dilation, groups, mode):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 8, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, padding_mode=mode)
    every_weight_agrees(nn.Sequential(conv, nn.ReLU()), torch.randn(1, 4, 9, 8), "0")


@settings(max_examples=20, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    extra=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.sampled_from([1, 2, 4]),
)
def test_every_transposed_convolution(kernel, stride, padding, extra, dilation, groups):
    torch.manual_seed(0)
    extra = tuple(min(more, max(s, d) - 1) for more, s, d in zip(extra, stride, dilation, strict=True))
    up = nn.ConvTranspose2d(4, 8, kernel, stride, padding, extra, groups, dilation=dilation)
    every_weight_agrees(nn.Sequential(up, nn.Tanh()), torch.randn(1, 4, 6, 5), "0")


def test_a_transposed_convolution_paints_from_every_input_and_what_is_cropped_counts_as_zero():
    images = torch.arange(1.0, 5).reshape(1, 1, 2, 2)
    traced, backward = passed(nn.Sequential(nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1), nn.Tanh()), images)
    delta = backward.gradients["0"][0, 0]
    assert delta.shape == (3, 3)
    (found,) = weight_gradient(traced, backward, "0", (0, 0, 0, 1)).sums
    # the upper row of inputs paints this weight above the map, the lower one into its second row
    assert found.inputs.tolist() == [[1, 2], [3, 4]]
    assert found.delta.tolist() == [[0, 0], [delta[1, 0], delta[1, 2]]]
    place = divmod(int((found.inputs * found.delta).abs().argmax()), 2)
    assert found.largest_unit() == (2 * place[0] - 1, 2 * place[1])


def test_a_transposed_convolution_of_one_axis():
    torch.manual_seed(0)
    module = nn.Sequential(nn.ConvTranspose1d(2, 4, 3, stride=2, padding=1, groups=2), nn.Flatten(), nn.Linear(36, 4))
    every_weight_agrees(module, torch.randn(1, 2, 5), "0")


def test_linear_layers_and_convolutions_of_one_axis():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv1d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(15, 4))
    every_weight_agrees(module, torch.randn(1, 2, 10), "0")
    every_weight_agrees(module, torch.randn(1, 2, 10), "3")


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.conv(torch.relu(self.conv(x))).mean((2, 3))


def test_a_layer_that_is_called_twice_has_a_sum_for_each_call():
    torch.manual_seed(0)
    module, images = Shared(), torch.randn(1, 2, 5, 5)
    every_weight_agrees(module, images, "conv")
    traced, backward = passed(module, images)
    found = weight_gradient(traced, backward, "conv", (0, 1, 2, 0))
    assert [each.layer for each in found.sums] == ["conv", "conv:2"]
    assert found.sums[0].total != pytest.approx(found.autograd)


def test_what_a_weight_meets_is_the_shifted_input_with_zeros_in_the_padding():
    images = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    traced, backward = passed(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Flatten(), nn.Linear(9, 2)), images)
    (found,) = weight_gradient(traced, backward, "0", (0, 0, 0, 2)).sums
    assert found.inputs.tolist() == [[0, 0, 0], [2, 3, 0], [5, 6, 0]]
    assert found.delta.shape == (3, 3)


def test_other_layers_say_so():
    traced, backward = passed(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten()), torch.randn(1, 1, 4, 4)
    )
    with pytest.raises(NoWeightSum, match="choose a convolution or linear layer"):
        weight_gradient(traced, backward, "1", (0,))
    with pytest.raises(IndexError):
        weight_gradient(traced, backward, "0", (0, 1, 0, 0))


def test_a_convolution_that_is_pooled_in_the_place_of_its_stride_says_so():
    images = torch.randn(1, 1, 9, 9)
    plain = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(32, 2))
    pooled = apply(plain.eval(), prepare(plain, images).graph, [SwapPooling("max")])
    traced, backward = passed(pooled, images)
    with pytest.raises(NoWeightSum, match="0 is pooled in the place of its stride; put the stride back to see"):
        weight_gradient(traced, backward, "0", (1, 0, 2, 2))
    every_weight_agrees(pooled, images, "2")
    # the sum of a strided convolution would be another one: what is refused is not what autograd has
    strided, below = passed(plain, images)
    assert weight_gradient(strided, below, "0", (1, 0, 2, 2)).total != pytest.approx(
        float(backward.weights["0.weight"][1, 0, 2, 2])
    )


class TwoWays(nn.Module):
    """A unit is read by a branch, by the shortcut, and the sum is multiplied by a gate that depends on it too."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.branch = nn.Conv2d(3, 3, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(3 * 9, 4)

    def forward(self, x):
        x = self.first(x)
        y = torch.relu(self.branch(x)) + x
        y = y * torch.sigmoid(x)
        return self.head(self.pool(y).flatten(1))


@pytest.mark.parametrize("make", [TwoWays, ResidualNet])
def test_the_links_add_up_and_are_those_of_the_jacobian(make):
    torch.manual_seed(2)
    module = make()
    images = torch.randn(1, 3 if make is ResidualNet else 1, *((12, 12) if make is ResidualNet else (6, 6)))
    traced, backward = passed(module, images, keep_graph=True)
    start = "stem" if make is ResidualNet else "first"
    largest = int(backward.gradients[start].abs().argmax())
    unit = tuple(int(i) for i in torch.unravel_index(torch.tensor(largest), backward.gradients[start].shape))[1:]
    links = list(chain_links(traced, backward, start, unit))
    assert links[0].layer == start
    assert links[-1].through == ()
    assert links[-1].layer == traced.graph.names[-1]
    for link, following in pairwise(links):
        assert link.total == pytest.approx(link.delta, rel=1e-4, abs=1e-8)
        assert (link.next_layer, link.next_unit) == (following.layer, following.unit)
        assert link.next_delta == pytest.approx(following.delta)
    assert max(len(link.through) for link in links) >= 2
    assert not any(value._backward_hooks for value in backward.attached.values())
    if make is TwoWays:
        by_name = {name: (count, total) for name, count, total in links[0].through}
        assert set(by_name) == {"branch", "add", "sigmoid"}
        # along the shortcut the derivative is 1, for one unit: what comes is δ of the sum itself
        assert by_name["add"][0] == 1
        assert by_name["add"][1] == pytest.approx(float(backward.gradients["add"][(0, *unit)]), rel=1e-5)
        kernel = module.branch.weight.detach()
        delta = torch.nn.functional.pad(backward.gradients["branch"], (1, 1, 1, 1))[0]
        row, column = unit[1:]
        around = delta[:, row : row + 3, column : column + 3].flip(1, 2)
        assert by_name["branch"][1] == pytest.approx(float((around * kernel[:, unit[0]]).sum()), rel=1e-4)
