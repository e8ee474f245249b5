"""A classifier's answer as probabilities, for every panel that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.prediction import ClassScore
    from cnnviz.engine.observation import Observation


MOST_ASKED_FOR = 20
"""By any panel."""
_last: list[tuple[Tensor, tuple[str, ...], tuple[ClassScore, ...]]] = []
"""Of the last answer: more than one panel asks at each frame."""


def class_scores(observation: Observation, count: int) -> tuple[ClassScore, ...]:
    """The ``count`` likeliest classes of a network that answers with one vector, the likeliest first."""
    from cnnviz.core.prediction import top_classes

    output, labels = observation.output, observation.network.card.labels
    assert output is not None
    known = _last and _last[0][0] is output and _last[0][1] == labels
    if not known or len(_last[0][2]) < min(count, output[0].numel()):
        logits = output[0]
        if observation.network.graph.layers[-1].kind == "Softmax":
            # already probabilities: the softmax of their logarithm is they themselves
            logits = logits.clamp_min(0).log()
        _last[:] = [(output, labels, top_classes(logits, labels, max(count, MOST_ASKED_FOR)))]
    return _last[0][2][:count]
