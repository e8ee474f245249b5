import numpy as np
import pytest
import torch

from cnnviz.training.preparation import channel_statistics, to_network_input, to_unit_range


def test_bytes_become_fractions():
    images = np.frombuffer(bytes([0, 51, 255, 102]), np.uint8).reshape(1, 1, 2, 2)
    torch.testing.assert_close(to_unit_range(images), torch.tensor([[[[0, 0.2], [1, 0.4]]]]))


def test_mean_and_deviation_of_the_card_are_applied_per_channel(card):
    card = card.model_copy(update={"input_size": (2, 3, 3), "mean": (0.5, 0.1), "std": (0.25, 2.0)})
    images = torch.full((1, 2, 3, 3), 1.0)
    prepared = to_network_input(images, card)
    assert (prepared[0, 0] == 2).all()
    torch.testing.assert_close(prepared[0, 1], torch.full((3, 3), 0.45))


def test_images_are_brought_to_the_networks_size(card):
    ramp = torch.linspace(0, 1, 14).expand(1, 1, 14, 14)
    prepared = to_network_input(ramp, card)
    assert prepared.shape == (1, 1, 28, 28)
    between = (prepared[0, 0, 0, 1:-1] * 0.25 + 0.5).diff()
    torch.testing.assert_close(between, torch.full_like(between, 1 / 26))


def test_statistics_are_those_of_numpy():
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 7, 6), np.uint8)
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean(axis=(0, 2, 3)), atol=5e-5)
    np.testing.assert_allclose(std, (images / 255).std(axis=(0, 2, 3)), atol=5e-5)


def test_a_channel_of_one_value_can_be_divided_by_its_deviation():
    mean, std = channel_statistics(np.full((2, 1, 4, 4), 51, np.uint8))
    assert mean == (pytest.approx(0.2),)
    assert std == (1.0,)
