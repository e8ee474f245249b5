"""The ready comparisons: that each is what it says, and shows what it says."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.facts import DATA
from cnnviz.data.pixel_order import pixel_permutation
from cnnviz.training import comparisons as module
from cnnviz.training.comparisons import comparisons
from cnnviz.training.device_data import DeviceImages, TrainingData
from cnnviz.training.initialization import initialise
from cnnviz.training.metrics import StepMetrics
from cnnviz.training.network_start import blueprint, starting_module
from cnnviz.training.preparation import channel_statistics
from cnnviz.training.run_changes import differences
from cnnviz.training.settings import checked_settings
from cnnviz.training.start import load_images, prepare
from cnnviz.training.trainer import Trainer


def comparison(name):
    return next(each for each in comparisons() if each.id == name)


def test_every_comparison_has_runs_of_one_seed_that_differ_and_can_be_built():
    assert len({each.id for each in comparisons()}) == len(comparisons())
    for each in comparisons():
        settings = [variant.settings for variant in each.variants]
        assert len({variant.name for variant in each.variants}) == len(settings) > 2
        assert {one.seed for one in settings} == {0}
        assert len({one.dataset for one in settings}) == 1
        for one, other in pairwise(settings):
            assert differences(one, other), each.id
        for one in settings:
            facts = DATA[one.dataset]
            plan = blueprint(one.network).sized(*facts.shape[1:])
            starting_module(one.network, plan, facts.shape[0], facts.classes, one.seed)
            assert 5 <= facts.train_images // one.batch_size * one.epochs // one.save_every <= 25
    assert {name: DATA[name].train_images for name in module._IMAGES} == module._IMAGES


def dense_losses(permuted, columns):
    """Losses of the first 40 steps of a dense network whose first weights have their columns in this order."""
    settings = checked_settings(
        {
            "batch_size": 64,
            "steps": 40,
            "learning_rate": 0.01,
            "schedule": "constant",
            "optimizer": "adam",
            "device": "cpu",
        }
        | {"permute_pixels": permuted}
    )
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    initialise(network, 0)
    with torch.no_grad():
        network[1].weight.copy_(network[1].weight[:, columns])
    train, test = load_images(settings, (1, 8, 8))
    mean, std = channel_statistics(train.images)
    card = NetworkCard(
        architecture="dense",
        config={},
        labels=train.class_names,
        input_size=(1, 8, 8),
        mean=mean,
        std=std,
        dataset="digits",
    )
    trainer = Trainer(network, TrainingData(DeviceImages.of(train), DeviceImages.of(test), card), settings)
    events = []
    while not trainer.over:
        events.append(trainer.advance())
    return np.array([event.loss for event in events if isinstance(event, StepMetrics)])


def test_a_dense_network_whose_weights_are_permuted_alike_learns_permuted_pixels_as_the_others():
    order = torch.from_numpy(pixel_permutation(8, 8))
    natural = dense_losses(False, torch.arange(64))
    permuted = dense_losses(True, order)
    assert natural[-1] < natural[0] / 2
    np.testing.assert_allclose(permuted, natural, rtol=2e-4)
    assert np.abs(dense_losses(True, torch.arange(64)) - natural).max() > 0.01


def trained(name, seed=3):
    """Train loss, train accuracy, test loss and test accuracy at the end, by the runs' names."""
    found = {}
    for variant in comparison(name).variants:
        settings = variant.settings.changed({"seed": seed, "device": "cpu", "threads": 1})
        prepared = prepare(settings)
        trainer = Trainer(prepared.module, prepared.data, settings)
        while not trainer.over:
            trainer.advance()
        last = trainer.history[-1]
        found[variant.name] = last.train_loss, last.train_accuracy, last.test_loss, last.test_accuracy
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_normalisation_it_learns_at_once_at_either_rate():
    found = trained("normalisation")
    assert found["without, rate 0.03"][1] < 0.5
    assert found["without, rate 0.3"][0] > 3 * found["before ReLU, rate 0.3"][0]
    assert min(found[f"{place}, rate 0.03"][3] for place in ("before ReLU", "after ReLU")) > 0.93


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_depth_harms_the_plain_network_alone():
    found = trained("residual")
    assert found["plain, 32 layers"][0] > found["plain, 8 layers"][0] + 0.2
    assert found["residual, 32 layers"][0] < found["residual, 8 layers"][0]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_training_error_rises_with_the_window_of_pooling():
    losses = [loss for loss, *_ in trained("place").values()]
    assert losses == sorted(losses)
    assert losses[-1] > 1.5
    assert losses[0] < 0.01


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_permuted_pixels_cost_the_convolutional_network_alone():
    found = trained("permuted")
    assert found["convolutional, permuted"][2] > 1.2 * found["convolutional"][2]
    assert abs(found["dense, permuted"][2] / found["dense"][2] - 1) < 0.15


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_maximum_keeps_what_the_average_dilutes():
    found = trained("pooling")
    assert found["maximum"][3] > found["average"][3] + 0.05


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sgd_crawls_where_the_others_are_there_at_once():
    found = trained("optimisers")
    assert found["SGD"][0] > 1.5 > 0.8 > found["SGD with momentum"][0] > found["Adam"][0]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rates_go_from_crawling_to_standing_still():
    losses = [loss for loss, *_ in trained("rates").values()]
    assert losses[0] > losses[1] > losses[2] < losses[3]
    assert losses[0] > 1
    assert not losses[3] < 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_regularises_raises_the_training_loss_and_lowers_that_of_the_test_images():
    found = trained("regularisation")
    for name in ("dropout 0.5", "weight decay 1"):
        assert found[name][0] > 3 * found["none"][0]
        assert found[name][2] < found["none"][2]
