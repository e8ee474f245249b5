"""A good and a bad training side by side: what each goes wrong in is there with every seed, and only in the bad one."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.core.unit_statistics import UnitStatistics, on_threshold, unit_statistics
from cnnviz.training.good_and_bad import HIDDEN_UNITS, PAIRS
from cnnviz.training.side_by_side import HiddenUnits, SideBySide, start_alike

SEEDS = (0, 1, 2)


def trained(name: str, seed: int) -> list[tuple[HiddenUnits, UnitStatistics]]:
    pair = SideBySide(PAIRS[name], seed)
    while pair.advance(60):
        pass
    looks = [side.look() for side in pair.sides]
    return [(look, unit_statistics(look.activations, on_threshold(look.kind))) for look in looks]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_bare_sigmoids_ignore_the_input(seed):
    (good, of_good), (bad, of_bad) = trained("sigmoid", seed)
    assert good.accuracy > 0.95
    assert bad.accuracy < 0.3
    assert of_good.ignoring.sum() <= 3
    assert of_bad.ignoring.sum() >= 60
    assert of_bad.always_on.sum() >= 5
    assert of_good.mean_population_sparsity > 0.5 > 0.1 > of_bad.mean_population_sparsity
    assert of_good.variance.mean() > 1000 * of_bad.variance.mean()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_learning_rate_that_is_far_too_large_silences_units(seed):
    (good, of_good), (bad, of_bad) = trained("learning-rate", seed)
    assert good.accuracy > 0.95
    assert bad.accuracy < 0.3
    assert of_good.silent.sum() <= 16
    assert of_bad.silent.sum() >= 60
    assert of_good.dimension > 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_units_that_start_alike_stay_copies_of_one(seed):
    (good, of_good), (bad, of_bad) = trained("start", seed)
    assert good.accuracy > 0.95
    assert bad.accuracy < 0.6
    assert of_good.mean_correlation < 0.4
    assert of_bad.mean_correlation > 0.99
    assert of_good.dimension > 5
    assert of_bad.dimension == pytest.approx(1, abs=0.05)


def test_units_that_start_alike_are_copies_after_steps_too():
    pair = SideBySide(PAIRS["start"])
    for _ in range(4):
        pair.sides[0].step()
        pair.sides[1].step()
    looks = [side.look().activations for side in pair.sides]
    assert looks[0].shape == looks[1].shape == (359, HIDDEN_UNITS)
    np.testing.assert_allclose(looks[1], np.repeat(looks[1][:, :1], HIDDEN_UNITS, 1), rtol=1e-4, atol=1e-5)
    assert not np.allclose(looks[0], looks[0][:, :1], rtol=0.1)


def test_looking_reads_the_hidden_layer_and_does_not_change_the_training():
    one, other = SideBySide(PAIRS["sigmoid"], 3).sides[0], SideBySide(PAIRS["sigmoid"], 3).sides[0]
    for _ in range(3):
        one.step()
        other.step()
        look = one.look()
    for name, tensor in other.module.state_dict().items():
        assert torch.equal(tensor, one.module.state_dict()[name]), name
    assert (look.kind, look.step) == ("ReLU", 3)
    inputs, labels = one._data.test_batch(slice(0, 359), torch.device("cpu"))
    with torch.no_grad():
        logits = one.module.eval()(inputs)
        head = dict(one.module.named_children())["classes"]
        torch.testing.assert_close(head(torch.from_numpy(look.activations)), logits)
    assert look.accuracy == pytest.approx(float((logits.argmax(1) == labels).float().mean()))


def test_both_sides_go_on_at_one_pace_and_disturb_no_random_numbers():
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    pair = SideBySide(PAIRS["learning-rate"])
    assert pair.share == 0
    assert pair.advance(0)
    assert pair.advance(0)
    assert [side.trainer.step for side in pair.sides] == [1, 1]
    assert pair.share == pytest.approx(1 / pair.sides[0].trainer.total_steps)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()
    assert states[2] == random.getstate()


def test_every_pair_differs_in_what_its_titles_say_alone():
    for pair in PAIRS.values():
        good, bad = (recipe.settings.model_dump(exclude={"network"}) for recipe in (pair.good, pair.bad))
        differing = {name for name in good if good[name] != bad[name]}
        same_network = pair.good.settings.network == pair.bad.settings.network
        assert [bool(differing), not same_network, pair.good.start != pair.bad.start].count(True) == 1


def test_a_start_of_like_weights():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(5, 2))
    start_alike(module)
    assert module[0].weight.unique().tolist() == [pytest.approx(1 / 18)]
    assert module[2].weight.unique().tolist() == [pytest.approx(0.2)]
    assert not module[0].bias.any()
    assert module[1].weight.tolist() == [1, 1, 1]
