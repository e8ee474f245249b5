"""Numbers worth calculating a loss of; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cnnviz.core.choices import AnswerForm, OutputFunction

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class LossExample:
    """What a network says of some samples.

    Attributes
    ----------
    title, note : str
        What it is called, and what is to be seen, in a sentence.
    targets : tuple of int
        The right class of each row, the first class being 0.
    """

    title: str
    note: str
    numbers: Rows
    targets: tuple[int, ...]
    given: AnswerForm = "probabilities"
    outputs: OutputFunction = "softmax"


EXAMPLES: Mapping[str, LossExample] = MappingProxyType(
    {
        "lecture": LossExample(
            "The lecture's table",
            "Two of three are right; losses −log 0.4, −log 0.4, −log 0.1.",
            ((0.3, 0.3, 0.4), (0.3, 0.4, 0.3), (0.1, 0.2, 0.7)),
            (2, 1, 0),
        ),
        "surer": LossExample(
            "As many right, but surer",
            "Two of three are right again; only the loss says that these answers are better.",
            ((0.1, 0.2, 0.7), (0.1, 0.7, 0.2), (0.3, 0.4, 0.3)),
            (2, 1, 0),
        ),
        "confident": LossExample(
            "Confident and wrong",
            "The surer the wrong answer, the larger the loss, without bound; the square error's gradient dies away.",
            ((1.0, 0.0, 0.0), (4.0, 0.0, 0.0), (12.0, 0.0, 0.0)),
            (1, 1, 1),
            "logits",
        ),
        "uniform": LossExample(
            "All classes alike",
            "Whoever knows nothing pays log K: here log 4, whichever class is right.",
            ((0.0, 0.0, 0.0, 0.0), (5.0, 5.0, 5.0, 5.0)),
            (0, 3),
            "logits",
        ),
        "binary": LossExample(
            "Yes or no",
            "One output through a sigmoid: −(y log p + (1 − y) log(1 − p)).",
            ((2.0,), (2.0,), (-0.5,)),
            (1, 0, 0),
            "logits",
            "sigmoid",
        ),
    }
)
