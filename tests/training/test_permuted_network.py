"""Images for a network of permuted pixels: against the data set that it learns from, and a shift before the order."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.data.labelled_images import LabelledImages
from cnnviz.data.pixel_order import permute_pixels
from cnnviz.training.permuted_network import permuted_images, taking_images_in_order


@pytest.fixture
def images():
    return torch.rand(3, 2, 6, 5, generator=torch.Generator().manual_seed(0))


def test_images_are_permuted_as_the_data_set_is(images):
    whole = (255 * images).byte()
    learned_from = permute_pixels(LabelledImages(whole.numpy(), np.zeros(3, np.int64), ("a", "b"))).images
    np.testing.assert_array_equal(permuted_images(whole.float(), (6, 5)).numpy(), learned_from)
    normalised = permuted_images((whole.float() - 90) / 60, (6, 5))
    np.testing.assert_allclose(normalised.numpy(), (learned_from - 90.0) / 60, rtol=1e-5, atol=1e-6)
    assert permuted_images(images, None) is images


def test_a_shift_comes_before_the_order(images):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * 6 * 5, 4))
    given = taking_images_in_order(network, (6, 5))
    moved = images.roll(1, 3)
    torch.testing.assert_close(given(moved), network(permuted_images(moved, (6, 5))))
    assert not torch.allclose(given(moved), network(permuted_images(images, (6, 5)).roll(1, 3)))
    assert taking_images_in_order(network, None) is network
