"""What can be chosen by its name, as plain strings that a scene holds; known without torch."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

PaddingMode = Literal["zeros", "circular", "reflect", "replicate"]
"""As torch calls them: zero, periodic, mirror (the edge is not repeated) and replicate."""
PADDING_WORDS: Mapping[PaddingMode, str] = MappingProxyType(
    {"zeros": "zero", "circular": "periodic", "reflect": "mirror", "replicate": "replicate"}
)

PoolingKind = Literal["max", "average", "l2_sum", "l2_mean", "weighted", "blur_max", "blur_average", "strided"]
POOLING_WORDS: Mapping[PoolingKind, str] = MappingProxyType(
    {
        "max": "maximum",
        "average": "average",
        "l2_sum": "L2, root of sum",
        "l2_mean": "L2, root of mean",
        "weighted": "weighted by distance",
        "blur_max": "maximum, blurred",
        "blur_average": "average, blurred",
        "strided": "strided convolution",
    }
)

TransformKind = Literal["shift", "rotate", "zoom", "flip"]
Direction = Literal["rows", "columns", "both"]
"""Of a shift: down, to the right, or both at once."""

StageKind = Literal["conv", "pool"]
"""Of a layer in a chain that is stacked by hand."""

BlockPart = Literal["branch", "shortcut"]
"""Of a residual block."""

LossName = Literal["cross-entropy", "square-error", "logit"]
"""What a gradient begins with."""
LOSS_WORDS: Mapping[LossName, str] = MappingProxyType(
    {"cross-entropy": "cross-entropy", "square-error": "square error", "logit": "the logit alone"}
)
AnswerForm = Literal["logits", "probabilities"]
"""Of a network's answer."""
OutputFunction = Literal["softmax", "sigmoid"]
"""That makes probabilities of logits: one class out of all, or each class by itself."""

ColourScale = Literal["shared", "own"]
"""One for all maps, or one for each."""
UnitOrder = Literal["as-is", "variance", "class", "correlation"]
