import math
from dataclasses import replace

import pytest
import torch

from cnnviz.nets.registry import build
from cnnviz.training.evaluate import evaluate
from cnnviz.training.loop import TrainingDiverged, train
from cnnviz.training.recipes import Recipe

RECIPE = Recipe(epochs=3, batch_size=8, learning_rate=0.01, optimizer="adamw", weight_decay=0.01, seed=3)


def trained(card, images, recipe, seed=0):
    torch.manual_seed(seed)
    module = build(card.architecture, card.config)
    steps = []
    train(module, card, images, recipe, steps.append)
    return module, steps


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("optimizer", "learning_rate"), [("sgd", 0.05), ("adamw", 0.01)])
def test_training_learns_what_can_be_learnt(card, images, optimizer, learning_rate, precision):
    recipe = replace(RECIPE, epochs=6, optimizer=optimizer, learning_rate=learning_rate, precision=precision)
    module, steps = trained(card, images, recipe)
    assert evaluate(module, card, images).accuracy == 1
    assert steps[-1].loss < steps[0].loss / 2
    assert not module.training
    assert all(weights.is_contiguous() and weights.dtype == torch.float32 for weights in module.parameters())


def test_the_same_seed_gives_the_same_weights(card, images):
    recipe = replace(RECIPE, augmentations=("affine", "thickness", "brightness"))
    one, _ = trained(card, images, recipe)
    two, _ = trained(card, images, recipe)
    other, _ = trained(card, images, replace(recipe, seed=4))
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, two.state_dict()[name])
    assert not torch.equal(one.fc2.weight, other.fc2.weight)


def test_steps_are_counted_and_an_incomplete_batch_is_left_out(card, images):
    _, steps = trained(card, images, replace(RECIPE, epochs=2, batch_size=12))
    assert [(step.epoch, step.step, step.ends_epoch) for step in steps] == [
        (1, 1, False),
        (1, 2, False),
        (1, 3, True),
        (2, 1, False),
        (2, 2, False),
        (2, 3, True),
    ]
    assert all((step.epochs, step.steps) == (2, 3) for step in steps)


def test_a_batch_larger_than_the_data_set_is_all_of_it(card, images):
    _, steps = trained(card, images, replace(RECIPE, batch_size=1000))
    assert [step.step for step in steps] == [1, 1, 1]


def test_one_cycle_rises_for_a_quarter_and_falls_to_nothing(card, images):
    _, steps = trained(card, images, replace(RECIPE, epochs=8))
    rates = [step.learning_rate for step in steps]
    assert rates[0] == pytest.approx(0.04 * 0.01)
    assert rates.index(max(rates)) == 10
    assert max(rates) == pytest.approx(0.01)
    assert rates[-1] < 1e-4
    assert rates[:11] == sorted(rates[:11])


def test_cosine_falls_from_the_first_step(card, images):
    _, steps = trained(card, images, replace(RECIPE, epochs=2, schedule="cosine"))
    expected = [0.01 * (1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)]
    assert [step.learning_rate for step in steps] == pytest.approx(expected)


def test_weight_decay_spares_biases(card, images):
    # Without a gradient only decay changes weights: all labels are smoothed to what the network says already.
    torch.manual_seed(0)
    module = build(card.architecture, card.config)
    with torch.no_grad():
        module.fc2.weight.zero_()
        module.fc2.bias.zero_()
        before = {name: weights.clone() for name, weights in module.named_parameters()}
    recipe = Recipe(epochs=1, batch_size=10, learning_rate=0.5, weight_decay=0.1, label_smoothing=1.0)
    train(module, card, images, recipe)
    torch.testing.assert_close(module.conv1.bias, before["conv1.bias"])
    assert module.conv1.weight.norm() < 0.95 * before["conv1.weight"].norm()


def test_label_smoothing_raises_the_least_loss(card, images):
    _, plain = trained(card, images, replace(RECIPE, epochs=8))
    _, smooth = trained(card, images, replace(RECIPE, epochs=8, label_smoothing=0.2))
    # With two classes and smoothing 0.2 the best answer gives 0.9 to the right one.
    least = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert plain[-1].loss < 0.5 * least
    assert smooth[-1].loss >= least - 1e-4


def test_divergence_is_an_error_that_names_the_learning_rate(card, images):
    with pytest.raises(TrainingDiverged, match=r"diverged in epoch \d+, step \d+: .* below 1e\+20"):
        trained(card, images, replace(RECIPE, optimizer="sgd", learning_rate=1e20))
