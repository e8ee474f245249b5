"""How field and weights grow in a chain of layers that is stacked by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.choices import StageKind

LARGEST_FIELD = 4096
"""Pixels along one axis; a chain whose field is larger is refused."""


class ChainTooLarge(ValueError):
    """The chain cannot be computed; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One square layer of the chain.

    Attributes
    ----------
    kind : "conv" or "pool"
    kernel_size, stride, dilation : int
    channels : int
        Maps that a convolution gives; pooling keeps as many as it reads.
    """

    kind: StageKind = "conv"
    kernel_size: int = 3
    stride: int = 1
    dilation: int = 1
    channels: int = 64

    def __post_init__(self) -> None:
        for name in ("kernel_size", "stride", "dilation", "channels"):
            if getattr(self, name) < 1:
                raise ChainTooLarge(f"The {name.replace('_', ' ')} is {getattr(self, name)}; it must be 1 or more.")


@dataclass(frozen=True, eq=False)
class StageGrowth:
    """The chain up to and with one stage.

    Attributes
    ----------
    size : int
        Rows, and columns, of the field, in input pixels.
    stride : int
        The effective stride.
    channels : int
    weights : int
        Of this stage, without biases.
    weights_so_far : int
    weights_at_once : int
        Of one convolution with this field from the input's channels to these.
    paths : array of float, (size,)
        On how many ways each input offset along one axis reaches a unit: 0 where none does. In two dimensions it is
        the outer product with itself.
    """

    stage: Stage
    size: int
    stride: int
    channels: int
    weights: int
    weights_so_far: int
    weights_at_once: int
    paths: NDArray[np.float64]

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Which pixels of the field reach the unit, (size, size)."""
        line = self.paths > 0
        return np.outer(line, line)

    @property
    def pixels_reached(self) -> int:
        """Of the size² pixels of the field."""
        return int(np.count_nonzero(self.paths)) ** 2

    @property
    def reaches_all(self) -> bool:
        return self.pixels_reached == self.size**2


def chain_growth(stages: Sequence[Stage], channels: int = 64) -> tuple[StageGrowth, ...]:
    """Field, stride and weights after each stage, and the pixels that are reached.

    Parameters
    ----------
    stages : sequence of Stage
    channels : int
        Maps that the first stage reads.

    Raises
    ------
    ChainTooLarge
        The field is wider than ``LARGEST_FIELD`` pixels.

    Notes
    -----
    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, section 2.3
    (three 3×3 against one 7×7); Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2015.
    """
    found: list[StageGrowth] = []
    paths, stride, maps, total = np.ones(1), 1, channels, 0
    for number, stage in enumerate(stages, 1):
        width = (stage.kernel_size - 1) * stage.dilation * stride + 1
        if len(paths) + width - 1 > LARGEST_FIELD:
            raise ChainTooLarge(
                f"With layer {number} the field is {len(paths) + width - 1:,} pixels wide; up to {LARGEST_FIELD:,} are "
                "shown. Take a smaller kernel, stride or dilation, or fewer layers."
            )
        steps = np.zeros(width)
        steps[:: stage.dilation * stride] = 1
        paths = np.convolve(paths, steps)
        stride *= stage.stride
        given, maps = maps, stage.channels if stage.kind == "conv" else maps
        weights = stage.kernel_size**2 * given * maps if stage.kind == "conv" else 0
        total += weights
        size = len(paths)
        found.append(StageGrowth(stage, size, stride, maps, weights, total, size**2 * channels * maps, paths))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ChainPreset:
    """A chain worth looking at.

    Attributes
    ----------
    title : str
    words : str
        What there is to see.
    """

    title: str
    words: str
    stages: tuple[Stage, ...]
    channels: int = 64


def _dilated(*dilations: int) -> tuple[Stage, ...]:
    return tuple(Stage(dilation=dilation) for dilation in dilations)


_VGG_WIDTHS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

PRESETS: Mapping[str, ChainPreset] = MappingProxyType(
    {
        "three-3x3": ChainPreset(
            "3×3 three times", "The field of one 7×7 with 27 · C² weights in place of 49 · C².", (Stage(),) * 3
        ),
        "one-7x7": ChainPreset("7×7 once", "The field of three 3×3, with 49 · C² weights.", (Stage(kernel_size=7),)),
        "dilated-1-2-4": ChainPreset(
            "dilations 1, 2, 4",
            "The field doubles, 3, 7, 15, while weights grow as before; all of its 225 pixels are reached.",
            _dilated(1, 2, 4),
        ),
        "dilated-2-2-2": ChainPreset(
            "dilations 2, 2, 2", "A grid: 49 of 169 pixels are reached, the others never.", _dilated(2, 2, 2)
        ),
        "dilated-1-2-5": ChainPreset(
            "dilations 1, 2, 5", "No gaps either: each dilation fits into the field before it.", _dilated(1, 2, 5)
        ),
        "strided": ChainPreset(
            "stride 2 each time", "Each layer doubles the step of those after it.", (Stage(stride=2),) * 4
        ),
        "lenet": ChainPreset(
            "LeNet",
            "5×5 and 2×2 pooling, twice.",
            (
                Stage(kernel_size=5, channels=6),
                Stage("pool", 2, 2),
                Stage(kernel_size=5, channels=16),
                Stage("pool", 2, 2),
            ),
            channels=1,
        ),
        "vgg16": ChainPreset(
            "VGG-16",
            "3×3 throughout; pooling makes each later one count for twice as much: 212 at the end.",
            tuple(
                stage
                for width, depth in _VGG_WIDTHS
                for stage in (*[Stage(channels=width)] * depth, Stage("pool", 2, 2))
            ),
            channels=3,
        ),
    }
)
