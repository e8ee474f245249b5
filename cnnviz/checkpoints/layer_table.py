"""The layers of a checkpoint as a table: from a live network, or from nothing but its tensors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.fingerprints import is_buffer
from cnnviz.checkpoints.prefixes import SavedNetwork
from cnnviz.core.graph import INPUT, LayerGraph
from cnnviz.core.trace import prepare


@dataclass(frozen=True)
class CheckpointLayer:
    """One row.

    Attributes
    ----------
    type : str
        Class name in ``torch.nn``, or what the shape of the weights allows; the class that a pickled network names.
    output_shape : tuple of int or None
        Without the batch; None where the network cannot be run.
    parameters : int
        Weights and biases; those shared with an earlier layer are counted there.
    macs : int or None
        Multiply-adds for one image.
    """

    name: str
    type: str
    output_shape: tuple[int, ...] | None
    parameters: int
    macs: int | None


def graph_of(module: nn.Module, input_size: tuple[int, int, int]) -> LayerGraph:
    """The layers of a live network and how they are joined; it is run on an empty image."""
    parameter = next((tensor for tensor in module.parameters() if tensor.is_floating_point()), torch.zeros(0))
    return prepare(module, torch.zeros(1, *input_size, dtype=parameter.dtype, device=parameter.device)).graph


def layers_of(module: nn.Module, input_size: tuple[int, int, int]) -> tuple[CheckpointLayer, ...]:
    """The layers of a live network, in order of execution; it is run once on an empty image."""
    return tuple(
        CheckpointLayer(layer.name, layer.kind, layer.output_shape, layer.parameters, layer.macs)
        for layer in graph_of(module, input_size)
        if layer.name != INPUT
    )


_BY_RANK = {1: "Scale", 2: "Linear", 3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}


def layers_in(contents: Contents, network: SavedNetwork) -> tuple[CheckpointLayer, ...]:
    """The layers that hold tensors, with what can be said without running them."""
    told = {module.path: module.kind.rpartition(".")[2] for module in contents.modules}
    grouped: dict[str, list[tuple[str, TensorEntry]]] = {}
    for name, entry in network.entries.items():
        layer, _, kind = name.rpartition(".")
        grouped.setdefault(layer, []).append((kind, entry))
    weights = {entry.name for entry in weights_among(contents, network.entries.values())}
    rows = []
    for layer, tensors in grouped.items():
        path = tensors[0][1].name.rpartition(".")[0]
        parameters = sum(math.prod(entry.shape) for _, entry in tensors if entry.name in weights)
        rows.append(CheckpointLayer(layer, told.get(path) or _type(dict(tensors)), None, parameters, None))
    return tuple(rows)


def _type(tensors: dict[str, TensorEntry]) -> str:
    if "running_mean" in tensors:
        return "BatchNorm"
    weight = tensors.get("weight")
    return _BY_RANK.get(len(weight.shape), "Tensor") if weight is not None else "Tensor"


def weights_among(contents: Contents, entries: Iterable[TensorEntry]) -> tuple[TensorEntry, ...]:
    """The tensors that are trained, as far as names and types tell: no buffers, no whole numbers, tied ones once."""
    trained = [entry for entry in entries if not is_buffer(entry.name) and _is_trained(entry.dtype)]
    users = Counter(entry.storage for entry in trained)
    found: list[TensorEntry] = []
    places: dict[object, Tensor] = {}  # with the tensors, since what nobody holds may give its place to another
    for entry in trained:
        if entry.storage and users[entry.storage] > 1:
            # views of one storage may be of different parts of it: tied weights are at the same place
            tensor = _loaded(contents, entry)
            place = None if tensor is None else _place(tensor)
            if tensor is not None and place is not None and places.setdefault(place, tensor) is not tensor:
                continue
        found.append(entry)
    return tuple(found)


def _is_trained(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat", "complex", "qint", "quint"))


def _loaded(contents: Contents, entry: TensorEntry) -> Tensor | None:
    try:
        return contents.load(entry.name)
    except CheckpointError:
        return None


def _place(tensor: Tensor) -> object:
    """Where its values lie, and how they are walked through; None where it has no plain values."""
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_nested:
        return None
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), tensor.is_conj(), tensor.is_neg()
