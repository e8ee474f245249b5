"""Prediction: the classes that the network holds for likeliest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.shared.class_scores import class_scores
from cnnviz.scene.actions import label_of_input
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.core.prediction import ClassScore
    from cnnviz.engine.observation import Observation


class PredictionParams(PanelParams):
    count: int = Field(10, ge=1, le=20, description="classes shown")


@dataclass(frozen=True)
class PredictionResult:
    """
    Attributes
    ----------
    scores : tuple of ClassScore
        The likeliest first.
    classes : int
        How many there are.
    note : str
        How scores became probabilities.
    truth : ClassScore or None
        The class that the input is of, where that is known and is one of the network's.
    """

    scores: tuple[ClassScore, ...]
    classes: int
    note: str
    truth: ClassScore | None = None

    @property
    def is_right(self) -> bool:
        """Whether the likeliest class is the true one."""
        return self.truth is not None and self.truth == self.scores[0]


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
    label = label_of_input(scene)
    scores = class_scores(observation, answer.numel() if label in observation.network.card.labels else params.count)
    truth = next(
        (score for score in scores if label and score.label == label and math.isfinite(score.probability)), None
    )
    note = "softmax" if answer.numel() > 1 else "sigmoid"
    return PredictionResult(scores[: params.count], answer.numel(), note, truth)


SPEC = PanelSpec(
    id="prediction",
    title="Prediction",
    area="left",
    params=PredictionParams,
    depends=("network", "input"),
    compute=compute,
    layers=lambda scene, graph: (),
    view="cnnviz.panels.prediction_view:PredictionView",
    tip="The probability that the network gives to each class: the softmax of its last layer. Where the class of the "
    "input is known, its bar is outlined.",
)
