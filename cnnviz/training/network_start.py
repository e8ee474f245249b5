"""The network that a run starts with, made to fit the images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.checkpoints.identify import network_path, read_card
from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.shipped import shipped_networks
from cnnviz.core.error_words import first_line
from cnnviz.nets.layer_table import LAYER_TABLE
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import ARCHITECTURES, ArchitectureError, default_config, input_height_width, table_of
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
    follows_size
        Whether it takes images of any height and width, and so those that there are.
    """

    architecture: str
    config: dict[str, Any]
    input_size: tuple[int, int, int]
    follows_data: bool
    card: NetworkCard | None = None
    follows_size: bool = False

    def sized(self, height: int, width: int) -> Blueprint:
        """For images of this size, where it follows theirs."""
        if not self.follows_size:
            return self
        config = self.config | {"height_width": [height, width]}
        return replace(self, config=config, input_size=(self.input_size[0], height, width))


def blueprint(start: NetworkStart) -> Blueprint:
    """What ``start`` names.

    Raises
    ------
    SettingsError, ArchitectureError, CheckpointError
        There is no such network, or its input size is not known.
    """
    name, chosen = start.name, dict(start.config)
    if name == LAYER_TABLE:
        return _table_blueprint(start)
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
        known = ", ".join(dict.fromkeys([*ARCHITECTURES, *shipped_networks()]))
        raise ArchitectureError(f"There is no architecture '{name}'; choose one of {known}, or give a file.")
    if start.input_size is None:
        raise SettingsError(f"The input size of the architecture '{name}' is not given; give channels, height, width.")
    return Blueprint(name, chosen, start.input_size, follows_data=False)


_SIZE_OF_FOLDERS = (64, 64)
"""To which the images of a folder are brought where a table does not say."""


def _table_blueprint(start: NetworkStart) -> Blueprint:
    table = table_of(start.config)
    if start.input_size is not None:
        table = table.model_copy(update={"height_width": start.input_size[1:]})
    size = table.height_width or _SIZE_OF_FOLDERS
    channels = start.input_size[0] if start.input_size is not None else start.config.get("channels", 1)
    config = {"channels": channels, "classes": 10, **table.model_dump(mode="json"), "height_width": list(size)}
    follows = start.input_size is None and "channels" not in start.config
    if not isinstance(channels, int):
        raise ArchitectureError(f"A table of layers has a number of channels, and not {channels!r}.")
    return Blueprint(LAYER_TABLE, config, (channels, *size), follows, follows_size=table.height_width is None)


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
        why = first_line(error)
        raise SettingsError(f"The network cannot run on images of {shown} ({why}); change its layers.") from error
    if shape != (1, classes):
        outputs = "×".join(map(str, shape[1:]))
        raise SettingsError(
            f"The network gives {outputs or 'no'} outputs for an image of {shown}, but there are {classes} classes; "
            f"let its last layer give {classes}."
        )
