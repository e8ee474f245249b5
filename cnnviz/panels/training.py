"""Training: what can be set for a run, and what it comes to before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from pydantic import Field

from cnnviz.data.facts import DATA, DataFacts
from cnnviz.data.folder_count import images_to_train_on
from cnnviz.engine.observation import Observation
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams
from cnnviz.training.recipes import folder_recipe, recipe
from cnnviz.training.settings import TrainingSettings, checked_settings

Page = Literal["loss", "accuracy", "gradients", "updates", "rate", "settings"]

NETWORKS = ("lenet", "cifar-net", "tiny-vgg", "lenet-5-28", "cifar-resnet20")
"""Architectures that are offered; any other name or file can be set."""

TRAINED = MappingProxyType({"mnist-lenet": "lenet", "cifar-net": "cifar-net", "tiny-vgg": "tiny-vgg"})
"""Networks that ship trained, and their architectures."""


CHECKPOINTS_A_RUN = 30
"""About so many networks of a run lie on the slider over its epochs."""


def sensible_settings(network: str, keep_weights: bool, dataset: str) -> dict[str, Any]:
    """The recipe of a pair of network and data, and how often the run is saved and tested."""
    chosen = recipe(TRAINED.get(network, network), dataset, fast=True)
    facts = DATA.get(dataset)
    images = facts.train_images if facts is not None else images_to_train_on(Path(dataset.partition(":")[2]))
    if facts is None and images:
        chosen |= folder_recipe(images)
    batch, epochs = cast(int, chosen["batch_size"]), cast(int, chosen["epochs"])
    steps = (images // batch or 1) * epochs
    if keep_weights:
        chosen["learning_rate"] = cast(float, chosen["learning_rate"]) / 4
    often = {"save_every": max(10, steps // CHECKPOINTS_A_RUN)}
    # whole epochs, since it is these that the panel lets one set
    return {"augmentations": (), "label_smoothing": 0.0} | chosen | often | {"steps": None}


def chosen_settings(before: TrainingSettings, network: str, keep_weights: bool, dataset: str) -> TrainingSettings:
    """Settings for another network or data set; what has nothing to do with either stays."""
    start = {"name": network, "keep_weights": keep_weights}
    same_network = (network, keep_weights) == (before.network.name, before.network.keep_weights)
    return before.changed(
        {
            "network": before.network if same_network else start,
            "dataset": dataset,
            **sensible_settings(network, keep_weights, dataset),
        }
    )


def _default() -> TrainingSettings:
    return chosen_settings(checked_settings({}), "lenet", False, "digits")


class TrainingParams(PanelParams):
    settings: TrainingSettings = Field(
        default_factory=_default, description="of the next run, and of the one that is on"
    )
    page: Page = Field("loss", description="curve that is shown, or the settings", json_schema_extra={"undo": "none"})
    more: bool = Field(False, description="show the rarer settings", json_schema_extra={"undo": "none"})


@dataclass(frozen=True)
class TrainingPlan:
    """What a run with these settings is.

    Attributes
    ----------
    words : str
        Weights, input, steps.
    problem : str
        Why it cannot begin, and what to do; empty where it can.
    """

    words: str
    problem: str = ""


_known: dict[str, tuple[str, tuple[int, int, int] | None, str]] = {}
"""Words about the pair of network and data that was looked at last, the network's input size, and the problem."""


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> TrainingPlan:
    """Builds the network once for each pair of network and data."""
    settings = cast(TrainingParams, scene.panel("training")).settings
    folder = settings.dataset.partition(":")[2]
    if settings.dataset not in DATA and not Path(folder).is_dir():  # looked at each time: it may have come back
        return TrainingPlan(
            "",
            f"The folder {folder} is not there; bring it back, or choose one with a folder of images for each class.",
        )
    key = settings.network.model_dump_json() + settings.dataset
    if key not in _known:
        _known.clear()
        _known[key] = _fit(settings)
    words, _, problem = _known[key]
    facts = DATA.get(settings.dataset)
    if facts is not None and not problem:
        if settings.batch_size > facts.train_images:
            problem = f"A batch of {settings.batch_size:,} is more than the {facts.train_images:,} images; choose less."
        steps = facts.train_images // settings.batch_size
        words += f" {steps:,} steps an epoch."
    if settings.permute_pixels:
        words += " Their pixels are permuted."
    return TrainingPlan(words, problem)


def _fit(settings: TrainingSettings) -> tuple[str, tuple[int, int, int] | None, str]:
    from cnnviz.training.network_start import blueprint, starting_module

    facts = DATA.get(settings.dataset)
    try:
        plan = blueprint(settings.network)
        if facts is not None:
            plan = plan.sized(*facts.shape[1:])
        channels = facts.shape[0] if facts is not None and plan.follows_data else plan.input_size[0]
        classes = facts.classes if facts is not None else 2
        module, _, _ = starting_module(settings.network, plan, channels, classes, settings.seed)
    except ValueError as error:
        return "", None, str(error)
    size = (channels, *plan.input_size[1:])
    count = sum(parameter.numel() for parameter in module.parameters())
    weights = f"{count:,} weights" if facts is not None else f"About {count:,} weights"
    return f"{weights}, input {_times(size)}{_brought(facts, size)}.", size, ""


def _brought(facts: DataFacts | None, size: tuple[int, int, int]) -> str:
    """How the images come to have the network's size."""
    if facts is None:
        return ": the images of the folder are brought to it"
    changes = []
    if facts.shape[1:] != size[1:]:
        verb = "enlarged" if size[1] > facts.shape[1] else "reduced"
        changes.append(f"{verb} from {facts.shape[1]}×{facts.shape[2]}")
    if facts.shape[0] != size[0]:
        changes.append("made grey" if size[0] == 1 else "given three equal channels")
    return f": the images are {' and '.join(changes)}" if changes else ""


def _times(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))


SPEC = PanelSpec(
    id="training",
    title="Training",
    area="right",
    params=TrainingParams,
    depends=(),
    compute=compute,
    view="cnnviz.panels.training_view:TrainingView",
    tip="Train a network while every panel shows it.",
)
