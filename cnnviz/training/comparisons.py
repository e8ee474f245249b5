"""Ready comparisons: runs that differ in one thing, each trained in seconds on one core, and what they show.

What they show was measured over several seeds; the figures are in ``tests/bench/README.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from cnnviz.core.choices import PoolingKind
from cnnviz.nets.layer_table import (
    ActivationRow,
    ConvolutionRow,
    FlattenRow,
    GlobalPoolingRow,
    LayerTable,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
    Row,
)
from cnnviz.nets.table_variants import with_normalisation, with_pooling, without_residual
from cnnviz.training.run_changes import network_of
from cnnviz.training.settings import TrainingSettings, checked_settings


@dataclass(frozen=True)
class Variant:
    """One run of a comparison, under the name that its curve has."""

    name: str
    settings: TrainingSettings


@dataclass(frozen=True)
class Comparison:
    """Runs that are trained in turn with one seed.

    Attributes
    ----------
    about
        What it asks, and what one will see.
    quantity, part
        Which curves show it.
    seconds
        That all runs together took on one core of a laptop, roughly.
    """

    id: str
    title: str
    about: str
    variants: tuple[Variant, ...]
    seconds: int
    quantity: Literal["loss", "accuracy"] = "loss"
    part: Literal["train", "test", "both"] = "both"


@lru_cache(maxsize=1)
def comparisons() -> tuple[Comparison, ...]:
    """All of them."""
    return tuple(make() for make in _MAKERS)


def _normalisation() -> Comparison:
    plain = _stack()
    tables = {
        "without": plain,
        "before ReLU": with_normalisation(plain, "batch", "before"),
        "after ReLU": with_normalisation(plain, "batch", "after"),
    }
    variants = [
        _variant(f"{name}, rate {rate:g}", table, epochs=8, learning_rate=rate, optimizer="sgd", schedule="constant")
        for rate in (0.03, 0.3)
        for name, table in tables.items()
    ]
    return Comparison(
        "normalisation",
        "Normalisation",
        "Batch normalisation before or after the activation, or none, at two learning rates: with it a network of six "
        "layers learns at once at either; without it, it stands still at the small one and stays behind at the large.",
        tuple(variants),
        seconds=6,
    )


def _residual() -> Comparison:
    def table(blocks: int) -> LayerTable:
        rows: list[Row] = [
            ConvolutionRow(name="conv1", channels=12, padding=(1, 1), bias=False),
            NormalisationRow(name="norm1"),
            ActivationRow(name="relu1"),
        ]
        rows += [ResidualRow(name=f"block{number}", channels=12) for number in range(1, blocks + 1)]
        return LayerTable(layers=(*rows, *_head()))

    made = {}
    for blocks in (3, 15):
        made[f"plain, {2 * blocks + 2} layers"] = without_residual(table(blocks))
        made[f"residual, {2 * blocks + 2} layers"] = table(blocks)
    variants = [_variant(name, each, epochs=8, learning_rate=3e-3, optimizer="adam") for name, each in made.items()]
    return Comparison(
        "residual",
        "Residual connections",
        "The same blocks with and without x + f(x), few and many: the deep plain network cannot even learn its "
        "training images; with the skips depth is a gain.",
        tuple(variants),
        seconds=20,
        part="train",
    )


def _place() -> Comparison:
    def table(*pooling: Row) -> LayerTable:
        rows: list[Row] = [
            ConvolutionRow(name="conv1", channels=8),
            ActivationRow(name="relu1"),
            ConvolutionRow(name="conv2", channels=16),
            ActivationRow(name="relu2"),
        ]
        return LayerTable(layers=(*rows, *pooling, FlattenRow(name="flatten"), LinearRow(name="fc", features=None)))

    def windows(size: int) -> PoolingRow:
        return PoolingRow(name="pool", window=(size, size), stride=(size, size))

    made = {
        "no pooling": table(),
        "2×2 windows": table(windows(2)),
        "4×4 windows": table(windows(4)),
        "8×8 windows": table(windows(8)),
        "one window over all": table(GlobalPoolingRow(name="pool", pooling="max")),
    }
    variants = [
        _variant(name, each, dataset="dots", epochs=8, learning_rate=3e-3, optimizer="adam")
        for name, each in made.items()
    ]
    return Comparison(
        "place",
        "When place matters",
        "In which cell of a grid does the dot lie? The larger the window of max pooling, the more of the place is "
        "lost: the error on the training images themselves rises.",
        tuple(variants),
        seconds=25,
        part="train",
    )


def _permuted() -> Comparison:
    dense = LayerTable(
        layers=(
            FlattenRow(name="flatten"),
            LinearRow(name="fc1", features=64),
            ActivationRow(name="relu1"),
            LinearRow(name="fc2", features=None),
        )
    )
    convolutional = LayerTable(
        layers=(
            *_stage(1, 16),
            *_stage(2, 32),
            FlattenRow(name="flatten"),
            LinearRow(name="fc", features=None),
        )
    )
    variants = [
        _variant(f"{name}{', permuted' if permuted else ''}", table, permute_pixels=permuted, **_SMALL)
        for name, table in (("dense", dense), ("convolutional", convolutional))
        for permuted in (False, True)
    ]
    return Comparison(
        "permuted",
        "Pixels permuted",
        "All images with their pixels in one other order: to a dense network that is the same task; a convolutional "
        "one, which rests on what lies side by side, loses its lead.",
        tuple(variants),
        seconds=8,
        part="test",
    )


def _pooling() -> Comparison:
    table = with_normalisation(LayerTable(layers=(*_stage(1, 12), *_stage(2, 24), *_stage(3, 32), *_head())))
    kinds: dict[str, PoolingKind] = {
        "maximum": "max",
        "strided convolution": "strided",
        "L2": "l2_mean",
        "average": "average",
    }
    variants = [
        _variant(name, with_pooling(table, kind), dataset="shapes", epochs=3, learning_rate=1e-2, optimizer="adam")
        for name, kind in kinds.items()
    ]
    return Comparison(
        "pooling",
        "Kinds of pooling",
        "The same network with four ways to make one number of a window, on coloured shapes: what counts is whether an "
        "edge is anywhere, which the maximum keeps and the average dilutes.",
        tuple(variants),
        seconds=35,
        quantity="accuracy",
        part="test",
    )


def _optimisers() -> Comparison:
    names = {"SGD": "sgd", "SGD with momentum": "momentum", "Adagrad": "adagrad", "RMSprop": "rmsprop", "Adam": "adam"}
    table = LayerTable(layers=(*_stage(1, 16), *_stage(2, 32), FlattenRow(name="flatten"), *_last()))
    variants = [
        _variant(name, table, epochs=10, learning_rate=3e-3, optimizer=optimizer, schedule="constant")
        for name, optimizer in names.items()
    ]
    return Comparison(
        "optimisers",
        "Optimisers",
        "Five ways to make a step of a gradient, all at one learning rate: SGD crawls, momentum and "
        "Adagrad arrive late, RMSprop and Adam, which scale each weight's step as they go, at once.",
        tuple(variants),
        seconds=8,
        part="train",
    )


def _regularisation() -> Comparison:
    table = LayerTable(
        layers=(
            FlattenRow(name="flatten"),
            LinearRow(name="fc1", features=256),
            ActivationRow(name="relu1"),
            LinearRow(name="fc2", features=None),
        )
    )
    changes: dict[str, dict[str, Any]] = {
        "none": {},
        "dropout 0.5": {"dropout": 0.5},
        "weight decay 1": {"weight_decay": 1.0},
    }
    usual: dict[str, Any] = {"epochs": 50, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "constant"}
    variants = [_variant(name, table, **{**usual, **change}) for name, change in changes.items()]
    return Comparison(
        "regularisation",
        "Regularisation",
        "A network that learns its few training images by heart, and two ways to keep it from that: the "
        "training loss is higher with either, the test loss lower.",
        tuple(variants),
        seconds=6,
    )


def _rates() -> Comparison:
    table = LayerTable(layers=(*_stage(1, 16), *_stage(2, 32), FlattenRow(name="flatten"), *_last()))
    variants = [
        _variant(f"rate {rate:g}", table, epochs=8, learning_rate=rate, optimizer="momentum", schedule="constant")
        for rate in (0.001, 0.01, 0.1, 1.0)
    ]
    return Comparison(
        "rates",
        "Learning rates",
        "From crawling to never settling: each ten times as large as the one before.",
        tuple(variants),
        seconds=6,
        part="train",
    )


_MAKERS: Sequence[Callable[[], Comparison]] = (
    _normalisation,
    _residual,
    _place,
    _permuted,
    _pooling,
    _optimisers,
    _rates,
    _regularisation,
)

_SMALL: dict[str, Any] = {"epochs": 20, "learning_rate": 3e-3, "optimizer": "adam"}


def _stage(number: int, channels: int) -> tuple[Row, ...]:
    """A 3×3 convolution, ReLU, 2×2 pooling."""
    return (
        ConvolutionRow(name=f"conv{number}", channels=channels, padding=(1, 1)),
        ActivationRow(name=f"relu{number}"),
        PoolingRow(name=f"pool{number}"),
    )


def _stack() -> LayerTable:
    """Five convolutions and a linear layer, without normalisation."""
    rows: list[Row] = []
    for number, channels in enumerate((12, 12, 24, 24, 24), 1):
        rows.append(ConvolutionRow(name=f"conv{number}", channels=channels, padding=(1, 1)))
        rows.append(ActivationRow(name=f"relu{number}"))
        if number == 2:
            rows.append(PoolingRow(name="pool"))
    return LayerTable(layers=(*rows, FlattenRow(name="flatten"), *_last()))


def _last() -> tuple[Row, ...]:
    return (LinearRow(name="fc", features=None),)


def _head() -> tuple[Row, ...]:
    return (GlobalPoolingRow(name="global_pool"), FlattenRow(name="flatten"), *_last())


_IMAGES = {"digits": 1438, "shapes": 6000, "dots": 3000}
_CHECKPOINTS = 12


def _variant(name: str, table: LayerTable, *, dataset: str = "digits", epochs: int, **fields: Any) -> Variant:
    steps = _IMAGES[dataset] // 64 * epochs
    whole = {"network": network_of(table), "dataset": dataset, "epochs": epochs, "batch_size": 64, **fields}
    return Variant(name, checked_settings({"save_every": max(steps // _CHECKPOINTS, 1), **whole}))
