"""Tables to start from, each small enough to be trained on two cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

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
from cnnviz.nets.table_variants import without_residual

OF_MNIST = (28, 28)
"""To which images are brought for tables that would make nothing of the 8×8 pixels of ``digits``."""


@dataclass(frozen=True)
class TablePreset:
    """A table worth starting from.

    Attributes
    ----------
    title : str
    words : str
        What it is, and where it is from.
    """

    title: str
    words: str
    table: LayerTable


def _lenet() -> LayerTable:
    return LayerTable(
        layers=(
            *_stage(1, 16, kernel=5, padding=2),
            *_stage(2, 32, kernel=5, padding=2),
            FlattenRow(name="flatten"),
            LinearRow(name="fc1", features=64),
            ActivationRow(name="relu3"),
            LinearRow(name="fc2", features=None),
        )
    )


def _worked_count() -> LayerTable:
    return LayerTable(
        height_width=OF_MNIST,
        layers=(
            *_stage(1, 25),
            *_stage(2, 50),
            FlattenRow(name="flatten"),
            LinearRow(name="fc1", features=100),
            ActivationRow(name="relu3"),
            LinearRow(name="fc2", features=None),
        ),
    )


def _cifar_net() -> LayerTable:
    return LayerTable(
        layers=(
            *_stage(1, 24, kernel=7, padding=3, normalised=True),
            *_stage(2, 48, padding=1, normalised=True),
            ResidualRow(name="block3", channels=48),
            *_stage(4, 80, padding=1, normalised=True),
            ResidualRow(name="block5", channels=80),
            *_head(),
        )
    )


def _tiny_vgg() -> LayerTable:
    layers: list[Row] = []
    for stage in (1, 2):
        for place in (1, 2):
            layers.append(ConvolutionRow(name=f"conv_{stage}_{place}", channels=10))
            layers.append(ActivationRow(name=f"relu_{stage}_{place}"))
        layers.append(PoolingRow(name=f"max_pool_{stage}"))
    layers += [FlattenRow(name="flatten"), LinearRow(name="output", features=None)]
    return LayerTable(layers=tuple(layers), height_width=OF_MNIST)


def _residual(first: int, block: Callable[[int], Mapping[str, object]]) -> LayerTable:
    """Three stages of three blocks, each of half the size of the one before; ``block`` says what one of a stage has."""
    layers: list[Row] = [
        ConvolutionRow(name="conv1", channels=first, padding=(1, 1), bias=False),
        NormalisationRow(name="norm1"),
        ActivationRow(name="relu1"),
    ]
    for stage in (1, 2, 3):
        for place in (1, 2, 3):
            stride = 2 if stage > 1 and place == 1 else 1
            row = {"name": f"block{stage}_{place}", "stride": stride, **block(4 << stage)}
            layers.append(ResidualRow.model_validate(row))
    return LayerTable(layers=(*layers, *_head()))


def _residual_20() -> LayerTable:
    return _residual(8, lambda maps: {"channels": maps})


def _bottleneck_29() -> LayerTable:
    return _residual(16, lambda inner: {"form": "bottleneck", "inner": inner, "channels": 4 * inner})


def _perceptron() -> LayerTable:
    return LayerTable(
        layers=(
            FlattenRow(name="flatten"),
            LinearRow(name="fc1", features=128),
            ActivationRow(name="relu1"),
            LinearRow(name="fc2", features=None),
        )
    )


def _all_convolutional() -> LayerTable:
    layers: list[Row] = []
    for number, (channels, stride) in enumerate(((16, 1), (16, 2), (32, 1), (32, 2)), 1):
        layers += [
            ConvolutionRow(name=f"conv{number}", channels=channels, stride=(stride, stride), padding=(1, 1)),
            ActivationRow(name=f"relu{number}"),
        ]
    layers += [
        ConvolutionRow(name="conv5", channels=None, kernel_size=(1, 1)),
        GlobalPoolingRow(name="global_pool"),
        FlattenRow(name="flatten"),
    ]
    return LayerTable(layers=tuple(layers))


def _stage(
    number: int,
    channels: int,
    *,
    kernel: int = 3,
    padding: int = 0,
    normalised: bool = False,
) -> tuple[Row, ...]:
    """A convolution, normalisation where that is asked for, ReLU, 2×2 pooling."""
    convolution = ConvolutionRow(
        name=f"conv{number}",
        channels=channels,
        kernel_size=(kernel, kernel),
        padding=(padding, padding),
        bias=not normalised,
    )
    norm = (NormalisationRow(name=f"norm{number}"),) if normalised else ()
    activation = ActivationRow(name=f"relu{number}")
    return (convolution, *norm, activation, PoolingRow(name=f"pool{number}"))


def _head() -> tuple[Row, ...]:
    return (GlobalPoolingRow(name="global_pool"), FlattenRow(name="flatten"), LinearRow(name="fc", features=None))


TABLE_PRESETS: Mapping[str, TablePreset] = MappingProxyType(
    {
        "lenet": TablePreset(
            "LeNet", "Two 5×5 convolutions with pooling, two linear layers (LeCun et al. 1998, with ReLU).", _lenet()
        ),
        "worked-count": TablePreset(
            "Worked count",
            "1×28×28 → 25×26×26 → 25×13×13 → 50×11×11 → 50×5×5 → 1,250 → 100 → 10: 9 and 225 weights a filter.",
            _worked_count(),
        ),
        "tiny-vgg": TablePreset(
            "Tiny VGG", "Four 3×3 convolutions of ten maps, pooling after every second (CNN Explainer).", _tiny_vgg()
        ),
        "cifar-net": TablePreset(
            "CIFAR net", "A 7×7 first layer, normalisation, two residual blocks, global average pooling.", _cifar_net()
        ),
        "residual-20": TablePreset(
            "Residual, 20 layers", "Nine residual blocks of 8, 16 and 32 maps (He et al. 2015).", _residual_20()
        ),
        "plain-20": TablePreset(
            "Plain, 20 layers", "The same without its skips: deeper is not easier.", without_residual(_residual_20())
        ),
        "bottleneck-29": TablePreset(
            "Bottleneck, 29 layers",
            "Nine blocks of 1×1, 3×3 and 1×1 convolutions, as ResNet-50 has them (He et al. 2015).",
            _bottleneck_29(),
        ),
        "all-convolutional": TablePreset(
            "All convolutional",
            "Strides in place of pooling, no linear layer (Springenberg et al. 2015).",
            _all_convolutional(),
        ),
        "perceptron": TablePreset(
            "No convolution", "One hidden layer that sees all pixels at once, wherever they are.", _perceptron()
        ),
    }
)
