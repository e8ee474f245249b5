"""What tells that a result still holds: keys that are equal for the same network and the same input."""

from __future__ import annotations

from typing import Any

from cnnviz.engine.observation import LoadedNetwork, Observation


class Identity:
    """Compares by identity and keeps what it compares alive, so that its address is not used again."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def network_key(network: LoadedNetwork, *, with_weights: bool) -> object:
    """Equal for the same network with the same weights, or with whatever weights a run has given it."""
    return network.generation if with_weights else (Identity(network.traced), Identity(network.card), network.choice)


def input_key(observation: Observation) -> tuple[Any, ...]:
    """Equal for the same pixels, normalised alike: the pipeline hands the same arrays out for what did not change."""
    rendered = observation.rendered
    return Identity(rendered.fitted), Identity(rendered.edited), observation.mean, observation.std
