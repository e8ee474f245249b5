"""A classifier's answer as probabilities, for every panel that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.prediction import ClassScore
    from cnnviz.engine.observation import Observation


def class_scores(observation: Observation, count: int) -> tuple[ClassScore, ...]:
    """The ``count`` likeliest classes of a network that answers with one vector, the likeliest first."""
    from cnnviz.core.prediction import top_classes

    assert observation.output is not None
    logits = observation.output[0]
    if observation.network.graph.layers[-1].kind == "Softmax":
        # already probabilities: the softmax of their logarithm is they themselves
        logits = logits.clamp_min(0).log()
    return top_classes(logits, observation.network.card.labels, count)
