"""The trainer's own optimisers on a function of two numbers, step by step."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from cnnviz.training.choices import Optimizer
from cnnviz.training.divergence import GOOD_LOSS, MOST_CUTS, what_is_wrong
from cnnviz.training.optimizers import make_optimizer, set_learning_rate
from cnnviz.training.settings import TrainingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pair = tuple[float, float]
LossAndGradient = Callable[[float, float, int], tuple[float, Pair]]
"""Of a place and the number of the step from there: the loss that counts, and the gradient that the step is told."""

GOOD_EVERY = 10
"""Steps between two looks at which place is kept as the last good one: paths are shorter than runs."""


class _Place(nn.Module):
    """Two numbers as a network's weights; of two dimensions, as a matrix is."""

    def __init__(self, start: Pair) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor([start], dtype=torch.float64))
        self.numbers.grad = torch.zeros_like(self.numbers)


@dataclass(frozen=True, eq=False)
class Descent:
    """
    Attributes
    ----------
    points : array of float (steps + 1, 2)
        The places after each step; where the path was taken back, NaN stands in the place that was out of bounds.
    losses : array of float (steps + 1,)
        There.
    rates : array of float (steps,)
        The learning rate of each step.
    diverged : int or None
        After how many steps the loss left all bounds for good, as it does in training.
    cuts : tuple of int
        After which steps the path was taken back to its last good place, and the rate was halved.
    """

    optimizer: Optimizer
    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    rates: NDArray[np.float64]
    diverged: int | None
    cuts: tuple[int, ...]


class ToldDescender:
    """One optimiser on its way; the very one that a training run with ``settings`` has.

    It is told the loss and the gradient of every place that it asks about, so that they may be worked out bit by bit.

    Parameters
    ----------
    settings : TrainingSettings
        Optimiser, learning rate and momentum; with the schedule ``halve-on-divergence`` a path that diverges goes on
        from its last good place with half the rate.
    floor : float
        The least loss that there is; what is above it counts.
    """

    def __init__(self, start: Pair, settings: TrainingSettings, *, floor: float = 0.0) -> None:
        self._settings, self._floor = settings, floor
        self._place = _Place(start)
        self._optimizer = make_optimizer(self._place, settings)
        self._rate = settings.learning_rate
        self._points, self._losses, self._rates = list[Pair](), list[float](), list[float]()
        self._reference = math.inf
        self._gradient: Pair = (0.0, 0.0)
        self._cuts: list[int] = []
        self.asks: Pair | None = start
        """The place whose loss and gradient are wanted; None where a step is to be taken."""
        self.diverged: int | None = None
        self._good = self._kept()

    @property
    def steps(self) -> int:
        """Steps done, those whose loss is known."""
        return max(len(self._points) - 1, 0)

    @property
    def begun(self) -> bool:
        """Whether the loss at the start is known."""
        return bool(self._points)

    def step(self) -> None:
        """Take a step: it asks about the place where that leads, unless that is out of all bounds."""
        numbers = self._place.numbers
        assert numbers.grad is not None
        numbers.grad.copy_(torch.tensor([self._gradient], dtype=torch.float64))
        set_learning_rate(self._optimizer, self._rate)
        self._optimizer.step()
        self._rates.append(self._rate)
        x, y = numbers.detach()[0].tolist()
        self.asks = (x, y)
        if not (math.isfinite(x) and math.isfinite(y)):
            self.tell(math.inf, self._gradient)

    def tell(self, loss: float, gradient: Pair) -> None:
        """Loss and gradient of the place that was asked about."""
        place, self.asks = self.asks, None
        assert place is not None
        self._gradient = gradient
        above = loss - self._floor
        if not self._points:
            self._points, self._losses = [place], [loss]
            self._reference = max(above, 1e-12)
            self._good = self._kept()
            return
        number = len(self._points)
        if what_is_wrong(above, self._reference, number, self._rate):
            self._take_back(number, loss)
            return
        self._points.append(place)
        self._losses.append(loss)
        if number % GOOD_EVERY == 0 and above <= GOOD_LOSS * self._reference:
            self._good = self._kept()

    def descent(self) -> Descent:
        """The path so far."""
        return Descent(
            self._settings.optimizer,
            np.array(self._points),
            np.array(self._losses),
            np.array(self._rates[: self.steps]),
            self.diverged,
            tuple(self._cuts),
        )

    def _take_back(self, number: int, loss: float) -> None:
        self._points.append((math.nan, math.nan))
        self._losses.append(loss if math.isfinite(loss) else math.nan)
        if self._settings.schedule != "halve-on-divergence" or len(self._cuts) == MOST_CUTS:
            self.diverged = number
            return
        self._cuts.append(number)
        self._rate *= self._settings.schedule_factor
        numbers, state, self._gradient = self._good
        with torch.no_grad():
            self._place.numbers.copy_(numbers)
        self._optimizer.load_state_dict(copy.deepcopy(state))

    def _kept(self) -> tuple[torch.Tensor, dict[str, object], Pair]:
        return self._place.numbers.detach().clone(), copy.deepcopy(self._optimizer.state_dict()), self._gradient


class Descender(ToldDescender):
    """One that tells itself.

    Parameters
    ----------
    function : callable
        Gives the loss and the gradient at a place.
    start, settings, floor
        As of :class:`ToldDescender`.
    """

    def __init__(
        self, function: LossAndGradient, start: Pair, settings: TrainingSettings, *, floor: float = 0.0
    ) -> None:
        super().__init__(start, settings, floor=floor)
        self._function = function
        self.tell(*function(*start, 0))

    def advance(self, steps: int) -> None:
        """Take so many steps more; none where the path has diverged."""
        for _ in range(steps):
            if self.diverged is not None:
                return
            self.step()
            if self.asks is not None:
                self.tell(*self._function(*self.asks, self.steps + 1))
