"""Which networks a file holds: containers opened, wrappers' prefixes taken off, and both told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cnnviz.checkpoints.contents import Contents, TensorEntry

# Keys under which training programs save a network's weights; nothing else is called so.
_CONTAINERS = frozenset(
    {
        *("state_dict", "model_state_dict", "model_state", "net_state_dict", "network_state_dict", "weights"),
        *("params", "params_ema", "ema_state_dict", "model_ema", "ema_model", "state_dict_ema", "my_state_dict"),
        *("model_weights", "module_state_dict", "teacher_state_dict", "student_state_dict"),
        *("G_state_dict", "D_state_dict", "generator_state_dict", "discriminator_state_dict"),
    }
)
# Keys of a container as well as of a part of a network: they are containers where all beside them is none.
_CONTAINERS_OR_PARTS = frozenset(
    {
        *("model", "net", "network", "ema", "module", "my_model"),
        *("generator", "discriminator", "netG", "netD", "net_g", "net_d", "G", "D", "G_ema", "g_ema"),
        *("teacher", "student", "actor", "critic"),
    }
)
_TRAINING_STATE = ("optim", "sched", "lr_sched", "scaler", "amp", "loops", "callbacks", "rng", "random", "momentum")
# What wrappers of torch, Lightning and people's own classes put before every name.
_WRAPPERS = frozenset({"module", "_orig_mod", "model", "net", "network", "_model", "_module", "state_dict"})


@dataclass(frozen=True)
class SavedNetwork:
    """The weights of one network in a file.

    Attributes
    ----------
    select : str
        The name by which it is chosen: its container; empty where the file is the network.
    removed : tuple of str
        Prefixes that were taken off every name, outermost first, among them the container's.
    entries : mapping of str to TensorEntry
        By name without these prefixes; the entry has the name in the file.
    """

    select: str
    removed: tuple[str, ...]
    entries: Mapping[str, TensorEntry]

    def unwrapped(self) -> SavedNetwork | None:
        """Without the first part of the names, where all have the same one before a further part; else None."""
        first = {name.partition(".")[0] for name in self.entries}
        if len(first) != 1 or not all("." in name for name in self.entries):
            return None
        (prefix,) = first
        entries = {name.partition(".")[2]: entry for name, entry in self.entries.items()}
        return SavedNetwork(self.select, (*self.removed, f"{prefix}."), MappingProxyType(entries))


def networks_in(contents: Contents) -> tuple[SavedNetwork, ...]:
    """The networks among the tensors of a file; what training alone needs is left out.

    Tensors are in the order of the file, which is that of the layers, but for safetensors: those are sorted by name
    there, so that the natural order says more.
    """
    entries = contents.entries
    if contents.format != "safetensors":
        entries = tuple(sorted(entries, key=lambda entry: entry.position))
    return tuple(_without_wrappers(network) for network in _split("", (), {entry.name: entry for entry in entries}))


def _split(select: str, removed: tuple[str, ...], entries: Mapping[str, TensorEntry]) -> list[SavedNetwork]:
    """Open containers until there is none."""
    groups: dict[str, dict[str, TensorEntry]] = {}
    for name, entry in entries.items():
        first, dot, rest = name.partition(".")
        groups.setdefault(first if dot else "", {})[rest if dot else name] = entry
    kept = {first: group for first, group in groups.items() if not _is_training_state(first)}
    containers = [first for first in kept if first in _CONTAINERS]
    if not containers and all(first in _CONTAINERS_OR_PARTS or not first for first in kept):
        containers = [first for first in kept if first]
    if not containers:
        remaining = {name: entry for name, entry in entries.items() if not _is_training_state(name.partition(".")[0])}
        return [SavedNetwork(select, removed, MappingProxyType(remaining))] if remaining else []
    return [
        network
        for first in containers
        for network in _split(f"{select}.{first}" if select else first, (*removed, f"{first}."), kept[first])
    ]


def _is_training_state(first: str) -> bool:
    return first.lower().startswith(_TRAINING_STATE)


def _without_wrappers(network: SavedNetwork) -> SavedNetwork:
    while (inner := network.unwrapped()) is not None and inner.removed[-1][:-1] in _WRAPPERS:
        network = inner
    return network
