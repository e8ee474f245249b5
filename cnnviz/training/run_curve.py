"""The figures of a run so far, in bounded memory: what a plot of them is made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnviz.training.metrics import Divergence, EpochMetrics, RunEvent, StepMetrics

MOST_POINTS = 1000


class ThinnedSeries:
    """Values along a run; from ``most`` points on neighbours are averaged, two to one, as often as it takes."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._share = 1
        self._points: list[tuple[float, float]] = []
        self._open: list[tuple[float, float]] = []

    def __len__(self) -> int:
        return len(self._points) + bool(self._open)

    def add(self, x: float, y: float) -> None:
        """``x`` is beyond all before."""
        self._open.append((x, y))
        if len(self._open) < self._share:
            return
        self._points.append(_mean(self._open))
        self._open.clear()
        if len(self._points) >= self._most:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._points = [_mean([one, other]) for one, other in pairs]
            self._share *= 2

    def cut(self, x: float) -> None:
        """Forget what lies beyond ``x``."""
        self._points = [point for point in self._points if point[0] <= x]
        self._open = [point for point in self._open if point[0] <= x]

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places and values, ``(n,)`` each."""
        points = [*self._points, _mean(self._open)] if self._open else self._points
        table = np.array(points, np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]


class RunCurve:
    """Loss and accuracy by step and by epoch, and what was measured of gradients and updates."""

    def __init__(self) -> None:
        self.train_loss = ThinnedSeries()
        self.train_accuracy = ThinnedSeries()
        self.test_loss = ThinnedSeries()
        self.test_accuracy = ThinnedSeries()
        self.gradient_norm = ThinnedSeries()
        self.layer_gradients: dict[str, ThinnedSeries] = {}
        self.update_ratios: dict[str, ThinnedSeries] = {}
        self.divergences: list[Divergence] = []
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
        if event.gradient_norm is not None:
            self.gradient_norm.add(event.step, event.gradient_norm)
        for layer in event.layers:
            self.layer_gradients.setdefault(layer.name, ThinnedSeries()).add(event.step, layer.gradient_norm)
            self.update_ratios.setdefault(layer.name, ThinnedSeries()).add(event.step, layer.update_ratio)

    def _cut(self, step: int) -> None:
        alone = (self.train_loss, self.train_accuracy, self.test_loss, self.test_accuracy, self.gradient_norm)
        for series in (*alone, *self.layer_gradients.values(), *self.update_ratios.values()):
            series.cut(step)


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
