"""What a gradient can begin with, as plain values that a scene holds; ``objective`` works it out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

LossName = Literal["cross-entropy", "square-error", "logit"]

LOSS_WORDS: Mapping[LossName, str] = MappingProxyType(
    {"cross-entropy": "cross-entropy", "square-error": "square error", "logit": "the logit alone"}
)
