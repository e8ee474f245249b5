"""What a training run is: everything that decides which weights come out, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from cnnviz.data.frozen import Frozen
from cnnviz.training.choices import (
    Augmentation,
    Device,
    Loss,
    Optimizer,
    Precision,
    Schedule,
)

_Size = Annotated[int, Field(ge=1, le=65_536)]
_Share = Annotated[float, Field(ge=0, lt=1)]


class SettingsError(ValueError):
    """A run cannot be what its settings ask for; the message is one sentence that says what to change."""


class NetworkStart(Frozen):
    """The network that training starts with."""

    name: str = Field("lenet", min_length=1, description="architecture, shipped network, or file of weights")
    config: dict[str, JsonValue] = Field(default_factory=dict, description="settings of the architecture")
    input_size: tuple[_Size, _Size, _Size] | None = Field(
        None, description="channels, height, width; none leaves it to the architecture and the data"
    )
    keep_weights: bool = Field(False, description="go on from the weights of the shipped network or the file")


class TrainingSettings(Frozen):
    """A training run. Two runs with equal settings on one device give the same weights."""

    network: NetworkStart = NetworkStart()
    dataset: str = Field("digits", min_length=1, description="name of a data set, or folder:PATH")
    data_dir: str = Field("", description="where the data set lies; empty: fetched where it is not on board")
    permute_pixels: bool = Field(False, description="the pixels of all images in one other order, always the same")

    epochs: int = Field(10, ge=1, le=100_000, description="passes over the training images")
    steps: int | None = Field(None, ge=1, description="stop after so many steps, whatever the epochs say")
    batch_size: int = Field(64, ge=1, le=65_536, description="images per step")

    loss: Loss = Field("cross-entropy", description="what is made small")
    label_smoothing: _Share = Field(0.0, description="share of the target that goes to all classes alike")
    optimizer: Optimizer = Field("adamw", description="how a gradient becomes a change of the weights")
    learning_rate: float = Field(1e-3, gt=0, le=1e30, description="the largest of the schedule")
    momentum: _Share = Field(0.9, description="of momentum and Nesterov")
    weight_decay: float = Field(0.0, ge=0, le=10, description="of weights; biases and normalisation are spared")
    dropout: _Share | None = Field(None, description="probability in every dropout layer; none leaves the network's")

    schedule: Schedule = Field("one-cycle", description="how the learning rate changes")
    schedule_factor: float = Field(0.5, gt=0, lt=1, description="of step, plateau and divergence")
    schedule_epochs: int = Field(5, ge=1, description="between two steps; without progress before a plateau is one")

    augmentations: tuple[Augmentation, ...] = Field((), description="random changes to each image, in this order")
    seed: int = Field(0, ge=0, lt=2**63, description="of all random numbers")

    device: Device = Field("auto", description="where it runs")
    precision: Precision = Field("float32", description="of the passes; weights are float32 always")
    channels_last: bool = Field(True, description="channels innermost in memory, which convolutions are faster on")
    threads: int = Field(0, ge=0, le=4096, description="processor threads; 0 leaves them as they are")

    save_every: int = Field(200, ge=0, description="steps between two checkpoints; 0: at the end alone")
    test_every: int = Field(1, ge=0, description="epochs between two tests; 0: at the end alone")
    measure_every: int = Field(10, ge=1, description="steps between two measurements of gradients and updates")

    @model_validator(mode="after")
    def _each_augmentation_once(self) -> Self:
        if len(set(self.augmentations)) < len(self.augmentations):
            raise ValueError("an augmentation is named twice")
        return self

    def changed(self, changes: Mapping[str, Any]) -> TrainingSettings:
        """With some fields changed and all checked again; raises SettingsError."""
        return checked_settings(self.model_dump() | dict(changes))

    @property
    def data_folder(self) -> Path | None:
        """``data_dir`` as a path; None where it is empty."""
        return Path(self.data_dir) if self.data_dir else None


FIXED_WHILE_RUNNING = ("network", "dataset", "data_dir", "permute_pixels", "seed", "threads")
"""Fields that make another run of it."""


def checked_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """The settings with these values.

    Raises
    ------
    SettingsError
        A value is not possible; the message names the first.
    """
    try:
        return TrainingSettings.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = " of ".join(str(part).replace("_", " ") for part in reversed(first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"There is no setting '{field}'."
    about = f"The {field} is {first['input']!r}" if field else "The settings do not fit together"
    context = first.get("ctx", {})
    bounds = {
        "greater_than": "above {gt:g}",
        "greater_than_equal": "{ge:g} or more",
        "less_than": "below {lt:g}",
        "less_than_equal": "{le:g} or less",
        "literal_error": "one of {expected}",
    }
    if first["type"] in bounds:
        return f"{about}; it must be {bounds[first['type']].format(**context)}."
    message = first["msg"].removeprefix("Value error, ")
    return f"{about}: {message[0].lower()}{message[1:]}."
