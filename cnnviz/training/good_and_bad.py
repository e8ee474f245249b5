"""Pairs of a good and a bad training of one kind, small enough to be made while one waits; known without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from cnnviz.training.settings import TrainingSettings, checked_settings

PairName = Literal["sigmoid", "learning-rate", "start"]
Start = Literal["random", "alike"]

EPOCHS = 15
HIDDEN_UNITS = 64
HIDDEN = "hidden"
"""The linear layer whose units are looked at, once they have been normalised and gone through the non-linearity."""


@dataclass(frozen=True)
class Recipe:
    """One side of a pair.

    Attributes
    ----------
    title : str
        What is special about it, in a few words.
    settings : TrainingSettings
        Without the seed, which both sides get.
    start : str
        Weights drawn at random, or all weights of a layer alike.
    """

    title: str
    settings: TrainingSettings
    start: Start = "random"


@dataclass(frozen=True)
class Pair:
    """A good training and a bad one; ``words`` says what goes wrong in the bad one, and why."""

    title: str
    words: str
    good: Recipe
    bad: Recipe


def _layers(activation: str, *, normalised: bool) -> list[dict[str, Any]]:
    """Two convolutions with pooling and one hidden linear layer, for images of 8×8 and ten classes."""

    def row(name: str, kind: str, inputs: int, outputs: int, pooling: str = "none") -> list[dict[str, Any]]:
        window = {"kernel_size": [3, 3], "padding": [1, 1]} if kind == "conv" else {}
        after = {"activation": activation, "pooling": pooling}
        layer = {"name": name, "kind": kind, "inputs": inputs, "outputs": outputs, **window}
        if not normalised:
            return [layer | after]
        norm = {"name": f"{name}_norm", "kind": "batch_norm", "inputs": outputs, "outputs": outputs}
        return [layer, norm | after]

    return [
        *row("conv1", "conv", 1, 16, "max"),
        *row("conv2", "conv", 16, 32, "max"),
        *row(HIDDEN, "linear", 32 * 2 * 2, HIDDEN_UNITS),
        {"name": "classes", "kind": "linear", "inputs": HIDDEN_UNITS, "outputs": 10},
    ]


def _settings(layers: list[dict[str, Any]], **recipe: Any) -> TrainingSettings:
    return checked_settings(
        {
            "network": {"name": "chain", "config": {"layers": layers}, "input_size": (1, 8, 8)},
            "dataset": "digits",
            "epochs": EPOCHS,
            "batch_size": 64,
            "schedule": "constant",
            "device": "cpu",
            "save_every": 0,
            "test_every": 0,
            "measure_every": 1_000_000,
            **recipe,
        }
    )


_PLAIN = _layers("relu", normalised=False)
_NORMALISED = _layers("relu", normalised=True)
_SIGMOIDS = _layers("sigmoid", normalised=False)

PAIRS: Mapping[PairName, Pair] = MappingProxyType(
    {
        "sigmoid": Pair(
            "ReLU with normalisation, or bare sigmoids",
            "The gradient shrinks in every sigmoid on its way back, so that hardly any of it reaches the first layers: "
            "the hidden units keep saying the same, whatever the input is.",
            Recipe("ReLU, batch normalisation", _settings(_NORMALISED, optimizer="sgd", learning_rate=0.1)),
            Recipe("sigmoid, no normalisation", _settings(_SIGMOIDS, optimizer="sgd", learning_rate=0.1)),
        ),
        "learning-rate": Pair(
            "A learning rate that fits, or one far too large",
            "Steps that are too long throw the weights so far that unit after unit gives 0 for every input: "
            "no gradient comes through any more, and they stay silent.",
            Recipe("learning rate 0.05", _settings(_PLAIN, optimizer="momentum", learning_rate=0.05)),
            Recipe("learning rate 0.3", _settings(_PLAIN, optimizer="momentum", learning_rate=0.3)),
        ),
        "start": Pair(
            "A random start, or all weights alike",
            "Units that start with the same weights get the same gradient in every step: "
            "they stay copies of one unit, and the layer knows no more than that one.",
            Recipe("weights drawn at random", _settings(_NORMALISED, optimizer="sgd", learning_rate=0.1)),
            Recipe("all weights alike", _settings(_NORMALISED, optimizer="sgd", learning_rate=0.1), "alike"),
        ),
    }
)
