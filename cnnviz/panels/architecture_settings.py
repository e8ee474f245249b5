"""Which settings each kind of row has, and how each is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from cnnviz.core.choices import PADDING_WORDS, POOLING_WORDS
from cnnviz.nets.layer_table import Activation, ConvolutionRow, Kind, ResidualRow
from cnnviz.panels.architecture_words import ACTIVATION_WORDS, ORDER_WORDS


@dataclass(frozen=True)
class Setting:
    """One control of a row's settings.

    Attributes
    ----------
    control : str
        ``"width"`` also takes "classes", ``"padding"`` also "same".
    options : tuple of (str, str)
        Key and words of a choice.
    shown : callable
        For which rows it means anything.
    """

    field: str
    label: str
    tip: str
    control: Literal["whole", "width", "pair", "padding", "number", "choice", "toggle", "odd"]
    options: tuple[tuple[str, str], ...] = ()
    low: float = 1
    high: float = 65_536
    shown: Callable[[Any], bool] = lambda _: True


def _pads(row: ConvolutionRow) -> bool:
    return row.padding not in ((0, 0), "same") or (row.padding == "same" and row.kernel_size != (1, 1))


def _is_narrow(row: ResidualRow) -> bool:
    return row.form == "bottleneck"


_NORMALISATIONS = (("batch", "batch"), ("layer", "layer"), ("instance", "instance"), ("group", "group"))
_FUNCTIONS = tuple((key, ACTIVATION_WORDS[key]) for key in get_args(Activation))

SETTINGS: Mapping[Kind, tuple[Setting, ...]] = MappingProxyType(
    {
        "convolution": (
            Setting("channels", "maps", "Maps that it gives, one for each filter; “classes”: one each", "width"),
            Setting("kernel_size", "window", "Rows×columns of a filter; one number for both", "pair", high=512),
            Setting("stride", "stride", "Cells from one window to the next: 2 halves the map", "pair", high=512),
            Setting(
                "padding",
                "padding",
                "Cells added at each border; “same” keeps the size at stride 1",
                "padding",
                low=0,
                high=512,
            ),
            Setting(
                "dilation", "dilation", "Cells from one weight to the next: a wider window, as many weights", "pair"
            ),
            Setting("groups", "groups", "Groups of channels that do not see each other: fewer weights", "whole"),
            Setting(
                "padding_mode",
                "border",
                "What the added cells hold",
                "choice",
                tuple(PADDING_WORDS.items()),
                shown=_pads,
            ),
            Setting("bias", "bias", "A number added to each map; of no use before normalisation", "toggle"),
        ),
        "normalisation": (
            Setting(
                "normalisation",
                "over",
                "What mean and spread are taken over. Batch: each map in all images; layer: all maps of one image; "
                "instance: each map of one image; group: some maps of one image",
                "choice",
                _NORMALISATIONS,
            ),
            Setting(
                "groups",
                "groups",
                "Into so many groups the maps are divided",
                "whole",
                shown=lambda row: row.normalisation == "group",
            ),
            Setting("affine", "learned scale", "Scale and shift each map by numbers that are learned", "toggle"),
        ),
        "activation": (
            Setting("function", "function", "Applied to each value", "choice", _FUNCTIONS),
            Setting(
                "slope",
                "slope below 0",
                "How steep it is below zero",
                "number",
                low=0,
                high=1,
                shown=lambda row: row.function == "leaky_relu",
            ),
        ),
        "pooling": (
            Setting("pooling", "kind", "How a window becomes one number", "choice", tuple(POOLING_WORDS.items())),
            Setting("window", "window", "Rows×columns; one number for both", "pair", high=512),
            Setting("stride", "stride", "Cells from one window to the next", "pair", high=512),
            Setting(
                "padding", "padding", "Cells added at each border, which count for nothing", "pair", low=0, high=512
            ),
            Setting(
                "sigma",
                "width",
                "Of the Gaussian, in cells",
                "number",
                low=0.05,
                high=100,
                shown=lambda row: row.pooling == "weighted",
            ),
            Setting(
                "taps",
                "blur",
                "Width of the blur, in cells",
                "whole",
                high=9,
                shown=lambda row: row.pooling in ("blur_max", "blur_average"),
            ),
            Setting(
                "ceil_mode",
                "last window",
                "Keep a last window that is not whole",
                "toggle",
                shown=lambda row: row.pooling != "strided",
            ),
        ),
        "dropout": (
            Setting("probability", "share", "Of the values that are left out", "number", low=0, high=0.99),
            Setting("whole_maps", "whole maps", "Leave out whole maps instead of single values", "toggle"),
        ),
        "residual": (
            Setting(
                "form",
                "branch",
                "Convolutions that are alike; or a bottleneck as in ResNet-50: 1×1 to few maps, the window, 1×1 to all",
                "choice",
                (("like", "alike"), ("bottleneck", "bottleneck")),
            ),
            Setting("channels", "maps", "Maps that it gives", "whole"),
            Setting(
                "inner",
                "inner maps",
                "Maps between the two 1×1 convolutions: a quarter of those that the block gives is usual",
                "whole",
                shown=_is_narrow,
            ),
            Setting(
                "convolutions",
                "convolutions",
                "How many the branch has, one after the other",
                "whole",
                high=6,
                shown=lambda row: not _is_narrow(row),
            ),
            Setting(
                "kernel_size",
                "window",
                "Side of the convolutions' windows, in a bottleneck of the middle one",
                "odd",
                tuple((str(side), f"{side}×{side}") for side in (1, 3, 5, 7)),
            ),
            Setting(
                "stride",
                "stride",
                "Of the first convolution, in a bottleneck the middle one: 2 halves the map",
                "whole",
                high=512,
            ),
            Setting(
                "normalisation",
                "normalisation",
                "Beside each convolution",
                "choice",
                (("none", "none"), *_NORMALISATIONS),
            ),
            Setting(
                "groups",
                "groups",
                "Into so many groups the maps are divided",
                "whole",
                shown=lambda row: row.normalisation == "group",
            ),
            Setting(
                "function",
                "activation",
                "In the branch, and in the order conv, norm, act after the sum",
                "choice",
                _FUNCTIONS,
            ),
            Setting(
                "order",
                "order",
                "In the branch; only with conv, norm, act is there an activation after the sum",
                "choice",
                tuple(ORDER_WORDS.items()),
            ),
            Setting("skip", "skip", "Add what the block is given to what its branch gives: f(x) + x", "toggle"),
        ),
        "flatten": (),
        "linear": (
            Setting("features", "numbers", "That it gives; “classes”: one for each class", "width"),
            Setting("bias", "bias", "A number added to each", "toggle"),
        ),
        "global-pooling": (
            Setting(
                "pooling",
                "kind",
                "What of each whole map is kept",
                "choice",
                (("average", "average"), ("max", "maximum")),
            ),
        ),
    }
)
