"""Filter pictures against the responses of torch's own layers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.filters import NoFilters, kernel_bank, linear_after_flatten


def test_colour_filters_undo_to_the_weights() -> None:
    weight = torch.randn(5, 3, 4, 6)
    for scale in ("shared", "own"):
        bank = kernel_bank(weight, "Conv2d", scale=scale)
        assert bank.form == "colour"
        assert bank.images.shape == (5, 4, 6, 3)
        each = bank.images.reshape(5, -1)
        assert each.min() == 0
        assert each.max() == 1
        if scale == "own":
            np.testing.assert_allclose(each.min(1), 0)
            np.testing.assert_allclose(each.max(1), 1)
        low, high = bank.low[:, None, None, None], bank.high[:, None, None, None]
        restored = torch.from_numpy(bank.images * (high - low) + low).permute(0, 3, 1, 2)
        torch.testing.assert_close(restored, weight)


def test_equal_weights_are_grey() -> None:
    bank = kernel_bank(torch.full((2, 3, 3, 3), 0.7), "Conv2d", scale="own")
    assert (bank.images == 0.5).all()


def test_a_tile_is_what_a_unit_impulse_meets_in_one_input_channel() -> None:
    conv = nn.Conv2d(4, 6, (3, 5), bias=False)
    bank = kernel_bank(conv.weight, "Conv2d", input_channel=2)
    assert bank.form == "tiles"
    assert bank.input_channels == 4
    impulse = torch.zeros(1, 4, 5, 9)
    impulse[0, 2, 2, 4] = 1
    with torch.no_grad():
        response = conv(impulse)[0].flip(-1, -2)  # a cross-correlation answers an impulse with the turned kernel
    np.testing.assert_allclose(bank.images, response, atol=1e-6)
    np.testing.assert_allclose(bank.low, response.amin((1, 2)), atol=1e-6)
    np.testing.assert_allclose(bank.norms, conv.weight.detach().square().sum((1, 2, 3)).sqrt(), rtol=1e-5)
    with pytest.raises(IndexError, match="there is no channel 4"):
        kernel_bank(conv.weight, "Conv2d", input_channel=4)


def test_without_a_channel_the_mean_is_shown() -> None:
    conv = nn.Conv2d(4, 6, 3, bias=False)
    bank = kernel_bank(conv.weight, "Conv2d")
    with torch.no_grad():
        impulse = F.pad(torch.full((1, 4, 1, 1), 0.25), (2, 2, 2, 2))
        np.testing.assert_allclose(bank.images, conv(impulse)[0].flip(-1, -2), atol=1e-6)
    assert bank.caption == "6 filters of 3×3: mean of 4 channels"


def test_colour_channels_one_by_one_and_depthwise_filters() -> None:
    weight = torch.randn(8, 3, 3, 3)
    np.testing.assert_array_equal(kernel_bank(weight, "Conv2d", 1).images, weight[:, 1])
    depthwise = nn.Conv2d(8, 8, 3, groups=8).weight
    bank = kernel_bank(depthwise, "Conv2d")
    assert bank.input_channels == 1
    np.testing.assert_array_equal(bank.images, depthwise.detach()[:, 0])
    assert bank.caption == "8 filters of 3×3: the only input channel"


def test_pointwise_and_linear_weights_are_a_matrix() -> None:
    conv = nn.Conv2d(5, 7, 1, bias=False)
    linear = nn.Linear(5, 7, bias=False)
    x = torch.randn(5)
    for layer, response in ((conv, conv(x.view(1, 5, 1, 1)).flatten()), (linear, linear(x))):
        bank = kernel_bank(layer.weight, type(layer).__name__)
        assert bank.form == "matrix"
        assert bank.images.shape == (1, 7, 5)
        np.testing.assert_allclose(bank.images[0] @ x.numpy(), response.detach(), atol=1e-5)
        np.testing.assert_allclose(bank.norms, np.linalg.norm(bank.images[0], axis=1), rtol=1e-5)


def test_transposed_filters_are_what_one_unit_paints() -> None:
    layer = nn.ConvTranspose2d(4, 3, 5, bias=False)
    unit = torch.zeros(1, 4, 1, 1)
    unit[0, 1] = 1
    with torch.no_grad():
        np.testing.assert_allclose(kernel_bank(layer.weight, "ConvTranspose2d", 1).images, layer(unit)[0], atol=1e-6)


def test_one_dimensional_filters_have_one_row() -> None:
    weight = torch.randn(4, 2, 9)
    np.testing.assert_array_equal(kernel_bank(weight, "Conv1d", 0).images, weight[:, 0][:, None])


def test_dead_filters() -> None:
    weight = torch.randn(6, 2, 3, 3)
    weight[4] = 0
    weight[1] *= 1e-9
    assert kernel_bank(weight, "Conv2d").dead.tolist() == [False, True, False, False, True, False]
    assert kernel_bank(weight * 1e-12, "Conv2d").dead.sum() == 2
    assert kernel_bank(torch.zeros(3, 2, 3, 3), "Conv2d").dead.all()


@pytest.mark.parametrize(
    ("shape", "kind", "why"),
    [
        ((4, 2, 3, 3, 3), "Conv3d", "three-dimensional"),
        ((8,), "BatchNorm2d", "BatchNorm2d has no filters"),
        ((0,), "ReLU", "ReLU has no weights"),
        ((4, 4), "Conv2d", r"shape \(4, 4\)"),
    ],
)
def test_layers_without_filters_say_so(shape: tuple[int, ...], kind: str, why: str) -> None:
    with pytest.raises(NoFilters, match=why):
        kernel_bank(torch.ones(shape), kind)


def test_a_linear_layer_over_maps_is_a_convolution_over_the_whole_map() -> None:
    linear = nn.Linear(4 * 3 * 5, 6)
    maps = torch.randn(1, 4, 3, 5)
    kernels = linear_after_flatten(linear.weight, (4, 3, 5))
    torch.testing.assert_close(F.conv2d(maps, kernels, linear.bias).flatten(), linear(maps.flatten(1))[0])
    with pytest.raises(NoFilters, match="do not read 4 maps of 3×4"):
        linear_after_flatten(linear.weight, (4, 3, 4))
