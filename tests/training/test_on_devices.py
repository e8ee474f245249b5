"""Training on a device other than the CPU: the same curve, and nothing lost on the way from one to the other."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from cnnviz.training import learner
from cnnviz.training.checkpoints import load_checkpoint, save_checkpoint
from cnnviz.training.device_data import DeviceImages, TrainingData
from cnnviz.training.initialization import build_seeded
from cnnviz.training.metrics import StepMetrics
from cnnviz.training.settings import SettingsError, checked_settings
from cnnviz.training.trainer import Trainer

# What torch says of loading into its own ``meta``, whose name the device that is not there bears.
pytestmark = pytest.mark.filterwarnings("ignore:for .* which is a no-op:UserWarning")


@pytest.fixture
def make(card, images, device, monkeypatch):
    """A trainer on the CPU, or on the device by the name ``mps``, which is no machine's that has CUDA."""
    resolve = learner.resolve_device
    monkeypatch.setattr(learner, "resolve_device", lambda name: device if name == "mps" else resolve(name))

    def trainer(where, **changes):
        # Torch's fused optimisers know all devices but the one that is not there.
        settings = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "optimizer": "nadam", "device": where}
        data = TrainingData(DeviceImages.of(images), DeviceImages.of(images), card)
        return Trainer(build_seeded(card.architecture, card.config, 0), data, checked_settings(settings | changes))

    return trainer


def losses(trainer, steps=10_000):
    found = []
    while not trainer.over and trainer.step < steps:
        event = trainer.advance()
        if isinstance(event, StepMetrics):
            found.append(event.loss)
    return found


def mean_by_ten(values):
    return [sum(values[start : start + 10]) / 10 for start in range(0, len(values) - 9, 10)]


def test_the_curve_is_that_of_the_cpu_and_repeats(make, device):
    changes = {"augmentations": ["affine", "brightness"], "epochs": 2, "batch_size": 4}
    there = losses(make("mps", **changes))
    assert there == losses(make("mps", **changes))
    # Of an accelerator the loss is read every tenth step, as the mean since the last look, and where weights are kept.
    here = losses(make("cpu", **changes))
    assert there[-1] == pytest.approx(sum(here[-10:]) / 10, rel=0.05, abs=0.02)


def test_the_images_lie_on_the_device_as_bytes(make, device):
    trainer = make("mps")
    assert trainer._learner.data.train.images.device.type == device.type
    assert trainer._learner.data.train.images.dtype == torch.uint8


def test_a_run_moves_and_goes_on_where_it_was(make, device):
    whole = make("cpu")
    losses(whole)
    moving = make("cpu")
    losses(moving, 5)
    moving.change(moving.settings.changed({"device": "mps"}))
    assert moving.device.type == device.type
    losses(moving, 9)
    moving.change(moving.settings.changed({"device": "cpu"}))
    losses(moving)
    assert (moving.step, moving.phase) == (whole.step, "finished")
    for name, weights in whole.weights().items():
        torch.testing.assert_close(moving.weights()[name], weights, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("first", "then"), [("cpu", "mps"), ("mps", "cpu")])
def test_a_checkpoint_of_one_device_goes_on_on_the_other(make, card, tmp_path, first, then):
    begun = make(first)
    losses(begun, 7)
    save_checkpoint(tmp_path, begun.state(), card)
    going_on = make(then)
    going_on.restore(load_checkpoint(tmp_path))
    assert going_on.step == 7
    losses(begun)
    losses(going_on)
    for name, weights in begun.weights().items():
        torch.testing.assert_close(going_on.weights()[name], weights, rtol=1e-3, atol=1e-4)


def test_a_device_without_room_leaves_the_run_where_it_was(make, device, monkeypatch):
    trainer = make("cpu")
    losses(trainer, 5)
    weights = trainer.weights()
    to, moved = nn.Module.to, []

    def run_out(module, *arguments, **named):
        if arguments and arguments[0] == device:
            moved.append(to(module[0], device))  # a part has found room
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        return to(module, *arguments, **named)

    monkeypatch.setattr(nn.Module, "to", run_out)
    with pytest.raises(SettingsError, match="no room for the run; it goes on on cpu"):
        trainer.change(trainer.settings.changed({"device": "mps"}))
    assert moved
    assert (trainer.device.type, trainer.settings.device) == ("cpu", "cpu")
    assert all(torch.equal(now, weights[name]) for name, now in trainer.weights().items())
    losses(trainer)
    assert trainer.phase == "finished"


def test_little_comes_back_in_a_step(make, far):
    trainer = make("mps", measure_every=1000, test_every=0, batch_size=2, epochs=10)
    losses(trainer, 12)
    far.back.clear()
    while trainer.step < 31:
        trainer.advance()
    # The sums of loss and right answers, at the steps 20 and 30.
    assert [(each.dtype, each.shape) for each in far.back] == [(torch.float32, (2,))] * 2


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_mixed_precision_learns_and_goes_on(make, card, device, tmp_path, precision, channels_last):
    if device.type != "cuda":
        pytest.skip("mixed precision with scaled gradients is for CUDA")
    changes = {"precision": precision, "channels_last": channels_last, "optimizer": "adamw", "epochs": 8}
    trainer = make("cuda", **changes)
    losses(trainer, 6)
    save_checkpoint(tmp_path, trainer.state(), card)
    again = make("cuda", **changes)
    again.restore(load_checkpoint(tmp_path))
    assert again.state().about["scaler"] == trainer.state().about["scaler"]
    losses(trainer)
    losses(again)
    assert trainer.history[-1].test_accuracy == again.history[-1].test_accuracy == 1
    assert all(weights.dtype == torch.float32 for weights in trainer.weights().values())


@pytest.mark.gpu
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam"])
def test_every_optimiser_moves_with_what_it_remembers(make, device, optimizer):
    if "far_device" in sys.modules and device == sys.modules["far_device"].FAR:
        pytest.skip("torch's fused optimisers know no device that is not there")
    whole, moving = make("cpu", optimizer=optimizer), make("cpu", optimizer=optimizer)
    losses(whole, 12)
    for step, where in ((4, "mps"), (8, "cpu"), (12, "mps")):
        losses(moving, step)
        moving.change(moving.settings.changed({"device": where}))
    for name, weights in whole.weights().items():
        torch.testing.assert_close(moving.weights()[name], weights, rtol=1e-3, atol=1e-4)
