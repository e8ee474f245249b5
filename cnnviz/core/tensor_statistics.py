"""What a table says of a tensor's values, added up part by part."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# values that are turned to double precision at a time: both copies stay in the processor's cache
_PART = 2**16


@dataclass(frozen=True)
class TensorStatistics:
    """Of the finite values; ``zeros`` and ``not_finite`` count values; ``std`` is not that of a sample."""

    norm: float
    mean: float
    std: float
    zeros: int
    not_finite: int


class RunningStatistics:
    """The statistics of the values so far, in double precision, without a copy of them all.

    Notes
    -----
    Parts are joined as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances", 1979.
    """

    def __init__(self) -> None:
        self._count = self._zeros = self._not_finite = 0
        self._squares = self._mean = self._deviations = 0.0

    def add(self, values: Tensor) -> None:
        """Take further values into account: of one dimension, real, of any type."""
        for part in torch.split(values, _PART):
            self._add(part.to(torch.float64))

    def _add(self, part: Tensor) -> None:
        self._zeros += len(part) - int(torch.count_nonzero(part))
        squares = float(torch.dot(part, part))
        if not math.isfinite(squares):
            finite = part[torch.isfinite(part)]
            self._not_finite += len(part) - len(finite)
            part = finite
            squares = float(torch.dot(part, part))
        size = len(part)
        if not size:
            return
        mean = float(part.mean())
        part = part - mean
        between = mean - self._mean
        self._squares += squares
        self._deviations += float(torch.dot(part, part)) + between**2 * self._count * size / (self._count + size)
        self._count += size
        self._mean += between * size / self._count

    @property
    def statistics(self) -> TensorStatistics:
        std = math.sqrt(self._deviations / max(self._count, 1))
        return TensorStatistics(math.sqrt(self._squares), self._mean, std, self._zeros, self._not_finite)


def real_values(tensor: Tensor) -> Tensor:
    """The values in one dimension; of complex ones their magnitudes."""
    return (tensor.abs() if tensor.is_complex() else tensor).reshape(-1)


def describe(tensor: Tensor) -> TensorStatistics:
    """The statistics of a whole tensor."""
    running = RunningStatistics()
    running.add(real_values(tensor))
    return running.statistics
