"""What a file may be: one answer of the identification, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from cnnviz.checkpoints.card import NetworkCard, numbered_labels
from cnnviz.nets.public import InputStatistics

Rule = Literal["metadata", "accepted", "modules", "names", "order", "chain", "graph"]
"""What an answer rests on: this program's metadata, the person's word, the file's own list of modules, names and
shapes, order and shapes, shapes alone, or the graph in the file, which asks for more memory than the file has."""

SURE = 0.9
"""From this confidence on, an answer by metadata or names is acted on without asking."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """An architecture that the tensors of a file fit.

    Attributes
    ----------
    architecture : str
        Its name, as ``cnnviz.nets.registry.build`` takes it.
    config : mapping
        Its configuration, as the shapes tell it.
    confidence : float
        From 0 to 1.
    reasons : tuple of str
        Why, and what speaks against it, in words.
    names : mapping of str to str
        From the architecture's names of its weights and buffers to the file's.
    rule : str
    title : str
        The architecture in words.
    input_size : (int, int, int)
        Channels, height, width.
    statistics : InputStatistics or None
        What its images are normalised with; None where nothing tells, and the person is to be asked.
    labels : tuple of str
        Empty where they are not known.
    """

    architecture: str
    config: Mapping[str, JsonValue]
    confidence: float
    reasons: tuple[str, ...]
    names: Mapping[str, str]
    rule: Rule
    title: str
    input_size: tuple[int, int, int]
    statistics: InputStatistics | None = None
    labels: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether a network may be made of it without asking."""
        return self.rule in ("metadata", "accepted", "modules", "names") and self.confidence >= SURE

    def card(self, outputs: int) -> NetworkCard | None:
        """The description of the network that it makes; None where nothing tells how images are normalised."""
        if self.statistics is None:
            return None
        known = len(self.labels) == outputs
        channels = self.input_size[0]
        return NetworkCard(
            architecture=self.architecture,
            config=dict(self.config),
            labels=self.labels if known else numbered_labels(outputs),
            input_size=self.input_size,
            mean=_per_channel(self.statistics.mean, channels),
            std=_per_channel(self.statistics.std, channels),
            dataset="",
        )


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One number for all channels, or one for each."""
    return values * channels if len(values) == 1 else values
