"""Opens a network from disk: built from its card, filled with its weights, never unpickled."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.checkpoints.identify import network_path, read_card
from cnnviz.checkpoints.shipped import shipped_networks
from cnnviz.nets.registry import ArchitectureError, build

__all__ = ["OpenedNetwork", "open_network", "shipped_networks"]


@dataclass(frozen=True, eq=False)
class OpenedNetwork:
    """A network that is ready to be run."""

    name: str
    """The shipped name, else the file's name without its ending."""
    module: nn.Module
    """In evaluation mode, on the CPU."""
    card: NetworkCard
    path: Path
    non_finite: int
    """How many of its weights are infinite or not a number."""


def open_network(name_or_path: str | Path) -> OpenedNetwork:
    """Open a network that ships with the program, by name, or a file that ``cnnviz train`` has written.

    Raises
    ------
    CheckpointError
        There is no such network, or the file is not one that can be opened.
    """
    path = network_path(name_or_path)
    card = read_card(path)
    try:
        tensors = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); get the file again.") from error
    module = _filled(_empty_module(card, path), tensors, path)
    non_finite = sum(int((~torch.isfinite(tensor)).sum()) for tensor in tensors.values() if tensor.is_floating_point())
    return OpenedNetwork(path.stem, module, card, path, non_finite)


def _empty_module(card: NetworkCard, path: Path) -> nn.Module:
    """The network of the card without weights; nothing is allocated, however damaged the card."""
    try:
        with torch.device("meta"):
            module = build(card.architecture, card.config).eval()
            outputs = module(torch.empty(1, *card.input_size)).shape[1]
    except (ArchitectureError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CheckpointError(
            f"{path} describes a network that cannot be built ({reason}); get the file again, or train the network "
            "again with 'cnnviz train'."
        ) from error
    if outputs != len(card.labels):
        raise CheckpointError(f"{path} has {len(card.labels)} labels for {outputs} outputs; get the file again.")
    return module


def _filled(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    expected = module.state_dict()
    advice = "get the file again, or train the network again with 'cnnviz train'"
    for name in expected.keys() - tensors.keys():
        raise CheckpointError(f"{path} lacks the weights '{name}' of its architecture; {advice}.")
    for name in tensors.keys() - expected.keys():
        raise CheckpointError(f"{path} holds weights '{name}' that its architecture does not have; {advice}.")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise CheckpointError(
                f"{path} does not fit its architecture: '{name}' has shape {tuple(tensor.shape)}, "
                f"{tuple(expected[name].shape)} is expected; {advice}."
            )
        if tensor.is_complex() or tensor.is_floating_point() != expected[name].is_floating_point():
            raise CheckpointError(
                f"{path} does not fit its architecture: '{name}' holds {tensor.dtype}, "
                f"{expected[name].dtype} is expected; {advice}."
            )
    module.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}, assign=True)
    return module
