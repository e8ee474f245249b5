import itertools
import math

import pytest
import torch

from cnnviz.training.schedules import ScheduleState, after_divergence, after_epoch, share_of_largest
from cnnviz.training.settings import TrainingSettings

STEPS = 40


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def rates(schedule, optimizer, steps):
    """The learning rates that a schedule of torch's gives."""
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_constant_and_halving_keep_the_learning_rate():
    for name in ("constant", "halve-on-plateau", "halve-on-divergence"):
        assert {share_of_largest(TrainingSettings(schedule=name), step / 7, step) for step in range(8)} == {1.0}


def test_cosine_is_torchs():
    own = optimizer()
    expected = rates(torch.optim.lr_scheduler.CosineAnnealingLR(own, STEPS), own, STEPS)
    settings = TrainingSettings(schedule="cosine")
    assert [share_of_largest(settings, step / STEPS, 0) for step in range(STEPS)] == pytest.approx(expected)


def test_step_is_torchs():
    own = optimizer()
    expected = rates(torch.optim.lr_scheduler.StepLR(own, step_size=3, gamma=0.3), own, 12)
    settings = TrainingSettings(schedule="step", schedule_epochs=3, schedule_factor=0.3)
    assert [share_of_largest(settings, epoch / 12, epoch) for epoch in range(12)] == pytest.approx(expected)


def test_one_cycle_rises_in_a_line_and_falls_as_a_cosine():
    settings = TrainingSettings(schedule="one-cycle")
    shares = [share_of_largest(settings, step / STEPS, 0) for step in range(STEPS)]
    assert shares[0] == pytest.approx(0.04)
    assert shares[10] == 1 == max(shares)
    rise = [after - before for before, after in itertools.pairwise(shares[:11])]
    assert rise == pytest.approx([0.096] * 10)
    assert shares[10:] == pytest.approx([0.5 + 0.5 * math.cos(math.pi * step / 30) for step in range(30)])


def test_a_plateau_is_what_torch_takes_for_one():
    losses = [1.0, 0.8, 0.9, 0.85, 0.81, 0.82, 0.79, 0.79, 0.78999, 0.8, 0.9, 1.0, 0.7, 0.75, 0.75, 0.75, 0.75, 0.75]
    own = optimizer()
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(own, factor=0.5, patience=2)
    state = ScheduleState()
    settings = TrainingSettings(schedule="halve-on-plateau", schedule_epochs=2)
    for loss in losses:
        theirs.step(loss)
        state = after_epoch(state, settings, loss)
        assert state.scale == own.param_groups[0]["lr"]
    assert state.scale < 0.5


def test_only_its_own_schedule_is_cut_on_a_plateau():
    state = ScheduleState()
    for _ in range(20):
        state = after_epoch(state, TrainingSettings(schedule="constant"), 1.0)
    assert state.scale == 1


def test_each_divergence_cuts_by_the_factor():
    settings = TrainingSettings(schedule="halve-on-divergence", schedule_factor=0.25)
    assert after_divergence(after_divergence(ScheduleState(), settings), settings).scale == 0.0625
