"""How each architecture is trained unless the person says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("one-cycle", "cosine")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what weights come out, together with architecture and images."""

    epochs: int
    batch_size: int = 128
    learning_rate: float = 0.1
    """The largest; the schedule goes up to it and down again."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    augmentations: tuple[str, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the forward and backward pass; weights are float32 always."""
    seed: int = 0


DEFAULT_RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "lenet": Recipe(
            epochs=36,
            learning_rate=3e-3,
            optimizer="adamw",
            weight_decay=0.01,
            augmentations=("affine", "thickness", "brightness"),
        ),
        "cifar-net": Recipe(epochs=14, learning_rate=0.2, label_smoothing=0.1, augmentations=("flip", "crop")),
        "tiny-vgg": Recipe(
            epochs=30,
            batch_size=64,
            learning_rate=5e-3,
            optimizer="adamw",
            weight_decay=0.05,
            augmentations=("flip", "crop"),
        ),
    }
)
