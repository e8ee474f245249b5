"""Chains stacked by hand, against networks of the same layers and their gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnviz.core.chain_growth import PRESETS, ChainTooLarge, Stage, chain_growth
from cnnviz.core.receptive_field import receptive_field
from cnnviz.core.trace import prepare


def sizes(name: str) -> list[int]:
    return [growth.size for growth in chain_growth(PRESETS[name].stages)]


def test_three_3x3_are_one_7x7_with_fewer_weights() -> None:
    three, one = (chain_growth(PRESETS[name].stages, 64)[-1] for name in ("three-3x3", "one-7x7"))
    assert three.size == one.size == 7
    assert (three.weights_so_far, one.weights_so_far) == (27 * 64**2, 49 * 64**2)
    assert three.weights_at_once == one.weights_so_far
    assert three.reaches_all
    # One way to the corner, and seven to the middle of each axis: 1 3 6 7 6 3 1.
    assert three.paths.tolist() == [1, 3, 6, 7, 6, 3, 1]


def test_dilations_that_double_reach_every_pixel_with_linear_weights() -> None:
    growths = chain_growth(PRESETS["dilated-1-2-4"].stages, 64)
    assert [growth.size for growth in growths] == [3, 7, 15]
    assert [growth.weights_so_far for growth in growths] == [9 * 64**2, 18 * 64**2, 27 * 64**2]
    assert [growth.pixels_reached for growth in growths] == [9, 49, 225]
    assert growths[-1].reaches_all


def test_equal_dilations_leave_a_grid() -> None:
    last = chain_growth(PRESETS["dilated-2-2-2"].stages)[-1]
    assert (last.size, last.pixels_reached, last.reaches_all) == (13, 49, False)
    assert last.reached.sum() == 49
    assert last.reached[::2, ::2].all()
    assert not last.reached[1::2].any()
    assert not last.reached[:, 1::2].any()


def test_presets_of_networks() -> None:
    assert sizes("vgg16")[-1] == 212
    assert [growth.stride for growth in chain_growth(PRESETS["vgg16"].stages)][-1] == 32
    assert sizes("lenet") == [5, 6, 14, 16]
    vgg = chain_growth(PRESETS["vgg16"].stages, 3)[-1]
    assert (vgg.channels, vgg.weights_so_far) == (512, 14_710_464)  # VGG-16's convolutions have 14,714,688 with biases
    assert chain_growth(PRESETS["dilated-1-2-5"].stages)[-1].reaches_all
    assert all(preset.title and preset.words for preset in PRESETS.values())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Stage,
            st.sampled_from(["conv", "pool"]),
            st.integers(1, 4),
            st.integers(1, 2),
            st.integers(1, 3),
            st.just(2),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_chain_is_as_its_network(stages: list[Stage]) -> None:
    layers: list[nn.Module] = []
    for index, stage in enumerate(stages):
        layer = nn.Conv2d(1 if index == 0 else 2, 2, stage.kernel_size, stage.stride, 0, stage.dilation, bias=False)
        nn.init.ones_(layer.weight)
        layers.append(layer)
    module = nn.Sequential(*layers).double()
    growth = chain_growth([Stage("conv", s.kernel_size, s.stride, s.dilation, 2) for s in stages], 1)[-1]
    assert growth.weights_so_far == sum(parameter.numel() for parameter in module.parameters())
    image = torch.zeros(1, 1, growth.size, growth.size, dtype=torch.float64, requires_grad=True)
    output = module(image)
    assert output.shape[2:] == (1, 1)
    (gradient,) = torch.autograd.grad(output[0, 0, 0, 0], image)
    ways = 2 ** (len(stages) - 1)  # channels multiply the ways between layers
    np.testing.assert_allclose(gradient[0, 0].numpy(), np.outer(growth.paths, growth.paths) * ways)
    np.testing.assert_array_equal(gradient[0, 0].numpy() != 0, growth.reached)
    field = receptive_field(prepare(module, image.detach()).graph, str(len(stages) - 1))
    assert (field.size, field.stride) == ((growth.size,) * 2, (growth.stride,) * 2)
    pooled = chain_growth(stages, 1)[-1]
    assert (pooled.size, pooled.stride) == (growth.size, growth.stride)
    assert pooled.weights_so_far <= growth.weights_so_far


def test_what_cannot_be_stacked_is_told() -> None:
    assert chain_growth([]) == ()
    with pytest.raises(ChainTooLarge, match="The kernel size is 0; it must be 1 or more"):
        Stage(kernel_size=0)
    with pytest.raises(ChainTooLarge, match=r"With layer 12 the field is 8,191 pixels wide; up to 4,096 are shown"):
        chain_growth([Stage(stride=2)] * 14)
