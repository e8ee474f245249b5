"""What is asked of the engine, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnnviz.core.network_changes import NetworkChange
from cnnviz.engine.observation import LoadedNetwork
from cnnviz.scene.models import NetworkChoice, Scene


@dataclass(frozen=True)
class Request:
    """A scene to show, and the panels that a person can see."""

    scene: Scene
    version: int
    visible: frozenset[str]


@dataclass(frozen=True)
class Delivery:
    """Results of one scene version, for one repaint.

    Attributes
    ----------
    complete : bool
        Every visible panel now shows this version (later deliveries of the same version only refine).
    network : LoadedNetwork or None
        The network that the results show.
    network_error : str or None
        Why the network that the scene names is not the one shown.
    refused : NetworkChoice or None
        That choice of the scene; the person may have made another since.
    refused_changes : tuple of NetworkChange, or None
        The scene's changes, where it is not shown with them.
    moved : NetworkChoice or None
        The choice of the scene whose device ran out of memory; ``network.choice`` is what goes on instead.
    forward_ms, total_ms : float or None
        Time of the forward pass, and from the start of the work to this delivery; None where there was no pass.
    device_memory : int or None
        Bytes that this process takes on the network's accelerator; None for the CPU.
    """

    version: int
    results: Mapping[str, Any]
    errors: Mapping[str, str]
    complete: bool = True
    network: LoadedNetwork | None = None
    network_error: str | None = None
    refused: NetworkChoice | None = None
    refused_changes: tuple[NetworkChange, ...] | None = None
    moved: NetworkChoice | None = None
    forward_ms: float | None = None
    total_ms: float | None = None
    device_memory: int | None = None
