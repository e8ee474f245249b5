"""Opens a network from disk, ready to be run and shown; nothing in its file is executed unless the person trusts it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from cnnviz.checkpoints.card import CheckpointError, NetworkCard, numbered_labels
from cnnviz.checkpoints.identify import is_own, network_path
from cnnviz.checkpoints.own import open_own
from cnnviz.checkpoints.shipped import shipped_networks

if TYPE_CHECKING:
    from cnnviz.checkpoints.chain_table import ChainGuess
    from cnnviz.checkpoints.checkpoint import Checkpoint

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
    asks: str = ""
    """What the person is to be asked before the answers mean anything; empty where all is known."""
    lacks: str = ""
    """Why ``module`` is no whole network but :class:`~cnnviz.checkpoints.loose_layers.LooseLayers`."""

    @cached_property
    def non_finite(self) -> int:
        """How many of its weights are infinite or not a number; all of them are read for it."""
        state = self.module.state_dict().values()
        return sum(int((~torch.isfinite(tensor)).sum()) for tensor in state if tensor.is_floating_point())


def open_network(
    name_or_path: str | Path,
    *,
    accept: bool = False,
    answer: ChainGuess | None = None,
    select: str | None = None,
    trust: bool = False,
    loose: bool = False,
) -> OpenedNetwork:
    """Open a network that ships with the program, by name, or any file of weights that is known to be a network.

    Where nothing tells how images are normalised they are taken as they are, in [0, 1], and ``asks`` says so.

    Parameters
    ----------
    accept
        Take the best answer to what the file may be, although it is not sure, and keep it for this file.
    answer
        Take this answer of the person's, and keep it for this file.
    select
        Which of several networks in the file; by default the first.
    trust
        The person trusts who made this file: torch may run the program that it is. This is kept for the file.
    loose
        Of a file that is no whole network, give its layers as they are, of which one runs at most.

    Raises
    ------
    CheckpointError
        There is no such network, or the file is not one that can be shown; the message says what to do next.
    """
    path = network_path(name_or_path)
    if is_own(path):
        return OpenedNetwork(path.stem, *open_own(path), path)
    found = _looked_at(path, accept, answer, select, trust)
    if found.module is not None and found.input_size is not None:
        return _alive(path, found.module, found.input_size, found)
    from cnnviz.checkpoints.loose_layers import loose_network

    layers = loose_network(found) if loose else None
    if layers is None:
        raise CheckpointError(found.message)
    return OpenedNetwork(path.stem, layers.module, layers.card, path, lacks=layers.lacks)


def _looked_at(path: Path, accept: bool, answer: ChainGuess | None, select: str | None, trust: bool) -> Checkpoint:
    # what reads files from elsewhere takes a while to import, on which the program's first picture would wait
    from cnnviz.checkpoints.chain_guess import open_questions
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.checkpoints.recent import look_at

    if trust:
        return open_checkpoint(path, select=select, trust=True)
    if answer is None:
        return open_checkpoint(path, select=select, accept=True) if accept else look_at(path, select)
    found = look_at(path, select)
    base = answer.base_among(found.candidates)
    if base is None:
        raise CheckpointError(f"{path} is no longer what the answer was given for; look at it again in panel Guess.")
    candidate = answer.applied_to(base)
    # what is kept already is not written again, for which the whole file would have to be read
    if found.module is not None and base.rule == "accepted" and answer == open_questions(base):
        return found
    return open_checkpoint(path, select=select, accept=candidate)


def _alive(path: Path, module: nn.Module, size: tuple[int, int, int], found: Checkpoint) -> OpenedNetwork:
    if found.card is not None:
        return OpenedNetwork(path.stem, module, found.card, path)
    asks = (
        f"{path.name} does not say how its images are normalised: they are given as they are, in [0, 1]. "
        "Set mean and std in the panel Guess, which can try the usual ones on labelled images, or in the Input panel."
    )
    return OpenedNetwork(path.stem, module, _plain_card(module, size, found.architecture or path.stem), path, asks)


def _plain_card(module: nn.Module, size: tuple[int, int, int], architecture: str) -> NetworkCard:
    """A card without normalisation and with numbered classes."""
    with torch.no_grad():
        outputs = module(torch.zeros(1, *size)).shape[1]
    return NetworkCard(
        architecture=architecture,
        config={},
        labels=numbered_labels(outputs),
        input_size=size,
        mean=(0.0,) * size[0],
        std=(1.0,) * size[0],
        dataset="",
    )
