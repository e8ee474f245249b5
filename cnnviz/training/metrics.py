"""What is told of a run while it goes on; plain numbers, known without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerMetrics:
    """Of one layer's own weights, biases among them, in one step."""

    name: str
    gradient_norm: float
    """Euclidean, of the gradient of the loss."""
    weight_norm: float
    """Euclidean, before the step."""
    update_ratio: float
    """Norm of the change that the step made ÷ ``weight_norm``; 0 where that is 0."""


@dataclass(frozen=True)
class StepMetrics:
    """After a step; on an accelerator after several, over which loss and accuracy are means."""

    step: int
    """Steps done, from 1."""
    epoch: int
    """From 1."""
    epochs: int
    step_in_epoch: int
    """From 1."""
    steps_per_epoch: int
    loss: float
    """Mean over the images of the batch, before the step."""
    accuracy: float
    """Share of the batch that was named rightly, in training mode."""
    learning_rate: float
    """Of the step."""
    examples: int
    """Images trained on so far, each as often as it was."""
    examples_per_second: float
    """Of the last second of training; tests and pauses do not count."""
    gradient_norm: float | None = None
    """Over all weights; None where it was not measured in this step."""
    layers: tuple[LayerMetrics, ...] = ()
    """In the order of the network; empty where they were not measured in this step."""
    memory: int | None = None
    """Bytes that the run takes on its device; None where it was not measured."""


@dataclass(frozen=True)
class EpochMetrics:
    """After an epoch."""

    epoch: int
    """From 1."""
    step: int
    """Steps done in the run."""
    train_loss: float
    """Mean over the epoch's batches, each with the weights that it met."""
    train_accuracy: float
    test_loss: float | None = None
    """None where the epoch was not tested; without label smoothing."""
    test_accuracy: float | None = None


@dataclass(frozen=True)
class TestProgress:
    """Between two chunks of the test images."""

    __test__ = False  # no test for pytest to collect

    done: int
    count: int


@dataclass(frozen=True)
class Divergence:
    """The loss left all bounds; the weights are the last good ones again."""

    step: int
    reason: str
    """A sentence."""
    restored_step: int
    """Steps after which the weights were what they are now."""
    goes_on: bool
    """Whether the run goes on with a smaller learning rate, or is over."""
    learning_rate: float
    """The largest of the schedule from here on."""


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written."""

    step: int
    path: str
    """Of the network, which opens as any other."""


@dataclass(frozen=True)
class Notice:
    """Something that the person should know; the run goes on."""

    message: str
    """A sentence."""
    unsaved: bool = False
    """That something cannot be written, which stays so until the next :class:`Saved`."""
    details: str = ""
    """For who wants to know more, such as the names of all files that are meant."""


RunEvent = StepMetrics | EpochMetrics | TestProgress | Divergence
"""What a trainer tells."""


def fields_of(event: RunEvent) -> dict[str, Any]:
    """Its kind and all it says, to be written as JSON at once.

    ``asdict`` would copy each number in depth, which at each step takes more than to write it.
    """
    fields = {"kind": type(event).__name__, **vars(event)}
    if isinstance(event, StepMetrics):
        fields["layers"] = [vars(layer) for layer in event.layers]
    return fields
