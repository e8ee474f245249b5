"""What the optimisers are called, and how their paths and curves look; without torch."""

from collections.abc import Mapping
from types import MappingProxyType

from cnnviz.core.curves import Stroke
from cnnviz.training.choices import Optimizer

TITLES: Mapping[Optimizer, str] = MappingProxyType(
    {
        "sgd": "SGD",
        "momentum": "momentum",
        "nesterov": "Nesterov",
        "adagrad": "Adagrad",
        "rmsprop": "RMSprop",
        "adadelta": "Adadelta",
        "adam": "Adam",
        "adamw": "AdamW",
        "nadam": "NAdam",
    }
)

LOOKS: Mapping[Optimizer, tuple[int, Stroke]] = MappingProxyType(
    {
        "sgd": (0, "solid"),
        "momentum": (1, "solid"),
        "nesterov": (1, "dashed"),
        "adagrad": (5, "solid"),
        "rmsprop": (3, "solid"),
        "adadelta": (4, "solid"),
        "adam": (2, "solid"),
        "adamw": (2, "dashed"),
        "nadam": (6, "solid"),
    }
)
"""Number of the distinct colour, and kind of line: variants of one optimiser share the colour."""
