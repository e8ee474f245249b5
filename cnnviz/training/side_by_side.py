"""Trains a good and a bad network side by side, in small parts, and looks at their hidden units meanwhile."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.datasets import load_dataset
from cnnviz.training.good_and_bad import HIDDEN, Pair, Recipe
from cnnviz.training.metrics import Divergence
from cnnviz.training.start import prepare
from cnnviz.training.trainer import Trainer


@dataclass(frozen=True, eq=False)
class HiddenUnits:
    """What the hidden units of one side do for the test images, as far as it is trained.

    Attributes
    ----------
    activations : array (images, units)
    kind : str
        Class of the layer: the non-linearity.
    accuracy : float
        Share of the test images that is named rightly.
    step, steps : int
        Done, and planned.
    ended : str
        Why the training ended before; empty where it did not.
    """

    activations: NDArray[np.float32]
    kind: str
    accuracy: float
    step: int
    steps: int
    ended: str


class TrainedSide:
    """One network of a pair, on its way."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        settings = recipe.settings.changed({"seed": seed})
        prepared = prepare(settings)
        if recipe.start == "alike":
            start_alike(prepared.module)
        self.recipe = recipe
        self.trainer = Trainer(prepared.module, prepared.data, settings)
        self.images = prepared.data.test
        self._data = prepared.data
        self._ended = ""

    @property
    def module(self) -> nn.Module:
        return self.trainer.module

    @property
    def card(self) -> NetworkCard:
        return self.trainer.card

    def step(self) -> None:
        """Make the next step, if there is one."""
        event = self.trainer.advance()
        if isinstance(event, Divergence):
            self._ended = event.reason

    @torch.no_grad()
    def look(self) -> HiddenUnits:
        """The hidden units now, for all test images."""
        module = self.module.eval()
        inputs, labels = self._data.test_batch(slice(0, len(self.images)), torch.device("cpu"))
        value, hidden, kind = inputs, inputs, ""
        for name, layer in module.named_children():
            value = layer(value)
            if name.startswith(HIDDEN):
                hidden, kind = value, type(layer).__name__
        right = (value.argmax(dim=1) == labels) & value.isfinite().all(dim=1)
        return HiddenUnits(
            hidden.numpy().copy(),
            kind,
            float(right.float().mean()),
            self.trainer.step,
            self.trainer.total_steps,
            self._ended,
        )


class SideBySide:
    """A pair that is being trained, both sides at one pace, from the same seed.

    Random numbers that others draw are not disturbed.
    """

    def __init__(self, pair: Pair, seed: int = 0) -> None:
        with undisturbed():
            self.sides = TrainedSide(pair.good, seed), TrainedSide(pair.bad, seed)

    @property
    def over(self) -> bool:
        return all(side.trainer.over for side in self.sides)

    @property
    def share(self) -> float:
        """How much of the work is done, in [0, 1]."""
        if self.over:
            return 1.0
        shares = [1.0 if each.trainer.over else each.trainer.step / each.trainer.total_steps for each in self.sides]
        return sum(shares) / len(shares)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Classes of the test images."""
        return self.sides[0].images.labels.numpy()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The test images, (N, C, H, W)."""
        return self.sides[0].images.images.numpy()

    def advance(self, seconds: float) -> bool:
        """Train for so long; False when both are done."""
        end = time.monotonic() + seconds
        while not self.over:
            waiting = [side for side in self.sides if not side.trainer.over]
            min(waiting, key=lambda side: side.trainer.step).step()
            if time.monotonic() >= end:
                break
        return not self.over


class GettingReady:
    """Loads what the first training needs, some seconds of imports, on a thread of its own that ends by itself."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._load, name="cnnviz-getting-ready", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _load(self) -> None:
        load_dataset("digits", "test")
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)  # the first optimiser imports half of torch


@torch.no_grad()
def start_alike(module: nn.Module) -> None:
    """Give all weights of each convolution and linear layer one value, 1 ÷ the number of its inputs; biases are 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight: Tensor = layer.weight
            weight.fill_(1 / weight[0].numel())
            if layer.bias is not None:
                layer.bias.zero_()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the states of the global random numbers of torch, NumPy and Python back afterwards."""
    of_numpy, of_python = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(of_numpy)
        random.setstate(of_python)
