"""What a file's tensors are: every answer there is, best first, and why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cnnviz.checkpoints.architectures import by_names, by_order
from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.card import FORMAT_KEY, CheckpointError, NetworkCard
from cnnviz.checkpoints.chain_guess import by_shapes
from cnnviz.checkpoints.chain_shapes import NoChain
from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.pickled_modules import by_modules
from cnnviz.checkpoints.prefixes import SavedNetwork, networks_in
from cnnviz.checkpoints.zoo import by_zoo
from cnnviz.nets.public import InputStatistics

__all__ = ["Identification", "identify", "identify_network"]


@dataclass(frozen=True, eq=False)
class Identification:
    """What the weights of one network are.

    Attributes
    ----------
    candidates : tuple of Candidate
        Best first; empty where the weights make no network.
    reason : str
        Why the weights alone make no whole network, as the end of a sentence; empty where they may make one.
    lacking : str
        Which packages know the network but are not installed, in a sentence; empty where none is needed.
    """

    candidates: tuple[Candidate, ...]
    reason: str = ""
    lacking: str = ""


def identify(contents: Contents, select: str | None = None) -> tuple[Candidate, ...]:
    """Every architecture that a network in a file may be, best first.

    Parameters
    ----------
    select
        Which of several networks, by its container; by default the first.
    """
    for network in networks_in(contents):
        if select in (None, network.select):
            return identify_network(contents, network).candidates
    return ()


def identify_network(contents: Contents, network: SavedNetwork) -> Identification:
    """What ``network``, one of those in the file, is."""
    own = _by_metadata(contents, network)
    if own is not None:
        return Identification((own,))
    if (built := by_modules(contents)) is not None:
        return Identification((built,))
    if reason := _no_network(network):
        return Identification((), reason)
    if found := by_names(network):
        return Identification(found)
    zoo = by_zoo(network)
    if zoo.candidates or zoo.lacking:
        return Identification(zoo.candidates, lacking=zoo.lacking)
    candidates = by_order(network)
    try:
        candidates += by_shapes(network)
    except NoChain as error:
        if not candidates:
            return Identification((), str(error))
    return Identification(tuple(sorted(candidates, key=lambda candidate: -candidate.confidence)))


def _by_metadata(contents: Contents, network: SavedNetwork) -> Candidate | None:
    """What this program wrote of the network when it saved it."""
    metadata = {key: value for key, value in contents.metadata.items() if isinstance(value, str)}
    if FORMAT_KEY not in metadata:
        return None
    try:
        card = NetworkCard.from_metadata(metadata)
    except CheckpointError:
        return None
    return Candidate(
        architecture=card.architecture,
        config=card.config,
        confidence=1.0,
        reasons=("The file was written by this program, and says so.",),
        names={name: entry.name for name, entry in network.entries.items()},
        rule="metadata",
        title=card.architecture,
        input_size=card.input_size,
        statistics=InputStatistics(card.mean, card.std),
        labels=card.labels,
    )


def _no_network(network: SavedNetwork) -> str:
    """Why single tensors are none, before layers are looked for."""
    entries = network.entries.values()
    if not any("float" in entry.dtype for entry in entries):
        return "none of its tensors holds floating-point numbers"
    layers = [entry for name, entry in network.entries.items() if name.rpartition(".")[2] == "weight"]
    if not layers:
        numbers = sum(math.prod(entry.shape) for entry in entries)
        tensors = "a single tensor" if len(network.entries) == 1 else f"{len(network.entries)} tensors"
        return f"it holds {tensors} of {numbers:,} number{'' if numbers == 1 else 's'} in all and no layer's weights"
    return ""
