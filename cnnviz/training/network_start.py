"""The network that a run starts with, made to fit the images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.checkpoints.identify import network_path, read_card
from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.shipped import shipped_networks
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import ARCHITECTURES, ArchitectureError, default_config, input_height_width
from cnnviz.training.initialization import build_seeded
from cnnviz.training.settings import NetworkStart, SettingsError


@dataclass(frozen=True)
class Blueprint:
    """An architecture with its settings, before it is known what it will tell apart.

    Attributes
    ----------
    config
        Every setting, as ``cnnviz.nets.registry.build`` takes them.
    input_size
        Channels, height, width.
    follows_data
        Whether its channels are those of the images.
    card
        Of the file whose architecture this is; None where it is none.
    """

    architecture: str
    config: dict[str, Any]
    input_size: tuple[int, int, int]
    follows_data: bool
    card: NetworkCard | None = None


def blueprint(start: NetworkStart) -> Blueprint:
    """What ``start`` names.

    Raises
    ------
    SettingsError, ArchitectureError, CheckpointError
        There is no such network, or its input size is not known.
    """
    name, chosen = start.name, dict(start.config)
    if name in ARCHITECTURES or name in PUBLIC_ARCHITECTURES:
        own = name in ARCHITECTURES
        config = (default_config(name) if own else dict(PUBLIC_ARCHITECTURES[name].settings)) | chosen
        height_width = input_height_width(name) if own else PUBLIC_ARCHITECTURES[name].input_height_width
        own_channels = config.get("channels")
        channels = own_channels if isinstance(own_channels, int) else 3
        follows = "channels" in config and "channels" not in chosen and start.input_size is None
        return Blueprint(name, config, start.input_size or (channels, *height_width), follows)
    if name in shipped_networks() or Path(name).exists():
        card = read_card(network_path(name))
        follows = not start.keep_weights and "channels" in card.config
        return Blueprint(card.architecture, card.config | chosen, card.input_size, follows, card)
    if not chosen:
        known = ", ".join([*ARCHITECTURES, *shipped_networks()])
        raise ArchitectureError(f"There is no architecture '{name}'; choose one of {known}, or give a file.")
    if start.input_size is None:
        raise SettingsError(f"The input size of the architecture '{name}' is not given; give channels, height, width.")
    return Blueprint(name, chosen, start.input_size, follows_data=False)


def starting_module(
    start: NetworkStart, plan: Blueprint, channels: int, classes: int, seed: int
) -> tuple[nn.Module, dict[str, Any], str]:
    """A module that takes images of ``channels`` and tells ``classes`` apart, its settings, and what is to be said.

    Raises
    ------
    SettingsError, ArchitectureError, CheckpointError
        The network cannot be built, or not for so many classes.
    """
    config = dict(plan.config)
    if plan.follows_data:
        config["channels"] = channels
    if "classes" in config:
        config["classes"] = classes
    module = build_seeded(plan.architecture, config, seed)
    note = _keep_weights(module, start.name) if start.keep_weights else ""
    _check_outputs(module, (channels, *plan.input_size[1:]), classes)
    return module, config, note


def _keep_weights(module: nn.Module, name: str) -> str:
    """Fill ``module`` with the weights of a file; layers of other sizes stay as they are, and are named."""
    kept = open_network(name).module.state_dict()
    own = module.state_dict()
    if kept.keys() != own.keys():
        raise SettingsError(f"{name} has other layers than its architecture; it can be shown, but not trained further.")
    other = [key for key, tensor in kept.items() if tensor.shape != own[key].shape]
    module.load_state_dict(own | {key: tensor for key, tensor in kept.items() if key not in other})
    layers = dict.fromkeys(key.rpartition(".")[0] for key in other)
    return f"{', '.join(layers)} starts anew, since the data have other classes or channels." if layers else ""


def _check_outputs(module: nn.Module, size: tuple[int, int, int], classes: int) -> None:
    """Run the network once on an empty image."""
    shown = "×".join(map(str, size))
    try:
        with torch.no_grad():
            shape = tuple(module.eval()(torch.zeros(1, *size)).shape)
    except (RuntimeError, ValueError, IndexError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise SettingsError(f"The network cannot run on images of {shown} ({first}); change its layers.") from error
    if shape != (1, classes):
        outputs = "×".join(map(str, shape[1:]))
        raise SettingsError(
            f"The network gives {outputs or 'no'} outputs for an image of {shown}, but there are {classes} classes; "
            f"let its last layer give {classes}."
        )
