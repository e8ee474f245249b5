"""Changes of the network before it is measured: another padding, another kind of pooling."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError
from cnnviz.core.choices import PADDING_WORDS, POOLING_WORDS
from cnnviz.core.network_changes import NetworkChange, SwapPooling, SwitchPadding

if TYPE_CHECKING:
    from cnnviz.checkpoints.open import OpenedNetwork


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """``--padding`` and ``--pooling``."""
    changes = parser.add_argument_group("changes of the network")
    changes.add_argument("--padding", choices=tuple(PADDING_WORDS), help="what every layer reads beyond its borders")
    changes.add_argument(
        "--pooling",
        choices=tuple(POOLING_WORDS),
        help="the kind of every pooling with a window, or, without any, of what pools at every stride",
    )


def changed(network: OpenedNetwork, arguments: argparse.Namespace) -> tuple[OpenedNetwork, list[str]]:
    """The network with the changes that are asked for, and what they are in words."""
    import torch

    from cnnviz.core.network_edits import CannotChange, change
    from cnnviz.core.trace import prepare

    wanted: list[NetworkChange] = []
    if arguments.pooling is not None:
        wanted.append(SwapPooling(arguments.pooling))
    if arguments.padding is not None:
        wanted.append(SwitchPadding(arguments.padding))
    if not wanted:
        return network, []
    graph = prepare(network.module, torch.zeros(1, *network.card.input_size)).graph
    try:
        module = change(network.module, graph, wanted).module
    except CannotChange as error:
        raise CommandError(str(error)) from error
    return replace(network, module=module), [each.words for each in wanted]
