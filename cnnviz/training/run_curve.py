"""The figures of a run so far, in bounded memory: what a plot of them is made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnviz.training.metrics import Divergence, EpochMetrics, RunEvent, StepMetrics

MOST_POINTS = 1000


class ThinnedSeries:
    """Values along a run; from ``most`` points on neighbours are averaged, two to one, as often as it takes."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._table = np.empty((most, 2))
        self._count = 0
        self._share = 1
        """Values in a point."""
        self._open: list[tuple[float, float]] = []
        self._sum_x = self._sum_y = 0.0
        """Of what is open."""

    def __len__(self) -> int:
        return self._count + bool(self._open)

    def add(self, x: float, y: float) -> None:
        """``x`` is beyond all before."""
        if self._share > 1:
            self._open.append((x, y))
            self._sum_x += x
            self._sum_y += y
            if len(self._open) < self._share:
                return
            x, y = self._mean_of_open()
            self._forget_open()
        self._table[self._count] = x, y
        self._count += 1
        if self._count == len(self._table):
            self._count //= 2
            self._table[: self._count] = self._table[: 2 * self._count].reshape(-1, 2, 2).mean(axis=1)
            self._share *= 2

    def cut(self, x: float) -> None:
        """Forget what lies beyond ``x``."""
        self._count = int(np.searchsorted(self._table[: self._count, 0], x, side="right"))
        kept = [point for point in self._open if point[0] <= x]
        self._forget_open()
        for point in kept:
            self.add(*point)

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places and values, ``(n,)`` each."""
        table = self._table[: self._count]
        table = np.vstack([table, self._mean_of_open()]) if self._open else table.copy()
        return table[:, 0], table[:, 1]

    def _mean_of_open(self) -> tuple[float, float]:
        return self._sum_x / len(self._open), self._sum_y / len(self._open)

    def _forget_open(self) -> None:
        self._open.clear()
        self._sum_x = self._sum_y = 0.0


class RunCurve:
    """Loss and accuracy by step and by epoch, and what was measured of gradients and updates."""

    def __init__(self) -> None:
        self.train_loss = ThinnedSeries()
        self.train_accuracy = ThinnedSeries()
        self.test_loss = ThinnedSeries()
        self.test_accuracy = ThinnedSeries()
        self.learning_rate = ThinnedSeries()
        """That each step was made with."""
        self.gradient_norm = ThinnedSeries()
        self.layer_gradients: dict[str, ThinnedSeries] = {}
        self.update_ratios: dict[str, ThinnedSeries] = {}
        self.divergences: list[Divergence] = []
        self.without_gradient: tuple[str, ...] = ()
        """Layers whose gradient was exactly 0 when it was last measured, and the time before."""
        self._zero_before: frozenset[str] = frozenset()
        self.last_step: StepMetrics | None = None
        self.last_test: EpochMetrics | None = None

    def add(self, event: RunEvent) -> None:
        """Take over what a run tells."""
        if isinstance(event, StepMetrics):
            self._add_step(event)
        elif isinstance(event, EpochMetrics) and event.test_loss is not None and event.test_accuracy is not None:
            self.test_loss.add(event.step, event.test_loss)
            self.test_accuracy.add(event.step, event.test_accuracy)
            self.last_test = event
        elif isinstance(event, Divergence):
            self.divergences.append(event)
            if event.goes_on:
                self._cut(event.restored_step)

    def _add_step(self, event: StepMetrics) -> None:
        self.last_step = event
        self.train_loss.add(event.step, event.loss)
        self.train_accuracy.add(event.step, event.accuracy)
        self.learning_rate.add(event.step, event.learning_rate)
        if event.gradient_norm is not None:
            self.gradient_norm.add(event.step, event.gradient_norm)
        for layer in event.layers:
            self.layer_gradients.setdefault(layer.name, ThinnedSeries()).add(event.step, layer.gradient_norm)
            self.update_ratios.setdefault(layer.name, ThinnedSeries()).add(event.step, layer.update_ratio)
        if event.layers:
            zero = [layer.name for layer in event.layers if layer.gradient_norm == 0]
            self.without_gradient = tuple(name for name in zero if name in self._zero_before)
            self._zero_before = frozenset(zero)

    def _cut(self, step: int) -> None:
        alone = (self.train_loss, self.train_accuracy, self.test_loss, self.test_accuracy)
        measured = (self.learning_rate, self.gradient_norm)
        for series in (*alone, *measured, *self.layer_gradients.values(), *self.update_ratios.values()):
            series.cut(step)
