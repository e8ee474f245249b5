import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.data.labelled_images import LabelledImages
from cnnviz.nets.registry import build
from cnnviz.training.device_data import DeviceImages, TrainingData, epoch_order
from cnnviz.training.initialization import build_seeded
from cnnviz.training.losses import batch_loss
from cnnviz.training.metrics import Divergence, EpochMetrics, StepMetrics, TestProgress
from cnnviz.training.preparation import to_network_input, to_unit_range
from cnnviz.training.settings import SettingsError, checked_settings
from cnnviz.training.trainer import Trainer

PLAIN = {
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.01,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "seed": 3,
    "device": "cpu",
}


@pytest.fixture
def make(card, images):
    def trainer(module=None, data=None, **changes):
        module = module or build_seeded(card.architecture, card.config, 0)
        data = data or TrainingData(DeviceImages.of(images), DeviceImages.of(images), card)
        return Trainer(module, data, checked_settings(PLAIN | changes))

    return trainer


def events(trainer, kind=object):
    found = []
    while not trainer.over:
        event = trainer.advance()
        if isinstance(event, kind):
            found.append(event)
    return found


def equal(one, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.1), ("nesterov", 0.05), ("adamw", 0.01), ("rmsprop", 0.003)])
def test_training_learns_what_can_be_learnt(make, optimizer, rate, precision):
    trainer = make(epochs=8, optimizer=optimizer, learning_rate=rate, precision=precision)
    epochs = events(trainer, EpochMetrics)
    assert epochs[-1].test_accuracy == 1
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert trainer.card.test_accuracy == 1
    assert all(weights.dtype == torch.float32 for weights in trainer.weights().values())


@pytest.mark.parametrize("loss", ["binary-cross-entropy", "square-error-mean", "square-error-sum"])
def test_every_loss_is_made_small(make, loss):
    epochs = events(make(epochs=8, loss=loss), EpochMetrics)
    assert epochs[-1].test_accuracy == 1
    assert epochs[-1].test_loss < epochs[0].test_loss / 2


def test_a_step_is_that_of_a_plain_loop(make, card, images):
    trainer = make(optimizer="sgd", schedule="constant", weight_decay=0.0, learning_rate=0.1, label_smoothing=0.1)
    module = build_seeded(card.architecture, card.config, 0)
    order = epoch_order(3, 0, len(images)).numpy()
    for step in range(5):
        chosen = order[8 * step : 8 * step + 8]
        logits = module(to_network_input(to_unit_range(images.images[chosen]), card))
        labels = torch.from_numpy(images.labels[chosen])
        loss = batch_loss("cross-entropy", logits, labels, 0.1)
        gradients = torch.autograd.grad(loss, list(module.parameters()))
        with torch.no_grad():
            for weights, gradient in zip(module.parameters(), gradients, strict=True):
                weights -= 0.1 * gradient
        metrics = trainer.advance()
        assert metrics.loss == pytest.approx(loss.item(), rel=1e-5)
        assert metrics.accuracy == (logits.argmax(dim=1) == labels).double().mean().item()
    for name, weights in trainer.weights().items():
        torch.testing.assert_close(weights, module.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_curve_and_weights(make):
    changes = {"augmentations": ["affine", "thickness", "brightness"], "dropout": 0.3}
    weights, curves = [], []
    for seed in (3, 3, 4):
        trainer = make(**changes, seed=seed)
        curves.append([event.loss for event in events(trainer, StepMetrics)])
        weights.append(trainer.weights())
    assert curves[0] == curves[1]
    assert curves[0] != curves[2]
    assert equal(weights[0], weights[1])


def test_steps_and_epochs_are_counted_and_an_incomplete_batch_is_left_out(make):
    trainer = make(epochs=2, batch_size=12)
    assert trainer.total_steps == 6
    steps = events(trainer, StepMetrics)
    assert [(step.step, step.epoch, step.step_in_epoch) for step in steps] == [
        (1, 1, 1),
        (2, 1, 2),
        (3, 1, 3),
        (4, 2, 1),
        (5, 2, 2),
        (6, 2, 3),
    ]
    assert all((step.epochs, step.steps_per_epoch) == (2, 3) for step in steps)
    assert steps[-1].examples == 72
    assert (trainer.phase, trainer.step, trainer.epoch) == ("finished", 6, 2)
    assert trainer.advance() is None


def test_every_image_is_taken_once_an_epoch_and_in_another_order_in_the_next():
    first, second = epoch_order(1, 0, 50), epoch_order(1, 1, 50)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(50))
    assert first.tolist() != second.tolist()


def test_a_run_can_be_bounded_in_steps(make):
    trainer = make(epochs=100, steps=7, schedule="cosine")
    steps = events(trainer, StepMetrics)
    assert [step.learning_rate for step in steps] == pytest.approx(
        [0.005 * (1 + math.cos(math.pi * step / 7)) for step in range(7)]
    )
    assert trainer.history[-1].test_accuracy is not None
    assert trainer.phase == "finished"


def test_tests_come_when_they_are_wanted_and_in_chunks(make, card, images):
    many = images.subset(np.arange(600) % 40)
    data = TrainingData(DeviceImages.of(images), DeviceImages.of(many), card)
    trainer = make(data=data, epochs=5, test_every=2)
    found = events(trainer, (TestProgress, EpochMetrics))
    assert [event.epoch for event in found if isinstance(event, EpochMetrics) and event.test_loss is not None] == [
        2,
        4,
        5,
    ]
    assert [event.done for event in found if isinstance(event, TestProgress)] == [250, 500, 600] * 3


def test_the_figures_of_an_epoch_are_means_over_its_images(make, card, images):
    trainer = make(epochs=1, schedule="constant")
    steps = [trainer.advance() for _ in range(5)]
    epoch = events(trainer, EpochMetrics)[0]
    assert epoch.train_loss == pytest.approx(np.mean([step.loss for step in steps]), rel=1e-6)
    assert epoch.train_accuracy == pytest.approx(np.mean([step.accuracy for step in steps]))
    module = build(card.architecture, card.config)
    module.load_state_dict(trainer.weights())
    logits = module.eval()(to_network_input(to_unit_range(images.images), card))
    expected = batch_loss("cross-entropy", logits, torch.from_numpy(images.labels)).item()
    assert epoch.test_loss == pytest.approx(expected, rel=1e-5)


def test_measurements_are_those_of_brute_force(make):
    trainer = make(optimizer="sgd", schedule="constant", learning_rate=0.1, measure_every=2)
    first, none = trainer.advance(), trainer.advance()
    assert first.layers
    before = trainer.weights()
    third = trainer.advance()
    assert (third.layers, third.gradient_norm) == ((), None)
    before = trainer.weights()
    fourth = trainer.advance()
    after = trainer.weights()
    total = 0.0
    assert [layer.name for layer in fourth.layers] == ["conv1", "conv2", "fc1", "fc2"]
    for layer in fourth.layers:
        own = [f"{layer.name}.weight", f"{layer.name}.bias"]
        change = torch.cat([(after[name] - before[name]).flatten() for name in own]).norm().item()
        norm = torch.cat([before[name].flatten() for name in own]).norm().item()
        assert layer.weight_norm == pytest.approx(norm, rel=1e-5)
        assert layer.update_ratio == pytest.approx(change / norm, rel=1e-4)
        # Plain gradient descent, but for the decay of weights that the settings ask for.
        decay = 0.01 * 0.1 * before[own[0]]
        gradient = (
            torch.cat([(after[own[0]] - before[own[0]] + decay).flatten(), after[own[1]] - before[own[1]]])
            .norm()
            .item()
        )
        assert layer.gradient_norm == pytest.approx(gradient / 0.1, rel=1e-3)
        total += layer.gradient_norm**2
    assert fourth.gradient_norm == pytest.approx(math.sqrt(total), rel=1e-5)
    assert none.layers
    assert fourth.memory is None or fourth.memory > 1_000_000
    assert fourth.examples_per_second > 0


def test_dropout_comes_before_the_last_linear_layer_and_leaves_no_hook(make):
    trainer = make(dropout=0.9, optimizer="sgd", schedule="constant", learning_rate=1e-9)
    plain = make(optimizer="sgd", schedule="constant", learning_rate=1e-9)
    assert trainer.advance().loss != pytest.approx(plain.advance().loss, rel=1e-3)
    assert not any(layer._forward_pre_hooks for layer in trainer.module.modules())
    own = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(784, 2))
    other = make(module=own, dropout=0.6)
    other.advance()
    assert own[1].p == 0.2


def test_weight_decay_spares_biases(make, card):
    module = build_seeded(card.architecture, card.config, 0)
    nn.init.zeros_(module.fc2.weight)
    before = {name: weights.clone() for name, weights in module.state_dict().items()}
    trainer = make(module, epochs=1, optimizer="sgd", learning_rate=0.5, weight_decay=0.1, schedule="constant")
    trainer.advance()
    # The last layer is zero, so that no gradient reaches the first: only decay changes it.
    torch.testing.assert_close(module.conv1.bias, before["conv1.bias"])
    torch.testing.assert_close(module.conv1.weight, before["conv1.weight"] * 0.95)


def test_hyper_parameters_change_from_the_next_step(make):
    trainer = make(schedule="constant", epochs=4)
    assert trainer.advance().learning_rate == 0.01
    trainer.change(trainer.settings.changed({"learning_rate": 0.5, "optimizer": "momentum", "batch_size": 16}))
    metrics = trainer.advance()
    assert metrics.learning_rate == 0.5
    assert metrics.examples == 24
    trainer.change(trainer.settings.changed({"batch_size": 40}))
    events(trainer)
    assert trainer.step == 2 + 3
    trainer.change(trainer.settings.changed({"epochs": 5}))
    assert trainer.phase == "training"
    events(trainer)
    assert (trainer.epoch, trainer.step) == (5, 6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 9}, "The seed of a run cannot change; start another run"),
        ({"dataset": "mnist"}, "The dataset of a run cannot change"),
        ({"batch_size": 41}, "The batch size is 41, but there are only 40 images to train on; choose 40 or less"),
        ({"precision": "float16"}, "float16 needs a CUDA device"),
    ],
)
def test_a_change_that_cannot_be_leaves_the_run_as_it_was(make, changes, message):
    one, other = make(), make()
    one.advance()
    with pytest.raises(SettingsError, match=message):
        one.change(one.settings.changed(changes))
    events(one)
    events(other)
    assert equal(one.weights(), other.weights())


def test_batch_normalisation_of_one_image_is_refused(make):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.LazyLinear(2))
    module(torch.zeros(2, 1, 28, 28))
    with pytest.raises(SettingsError, match="needs two images or more in each step"):
        make(module, batch_size=1)


@pytest.mark.parametrize("at", [0, 2, 5, 6, 11])
def test_going_on_from_a_state_gives_the_same_bits(make, at):
    changes = {"augmentations": ["affine"], "dropout": 0.2, "optimizer": "nadam", "schedule": "halve-on-plateau"}
    whole = make(**changes)
    events(whole)
    first = make(**changes)
    for _ in range(at):
        first.advance()
    state = first.state()
    events(first)  # what the first does later is nothing to the second
    second = make(**changes | {"threads": 0})
    second.restore(state)
    events(second)
    assert equal(second.weights(), whole.weights())
    assert second.history == whole.history
    assert second.state().about == whole.state().about


@pytest.mark.parametrize(("rate", "reason"), [(1e20, "diverged in step"), (1e3, "diverged in step")])
def test_divergence_stops_with_the_reason_and_the_last_good_weights(make, rate, reason):
    trainer = make(optimizer="sgd", learning_rate=rate, schedule="constant")
    start = trainer.weights()
    (divergence,) = events(trainer, Divergence)
    assert reason in divergence.reason
    assert ("below 1,000." if rate == 1e3 else "below 1e+20.") in divergence.reason
    assert not divergence.goes_on
    assert trainer.phase == "diverged"
    assert equal(trainer.weights(), start)
    assert divergence.restored_step == 0
    trainer.change(trainer.settings.changed({"learning_rate": 0.05}))
    assert not events(trainer, Divergence)
    assert trainer.history[-1].test_accuracy > 0.9


def test_halving_goes_on_from_the_last_good_weights_until_it_learns(make):
    trainer = make(
        optimizer="sgd", learning_rate=1000.0, schedule="halve-on-divergence", schedule_factor=0.1, epochs=12
    )
    found = events(trainer, (Divergence, EpochMetrics))
    cuts = [event for event in found if isinstance(event, Divergence)]
    assert cuts
    assert all(event.goes_on for event in cuts)
    assert [event.learning_rate for event in cuts] == pytest.approx([1000 * 0.1 ** (n + 1) for n in range(len(cuts))])
    assert found[-1].test_accuracy == 1


def test_the_loss_of_an_epoch_is_that_of_the_steps_that_were_not_undone(make):
    trainer = make(optimizer="sgd", learning_rate=1000.0, schedule="halve-on-divergence", schedule_factor=0.1)
    steps, cut = [], False
    for event in events(trainer, (Divergence, StepMetrics, EpochMetrics)):
        if isinstance(event, Divergence):
            # the good weights have met the batch of one more step
            cut, steps = True, [step for step in steps if step.step <= event.restored_step + 1]
        elif isinstance(event, StepMetrics):
            steps.append(event)
        else:
            assert event.train_loss == pytest.approx(np.mean([step.loss for step in steps]))
            break
    assert cut


def test_weights_that_are_no_numbers_at_the_start_are_said(make, card):
    module = build_seeded(card.architecture, card.config, 0)
    nn.init.constant_(module.fc1.weight, float("nan"))
    (divergence,) = events(make(module), Divergence)
    assert "before any weight was changed" in divergence.reason


def test_one_step_at_a_time_is_the_same_run(make):
    one, other = make(), make()
    events(one)
    while not other.over:
        other.pause()
        other.advance()
        other.state()
    assert equal(one.weights(), other.weights())


def test_images_that_are_read_only_are_taken(card, images, make):
    pixels = images.images.copy()
    pixels.flags.writeable = False
    data = TrainingData(
        DeviceImages.of(replace(images, images=pixels)),
        DeviceImages.of(LabelledImages(pixels, images.labels, images.class_names)),
        card,
    )
    assert make(data=data).advance().loss > 0
