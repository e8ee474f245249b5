"""The weights of another checkpoint of one run, for a network that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.card import FORMAT_KEY, CheckpointError, NetworkCard
from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.fingerprints import is_counter
from cnnviz.checkpoints.identify import is_own
from cnnviz.checkpoints.known_plans import KNOWN
from cnnviz.checkpoints.prefixes import networks_in
from cnnviz.checkpoints.reader import read_checkpoint
from cnnviz.checkpoints.recent import look_at


@dataclass(frozen=True, eq=False)
class OtherWeights:
    """Tensors by the module's names, as they lie in the file; ``card`` where the file has one of its own."""

    tensors: Mapping[str, Tensor]
    card: NetworkCard | None


def names_in(path: Path, module: nn.Module, select: str | None = None) -> Mapping[str, str]:
    """From the names of ``module``, which was made of ``path``, to those in the file; empty where that is not known."""
    expected = {name for name in module.state_dict() if not is_counter(name)}
    try:
        if is_own(path):
            return {name: name for name in module.state_dict()}
        found = look_at(path, select)
    except CheckpointError:
        return {}
    entries = found.network.entries if found.network is not None else {}
    ways = [dict(candidate.names) for candidate in found.candidates[:1]]
    ways.append({name: entry.name for name, entry in entries.items()})
    # what is no whole network has modules for some of its tensors only
    return next((way for way in ways if expected <= way.keys()), {})


def weights_like(path: Path, names: Mapping[str, str], module: nn.Module, card: NetworkCard) -> OtherWeights | None:
    """The weights of ``path`` for ``module``, which was made for another file of the same run.

    Parameters
    ----------
    names
        From the module's names to those in that other file.
    card
        Of the network as it was opened from there.

    Returns
    -------
    OtherWeights or None
        None where the file is not the same but for its values, or cannot be read: it is to be opened like any other.
    """
    try:
        contents = read_checkpoint(path, KNOWN)
        if not names or contents.refused or contents.modules or not _is_selected(contents, names):
            return None
        own = _card_in(contents)
        if own is not None and (own.architecture, own.config, own.input_size) != (
            card.architecture,
            card.config,
            card.input_size,
        ):
            return None
        state = module.state_dict()
        entries = {entry.name: entry for entry in contents.entries}
        tensors = {}
        for name, weights in state.items():
            entry = entries.get(names.get(name, ""))
            if entry is None and is_counter(name):
                continue
            if entry is None or not _like(entry, weights):
                return None
            tensors[name] = contents.load(entry.name)
    except CheckpointError:
        return None
    return OtherWeights(tensors, own)


def refill(module: nn.Module, weights: OtherWeights) -> None:
    """Copy the values into the parameters and buffers that ``module`` has."""
    state = module.state_dict()
    with torch.no_grad():
        for name, tensor in weights.tensors.items():
            state[name].copy_(tensor)


def shapes_in(contents: Contents) -> dict[str, tuple[int, ...]]:
    """Of the tensors of the first network in a file, by their names there; empty where it holds none."""
    networks = networks_in(contents)
    entries = networks[0].entries.values() if networks else ()
    return {entry.name: entry.shape for entry in entries if not is_counter(entry.name)}


def _is_selected(contents: Contents, names: Mapping[str, str]) -> bool:
    """Whether one of the networks in the file has these tensors and no others."""
    wanted = {name for name in names.values() if not is_counter(name)}
    return any(
        {entry.name for entry in network.entries.values() if not is_counter(entry.name)} == wanted
        for network in networks_in(contents)
    )


def _card_in(contents: Contents) -> NetworkCard | None:
    strings = {key: value for key, value in contents.metadata.items() if isinstance(value, str)}
    return NetworkCard.from_metadata(strings) if FORMAT_KEY in strings else None


def _like(entry: TensorEntry, weights: Tensor) -> bool:
    is_float = entry.dtype.startswith(("float", "bfloat"))
    return not entry.note and entry.shape == tuple(weights.shape) and is_float == weights.is_floating_point()
