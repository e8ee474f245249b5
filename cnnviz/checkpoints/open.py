"""Opens a network from disk, ready to be run and shown; nothing in its file is executed."""

import math
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.filling import DoesNotFit, filled
from cnnviz.checkpoints.identify import is_own, network_path, read_card
from cnnviz.checkpoints.shipped import shipped_networks
from cnnviz.nets.registry import ArchitectureError, build

LARGEST_INPUT = 2**24
"""Values of one image beyond which a card is held for damaged."""

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
    asks: str = ""
    """What the person is to be asked before the answers mean anything; empty where all is known."""


def open_network(name_or_path: str | Path, *, accept: bool = False) -> OpenedNetwork:
    """Open a network that ships with the program, by name, or any file of weights that is known to be a network.

    With ``accept`` the best answer to what a file may be is taken, although it is not sure, and kept for this file.
    Where nothing tells how images are normalised they are taken as they are, in [0, 1], and ``asks`` says so.

    Raises
    ------
    CheckpointError
        There is no such network, or the file is not one that can be shown; the message says what to do next.
    """
    path = network_path(name_or_path)
    asks = ""
    if is_own(path):
        module, card = _own(path)
    else:
        module, card, asks = _foreign(path, accept)
    state = module.state_dict().values()
    non_finite = sum(int((~torch.isfinite(tensor)).sum()) for tensor in state if tensor.is_floating_point())
    return OpenedNetwork(path.stem, module, card, path, non_finite, asks)


def _own(path: Path) -> tuple[nn.Module, NetworkCard]:
    card = read_card(path)
    try:
        tensors = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); get the file again.") from error
    try:
        module = filled(_empty_module(card, path), {name: name for name in tensors}, tensors.__getitem__)
    except DoesNotFit as error:
        raise CheckpointError(
            f"{path} does not fit its architecture: {error}; get the file again, or train the network again with "
            "'cnnviz train'."
        ) from error
    _check_runs(module, card, path)
    return module, card


def _foreign(path: Path, accept: bool) -> tuple[nn.Module, NetworkCard, str]:
    found = open_checkpoint(path, accept=accept)
    if found.status == "refused":
        raise CheckpointError(f"{found.message} Get the file again, or open another.")
    if found.module is None or found.input_size is None:
        raise CheckpointError(found.message)
    if found.card is not None:
        return found.module, found.card, ""
    asks = (
        f"{path.name} does not say how its images are normalised: they are given as they are, in [0, 1]. "
        "Set mean and std in the Input panel if it was trained on others."
    )
    return found.module, _plain_card(found.module, found.input_size, found.architecture or path.stem), asks


def _plain_card(module: nn.Module, size: tuple[int, int, int], architecture: str) -> NetworkCard:
    """A card without normalisation and with numbered classes."""
    with torch.no_grad():
        outputs = module(torch.zeros(1, *size)).shape[1]
    return NetworkCard(
        architecture=architecture,
        config={},
        labels=tuple(f"class {index}" for index in range(outputs)),
        input_size=size,
        mean=(0.0,) * size[0],
        std=(1.0,) * size[0],
        dataset="",
    )


def _empty_module(card: NetworkCard, path: Path) -> nn.Module:
    """The network of the card without weights; nothing is allocated, however damaged the card."""
    try:
        with torch.device("meta"):
            return build(card.architecture, card.config).eval()
    except (ArchitectureError, RuntimeError) as error:
        raise _cannot_be_built(path, str(error)) from error


def _check_runs(module: nn.Module, card: NetworkCard, path: Path) -> None:
    """Run the network once on an empty image: its card must say what it takes and how many classes it tells.

    On the CPU, not on the meta device, whose first use imports a compiler and takes a second.
    """
    size = "×".join(map(str, card.input_size))
    if math.prod(card.input_size) > LARGEST_INPUT:
        raise _cannot_be_built(path, f"its images of {size} are larger than any that are shown")
    try:
        with torch.no_grad():
            kind = next((each.dtype for each in module.parameters() if each.is_floating_point()), torch.float32)
            outputs = module(torch.zeros(1, *card.input_size, dtype=kind)).shape[1]
    except (RuntimeError, IndexError) as error:
        raise _cannot_be_built(path, str(error)) from error
    if outputs != len(card.labels):
        raise CheckpointError(f"{path} has {len(card.labels)} labels for {outputs} outputs; get the file again.")


def _cannot_be_built(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} describes a network that cannot be built ({reason.splitlines()[0].rstrip('.')}); get the file again, "
        "or train the network again with 'cnnviz train'."
    )
