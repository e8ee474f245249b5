"""What is known of a data set before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class DataFacts:
    """Of one data set; ``shape`` is channels, height, width."""

    title: str
    train_images: int
    test_images: int
    shape: tuple[int, int, int]
    classes: int


DATA: Mapping[str, DataFacts] = MappingProxyType(
    {
        "digits": DataFacts("Digits (on board)", 1438, 359, (1, 8, 8), 10),
        "shapes": DataFacts("Shapes (on board)", 6000, 1000, (3, 32, 32), 5),
        "dots": DataFacts("Dots (on board)", 3000, 1000, (1, 28, 28), 16),
        "mnist": DataFacts("MNIST", 60_000, 10_000, (1, 28, 28), 10),
        "fashion-mnist": DataFacts("Fashion-MNIST", 60_000, 10_000, (1, 28, 28), 10),
        "cifar10": DataFacts("CIFAR-10", 50_000, 10_000, (3, 32, 32), 10),
    }
)

ON_BOARD = ("digits", "shapes", "dots")
"""Those for which nothing has to be fetched or read."""


def plain_title(dataset: str) -> str:
    """The name of a data set as one writes it, such as ``MNIST``; one that is not known here as it is."""
    facts = DATA.get(dataset)
    return dataset if facts is None else facts.title.removesuffix(" (on board)")
