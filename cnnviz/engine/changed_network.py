"""A network with the changes that a scene asks for, ready to be traced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from cnnviz.core.network_changes import NetworkChange, describe
from cnnviz.engine.failures import plain_words
from cnnviz.engine.observation import LoadedNetwork, dtype_of

if TYPE_CHECKING:
    from cnnviz.core.graph import LayerGraph

KEPT = 8
"""Changed networks that are kept, so that going back and forth between them is fast; they share their weights."""


class ChangesRefused(ValueError):
    """The changes do not fit the network, or the network does not run with them; says why, in one sentence."""


class ChangedNetworks:
    """The networks made of one that was loaded, by their changes; used by one thread."""

    def __init__(self, base: LoadedNetwork, next_generation: Callable[[], int]) -> None:
        self.base = base
        self._next_generation = next_generation
        self._made: dict[tuple[NetworkChange, ...], LoadedNetwork] = {}

    def get(self, changes: tuple[NetworkChange, ...]) -> LoadedNetwork:
        """The network with ``changes``; without any the one that was loaded, itself. Raises ChangesRefused."""
        if not changes:
            return self.base
        made = self._made.pop(changes, None) or self._make(changes)
        self._made[changes] = made  # last used, last forgotten
        while len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        return made

    def _make(self, changes: tuple[NetworkChange, ...]) -> LoadedNetwork:
        import torch

        from cnnviz.core.network_edits import CannotChange, change
        from cnnviz.core.trace import prepare

        base = self.base
        try:
            changed = change(base.module, base.graph, changes)
        except CannotChange as error:
            raise ChangesRefused(str(error)) from error
        example = torch.zeros(1, *base.card.input_size, device=base.device, dtype=dtype_of(base.module))
        try:
            traced = prepare(changed.module, example)
        except (Exception, SystemExit) as error:
            why = _fixed_size(base.graph) if "mat1 and mat2" in str(error) else plain_words(error)
            raise ChangesRefused(f"With {describe(changes)} {base.name} does not run: {why}.") from error
        return replace(
            base,
            traced=traced,
            generation=self._next_generation(),
            changes=changes,
            left=changed.left,
            changed_layers=changed.layers,
            unchanged=base,
        )


def _fixed_size(graph: LayerGraph) -> str:
    linear = next((layer for layer in graph if layer.kind == "Linear"), None)
    if linear is None:
        return "its maps get other sizes, and a matrix product takes those that it was made for alone"
    before = graph[linear.inputs[0]].output_shape
    return (
        f"its maps get other sizes, and {linear.name} takes {before[-1]:,} values alone; choose a stride and a padding "
        "that keep the sizes"
    )
