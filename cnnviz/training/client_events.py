"""What the window hears of training; plain values, without torch."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.training.messages import MalformedMessage, Message
from cnnviz.training.metrics import Divergence, EpochMetrics, Notice, Saved, StepMetrics, TestProgress
from cnnviz.training.run_folder import event_from
from cnnviz.training.settings import TrainingSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RunPhase = Literal["idle", "preparing", "training", "testing", "paused", "finished", "diverged"]


@dataclass(frozen=True)
class WorkerReady:
    """The process can train from now on."""

    torch: str
    """Version of PyTorch."""
    threads: int


@dataclass(frozen=True)
class RunBegun:
    """Images and network are ready."""

    card: NetworkCard
    settings: TrainingSettings
    folder: str
    """Where the run is kept; empty where it is not."""
    device: str
    train_images: int
    test_images: int
    skipped: tuple[str, ...]
    """Files that could not be read as images."""


@dataclass(frozen=True)
class RunState:
    """What the process does now."""

    phase: RunPhase
    step: int = 0
    total_steps: int = 0
    epoch: int = 0

    def at_rest(self) -> RunState:
        """As far as it came, and nothing goes on."""
        return replace(self, phase="idle")


@dataclass(frozen=True)
class Metrics:
    """Figures since the last ones, in order."""

    events: tuple[StepMetrics | EpochMetrics | TestProgress | Divergence, ...]


@dataclass(frozen=True)
class Weights:
    """The network after a step; the next come once these are acknowledged."""

    step: int
    epoch: int
    data: bytes = field(repr=False)
    """A safetensors file; ``safetensors.torch.load`` makes tensors of it."""

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Weights and buffers by name."""
        from safetensors.numpy import load

        return load(self.data)


@dataclass(frozen=True)
class SettingsChanged:
    """The run goes on with these."""

    settings: TrainingSettings


@dataclass(frozen=True)
class Fetching:
    """A data set is being fetched."""

    what: str
    share: float
    """From 0 to 1."""


@dataclass(frozen=True)
class Failed:
    """What was asked for could not be done; the run, where there is one, is paused."""

    message: str
    """A sentence."""
    details: str
    """The traceback; may be empty."""


@dataclass(frozen=True)
class Silent:
    """The process is there and does not answer: something has stopped it, or the machine is too busy."""


@dataclass(frozen=True)
class Answers:
    """A process that was silent answers again."""


@dataclass(frozen=True)
class Lost:
    """The process ended; the next command starts another. Weights and checkpoints up to here remain."""

    message: str
    """A sentence."""
    details: str
    """The process' last words; may be empty."""

    @classmethod
    def of(cls, code: int, last_words: str, *, ended: bool = False) -> Lost:
        """Of a process that ended with this status; ``ended`` where the person wanted it to."""
        if ended:
            why = "was ended, as it did not answer"
        elif code == -signal.SIGTERM or (hasattr(signal, "SIGKILL") and code == -signal.SIGKILL):
            why = "was ended by the system, which may have run out of memory"
        elif code < 0:
            why = f"crashed (signal {-code})"
        else:
            why = f"ended unexpectedly (status {code})"
        return cls(
            f"The training process {why}; the run can go on from its last checkpoint, and the weights shown stay.",
            last_words,
        )

    @classmethod
    def before_it_began(cls, error: OSError) -> Lost:
        """Of a process that the system could not start."""
        return cls(
            f"The training process cannot be started ({error.strerror or error}); make room on the disk and in "
            "memory, then start again.",
            str(error),
        )


ClientWord = (
    WorkerReady | RunState | Metrics | SettingsChanged | Fetching | Saved | Notice | Failed | Silent | Answers | Lost
)
ClientEvent = ClientWord | RunBegun | Weights


def event_of(message: Message) -> ClientEvent:
    """What a message of the worker says.

    Raises
    ------
    MalformedMessage
        It is none of the worker's.
    """
    make = _MAKERS.get(message.kind)
    if make is None:
        raise MalformedMessage(f"the worker says '{message.kind}'")
    try:
        return make(message)
    except (TypeError, KeyError, ValueError, AttributeError, ValidationError) as error:
        raise MalformedMessage(f"what the worker says of '{message.kind}' is incomplete") from error


def _metrics(message: Message) -> Metrics:
    return Metrics(tuple(_metric(dict(fields)) for fields in message.fields["events"]))


def _metric(fields: dict[str, Any]) -> StepMetrics | EpochMetrics | TestProgress | Divergence:
    kind = fields.pop("kind")
    return TestProgress(**fields) if kind == "TestProgress" else event_from(kind, fields)


def _begun(message: Message) -> RunBegun:
    fields: Mapping[str, Any] = message.fields
    return RunBegun(
        card=NetworkCard.model_validate(fields["card"]),
        settings=TrainingSettings.model_validate(fields["settings"]),
        folder=fields["folder"],
        device=fields["device"],
        train_images=fields["train_images"],
        test_images=fields["test_images"],
        skipped=tuple(fields["skipped"]),
    )


_MAKERS: dict[str, Callable[[Message], ClientEvent]] = {
    "ready": lambda message: WorkerReady(**message.fields),
    "begun": _begun,
    "state": lambda message: RunState(**message.fields),
    "metrics": _metrics,
    "weights": lambda message: Weights(**message.fields, data=message.payload),
    "changed": lambda message: SettingsChanged(TrainingSettings.model_validate(message.fields["settings"])),
    "progress": lambda message: Fetching(**message.fields),
    "saved": lambda message: Saved(**message.fields),
    "notice": lambda message: Notice(**message.fields),
    "failed": lambda message: Failed(**message.fields),
}
