"""The passes of many samples through a network up to one layer, in parts between which the window goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from cnnviz.engine.panel import Cancelled, ComputeCancelled

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.engine.observation import LoadedNetwork
    from cnnviz.panels.shared.labelled_samples import LabelledSamples

Maps = Literal["mean", "max", "every"]
Moments = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel, which an image is normalised with."""

MOST_UNITS = 512
"""Columns of the picture; where there are more units, so many of them are taken, evenly spread."""
AT_ONCE_S = 0.04
"""About what one batch may take."""
MOST_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Columns:
    """Which unit stands in each column.

    Attributes
    ----------
    channels : array (U,) of int
    cells : array (U, 2) of int, or None
        Row and column in its map; None where a column is a whole map, or a number of a vector.
    all : int
        How many units there are, of which these are taken.
    """

    channels: np.ndarray
    cells: np.ndarray | None
    all: int


class ActivationRun:
    """The activations of one layer for samples, in their order, as far as they are worked out.

    Parameters
    ----------
    maps : str
        What of a feature map is one column: its mean, its largest value, or every unit of it.
    """

    def __init__(
        self,
        network: LoadedNetwork,
        layer: str,
        moments: Moments,
        samples: LabelledSamples,
        maps: Maps,
    ) -> None:
        self.network, self.layer, self.samples, self.maps = network, layer, samples, maps
        self.moments = moments
        self.columns: Columns | None = None
        self._parts: list[np.ndarray] = []
        self._single = False
        self.done = 0

    @property
    def finished(self) -> bool:
        return self.done >= len(self.samples)

    @property
    def values(self) -> np.ndarray:
        """Activations (done, units), float32."""
        values: np.ndarray = self._all()[0]
        return values

    @property
    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest value of what each column stands for, both (done, units)."""
        return self._all()[1], self._all()[2]

    def _all(self) -> np.ndarray:
        if len(self._parts) > 1:
            self._parts[:] = [np.concatenate(self._parts, axis=1)]
        return self._parts[0] if self._parts else np.zeros((3, 0, 0), np.float32)

    @property
    def pace(self) -> float:
        """Seconds for one sample, as last measured for this network and layer; NaN before that."""
        return _paces.get(self._kind_of_pass(), float("nan"))

    def advance(self, count: int, cancelled: Cancelled) -> None:
        """Take the next ``count`` samples, or those that are left."""
        end = min(self.done + count, len(self.samples))
        while self.done < end:
            if cancelled():
                raise ComputeCancelled
            pace = self.pace
            batch = 4 if np.isnan(pace) else round(min(max(AT_ONCE_S / max(pace, 1e-6), 1), MOST_AT_ONCE))
            batch = 1 if self._single else min(batch, end - self.done)
            before = time.perf_counter()
            part = self._pass(slice(self.done, self.done + batch), cancelled)
            if self.done or batch > 1:
                _keep_pace(self._kind_of_pass(), (time.perf_counter() - before) / batch)
            self._parts.append(part)
            self.done += batch

    def _kind_of_pass(self) -> tuple[object, ...]:
        network = self.network
        return network.source, self.layer, str(network.device), network.changes

    def _pass(self, chosen: slice, cancelled: Cancelled) -> np.ndarray:
        import torch

        from cnnviz.core.trace import Cancelled as PassCancelled
        from cnnviz.panels.shared.labelled_samples import network_input

        images = network_input(self.samples.images[chosen], self.network, *self.moments)
        try:
            value = self.network.traced.output_of(self.layer, images, gradients=False, cancelled=cancelled)
            if value.shape[:1] != images.shape[:1]:
                raise ValueError(f"{self.layer} does not give one answer for each image; select another layer.")
        except PassCancelled:
            raise ComputeCancelled from None
        except (RuntimeError, ValueError) as error:
            if len(images) == 1 or isinstance(error, torch.OutOfMemoryError):
                raise
            self._single = True  # it takes no batches
            ones = [self._pass(slice(at, at + 1), cancelled) for at in range(chosen.start, chosen.start + len(images))]
            return np.concatenate(ones, axis=1)
        return self._reduced(value)

    def _reduced(self, value: Tensor) -> np.ndarray:
        """(3, n, units): what of each map is a column, its smallest and its largest value."""
        value = value.detach().float()
        count = len(value)
        maps = value.reshape(count, value.shape[1] if value.dim() > 1 else 1, -1)
        if self.columns is None:
            self.columns = _columns(tuple(value.shape[1:]), self.maps)
        columns = self.columns
        if columns.cells is not None:
            wide = value.shape[-1]
            taken = maps[:, columns.channels, columns.cells[:, 0] * wide + columns.cells[:, 1]]
            return np.broadcast_to(taken.cpu().numpy(), (3, *taken.shape))
        maps = maps[:, columns.channels]
        highs = maps.amax(dim=2)
        first = maps.mean(dim=2) if self.maps == "mean" else highs
        return np.stack([each.cpu().numpy() for each in (first, maps.amin(dim=2), highs)])


def _columns(shape: tuple[int, ...], maps: Maps) -> Columns:
    """For a layer's output of this shape without its first axis."""
    channels = shape[0] if shape else 1
    cells = int(np.prod(shape[1:], dtype=np.int64))
    every = maps == "every" and cells > 1
    whole = channels * cells if every else channels
    taken = np.arange(whole)
    if whole > MOST_UNITS:
        taken = np.linspace(0, whole - 1, MOST_UNITS).round().astype(np.int64)
    if not every:
        return Columns(taken, None, whole)
    places = taken % cells
    return Columns(taken // cells, np.stack([places // shape[-1], places % shape[-1]], 1), whole)


_paces: dict[tuple[object, ...], float] = {}


def _keep_pace(kind: tuple[object, ...], seconds: float) -> None:
    if kind not in _paces and len(_paces) >= 16:
        _paces.clear()
    _paces[kind] = seconds
