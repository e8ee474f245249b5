"""How the learning rate changes while training goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cnnviz.training.settings import TrainingSettings

WARM_UP_SHARE = 0.25
"""Of one cycle."""
START_SHARE = 0.04
"""Of the largest learning rate, at the first step of one cycle."""
LEAST_PROGRESS = 1e-4
"""Share by which the loss has to fall below the best one for an epoch to count as progress."""


@dataclass(frozen=True)
class ScheduleState:
    """What a schedule remembers; all else follows from how far the run is."""

    scale: float = 1.0
    """What halving has left of the learning rate."""
    best_loss: float = math.inf
    """Least loss of an epoch so far."""
    waiting: int = 0
    """Epochs since then, or since the last halving."""


def share_of_largest(settings: TrainingSettings, progress: float, epoch: int) -> float:
    """The share of the largest learning rate that the next step is taken with, what was halved apart.

    Parameters
    ----------
    progress
        Share of the run's steps that are done, in [0, 1].
    epoch
        Epochs that are done.
    """
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    if settings.schedule == "one-cycle":
        if progress < WARM_UP_SHARE:
            return START_SHARE + (1 - START_SHARE) * progress / WARM_UP_SHARE
        return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))
    if settings.schedule == "step":
        return settings.schedule_factor ** (epoch // settings.schedule_epochs)
    return 1.0


def after_epoch(state: ScheduleState, settings: TrainingSettings, loss: float) -> ScheduleState:
    """What is remembered after an epoch of this loss; on a plateau the learning rate is cut.

    A plateau is ``schedule_epochs`` epochs without progress, one after another.
    """
    if loss < state.best_loss * (1 - LEAST_PROGRESS):
        return replace(state, best_loss=loss, waiting=0)
    waiting = state.waiting + 1
    if settings.schedule == "halve-on-plateau" and waiting > settings.schedule_epochs:
        return replace(state, scale=state.scale * settings.schedule_factor, waiting=0)
    return replace(state, waiting=waiting)


def after_divergence(state: ScheduleState, settings: TrainingSettings) -> ScheduleState:
    """What is remembered once the last good weights have been put back: the learning rate is cut."""
    return replace(state, scale=state.scale * settings.schedule_factor)
