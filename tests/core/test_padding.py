"""Padding of any width, against NumPy's."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.core.choices import PADDING_WORDS
from cnnviz.core.padding import Pad2d, PaddedConv2d, pad, same_widths

NUMPY = {"zeros": "constant", "circular": "wrap", "reflect": "reflect", "replicate": "edge"}


@pytest.mark.parametrize("mode", PADDING_WORDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (6, 7)])
@pytest.mark.parametrize("widths", [((0, 0), (0, 0)), ((1, 2), (0, 3)), ((7, 4), (9, 5))])
def test_every_width_is_padded_as_numpy_does(mode, size, widths):
    maps = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = np.pad(maps.numpy(), ((0, 0), (0, 0), *widths), mode=NUMPY[mode])
    np.testing.assert_array_equal(pad(maps, widths, mode).numpy(), expected)


@pytest.mark.parametrize("mode", PADDING_WORDS)
def test_negative_widths_crop(mode):
    maps = torch.arange(30.0).reshape(1, 1, 5, 6)
    cropped = maps[:, :, 1:, :4]
    expected = np.pad(cropped.numpy(), ((0, 0), (0, 0), (0, 2), (1, 0)), mode=NUMPY[mode])
    np.testing.assert_array_equal(pad(maps, ((-1, 2), (1, -2)), mode).numpy(), expected)


def test_same_padding_is_that_of_torch():
    maps = torch.randn(1, 1, 9, 8, generator=torch.Generator().manual_seed(0))
    for kernel, dilation in [((3, 3), (1, 1)), ((4, 2), (1, 3)), ((5, 1), (2, 1))]:
        conv = nn.Conv2d(1, 1, kernel, dilation=dilation, padding="same", padding_mode="circular")
        own = PaddedConv2d(1, 1, kernel, dilation=dilation, padding_mode="circular")
        own.load_state_dict(conv.state_dict())
        own.widths = same_widths(kernel, dilation)
        torch.testing.assert_close(own(maps), conv(maps), rtol=0, atol=0)


def test_a_layer_of_padding_says_what_it_does():
    layer = Pad2d(((1, 2), (3, 4)), "reflect")
    maps = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(maps), nn.ReflectionPad2d((3, 4, 1, 2))(maps), rtol=0, atol=0)
    assert layer.layer_kind == "ReflectionPad2d"
    assert layer.layer_geometry.padding == ((1, 2), (3, 4))
