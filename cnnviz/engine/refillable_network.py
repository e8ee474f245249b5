"""A network that takes the weights of the other checkpoints of its run without being opened anew."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from cnnviz.engine.observation import LoadedNetwork, dtype_of
from cnnviz.engine.training_weights import checkpoint_title
from cnnviz.scene.models import NetworkChoice

KEPT = ("receptive_fields", "pixel_reach")
"""What was worked out from the graph alone, and holds for all checkpoints of a run."""


class RefillableNetwork:
    """Holds the network that was loaded last; from the second checkpoint on it is a copy of its own."""

    def __init__(self, network: LoadedNetwork) -> None:
        self.network = network
        self._names: Mapping[str, str] | None = None
        self._is_copy = False

    def refilled(self, choice: NetworkChoice, next_generation: Callable[[], int]) -> LoadedNetwork | None:
        """The network with the weights of ``choice``; None where that is no other checkpoint of the same network."""
        before = self.network.choice
        if not may_be_of_one_run(before, choice):
            return None
        import torch

        from cnnviz.checkpoints.refilling import names_in, refill, weights_like
        from cnnviz.core.trace import prepare

        path = Path(choice.source.partition(":")[2])
        network = self.network
        if self._names is None:
            self._names = names_in(Path(before.source.partition(":")[2]), network.module, before.select)
        weights = weights_like(path, self._names, network.module, network.card)
        if weights is None:
            return None
        traced = network.traced
        if not self._is_copy:
            # the module that was opened may be known elsewhere by its file, and keeps that file's weights
            module = copy.deepcopy(network.module)
            example = torch.zeros(1, *network.card.input_size, device=network.device, dtype=dtype_of(module))
            traced = prepare(module, example)
            self._is_copy = True
        refill(traced.module, weights)
        card = weights.card or network.card
        known = {name: value for name, value in vars(network).items() if name in KEPT}
        name = checkpoint_title(path, card)
        self.network = replace(
            network, name=name, choice=choice, card=card, traced=traced, generation=next_generation(), asks=""
        )
        if traced is network.traced:
            vars(self.network).update(known)  # they are those of the graph, which is the same
        return self.network


def may_be_of_one_run(one: NetworkChoice, other: NetworkChoice) -> bool:
    """Whether both are files of one folder, opened alike."""
    if not (one.source.startswith("file:") and other.source.startswith("file:")):
        return False
    alike = one.model_copy(update={"source": other.source}) == other
    return alike and Path(one.source).parent == Path(other.source).parent
