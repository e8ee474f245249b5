"""Prediction: the classes that the network holds for likeliest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.class_scores import class_scores
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.core.prediction import ClassScore
    from cnnviz.engine.observation import Observation


class PredictionParams(PanelParams):
    count: int = Field(10, ge=1, le=20, description="classes shown")


@dataclass(frozen=True)
class PredictionResult:
    scores: tuple[ClassScore, ...]
    classes: int
    note: str


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> PredictionResult:
    if observation.network.lacks:
        raise ValueError("There is no answer: the file is no whole network, and at most its first layer is run.")
    assert observation.output is not None
    answer = observation.output[0]
    if answer.dim() != 1:
        shape = "×".join(map(str, answer.shape))
        raise ValueError(
            f"This network answers with maps of {shape}, not with classes; see its last layer in Activations."
        )
    params = cast(PredictionParams, scene.panel("prediction"))
    scores = class_scores(observation, params.count)
    return PredictionResult(scores, answer.numel(), "softmax" if answer.numel() > 1 else "sigmoid")


SPEC = PanelSpec(
    id="prediction",
    title="Prediction",
    area="left",
    params=PredictionParams,
    depends=("network", "input"),
    compute=compute,
    layers=lambda scene, graph: (),
    view="cnnviz.panels.prediction_view:PredictionView",
    tip="The probability that the network gives to each class: the softmax of its last layer.",
)
