"""The values of a tensor in a file, as a plain tensor of this process, where it has such."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.contents import Contents, TensorEntry

# One number can be declared to stand for any number of them; more than these are not written out.
_MOST_EXPANDED = 1 << 26


def plain_values(contents: Contents, entry: TensorEntry) -> Tensor | None:
    """A dense tensor; None where the file holds none: sparse, quantised, without values, or damaged."""
    if "expanded" in entry.note and math.prod(entry.shape) > _MOST_EXPANDED:
        return None
    try:
        tensor = contents.load(entry.name)
    except CheckpointError:
        return None
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
        return None
    return tensor.resolve_conj().resolve_neg()
