"""Names and shapes of every architecture's weights; built without memory for them, once in a run of the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import torch

from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import ArchitectureError, build

Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(architecture: str, config: Mapping[str, object]) -> Shapes:
    """The shapes of an architecture's weights and buffers, by name, in the order of the network.

    Raises
    ------
    ArchitectureError
        It cannot be built with this configuration.
    """
    return _shapes_of(architecture, json.dumps(config, sort_keys=True))


@cache
def _shapes_of(architecture: str, config: str) -> Shapes:
    with torch.device("meta"):
        state = build(architecture, json.loads(config)).state_dict()
    return MappingProxyType({name: tuple(tensor.shape) for name, tensor in state.items()})


def known_shapes(architecture: str) -> Shapes:
    """The shapes of a public architecture with the settings of its best-known weights."""
    return shapes_of(architecture, dict(PUBLIC_ARCHITECTURES[architecture].settings))


def settings_in(architecture: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int] | None:
    """The settings that ``shapes``, by the architecture's own names, tell; None where there are no such settings."""
    known = PUBLIC_ARCHITECTURES[architecture]
    settings = dict(known.settings)
    for setting, (name, dimension) in known.read_from.items():
        shape = shapes.get(name, ())
        if len(shape) <= dimension or not shape[dimension]:
            return None
        settings[setting] = shape[dimension]
    return settings


def fits(architecture: str, settings: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the architecture with these settings has weights of exactly these names and shapes.

    ``num_batches_tracked`` may be missing: files from before PyTorch 0.4.1 do not have it.
    """
    try:
        expected = shapes_of(architecture, settings)
    except ArchitectureError:
        return False
    return without_counters(expected) == without_counters(shapes)


def without_counters(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Without how many batches each normalisation saw, which no output depends on."""
    return {name: shape for name, shape in shapes.items() if not is_counter(name)}


def is_counter(name: str) -> bool:
    return name.rpartition(".")[2] == "num_batches_tracked"


def is_buffer(name: str) -> bool:
    """Whether a tensor of this name is kept with the weights, but not trained."""
    return name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
