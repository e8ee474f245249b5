"""Loads the network that a scene names, and keeps the one that worked last."""

from __future__ import annotations

import inspect
import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.core.network_changes import NetworkChange
from cnnviz.engine.changed_network import ChangedNetworks
from cnnviz.engine.devices import leave_a_core_to_the_window, resolve_device
from cnnviz.engine.failures import plain_words
from cnnviz.engine.live import handed_over
from cnnviz.engine.observation import LoadedNetwork, dtype_of
from cnnviz.engine.panel import Cancelled, ComputeCancelled
from cnnviz.engine.refillable_network import KEPT, RefillableNetwork
from cnnviz.engine.training_weights import KIND, build_module, checkpoint_title, last_checkpoint, newest, run_title
from cnnviz.scene.models import NetworkChoice

if TYPE_CHECKING:
    from torch import nn

    from cnnviz.checkpoints.card import NetworkCard
    from cnnviz.training.weights_file import WeightsReader


# from this size on in bytes, the first filters of a file are shown before it has been opened
LARGE_FILE = 32 * 2**20


class NetworkUnavailable(ValueError):
    """The network that the scene names cannot be shown; says why, in one sentence."""


_generations = itertools.count(1)
"""Of the whole process: what panels keep of one window's network is never taken for that of another."""


class NetworkHost:
    """Turns a :class:`NetworkChoice` into a :class:`LoadedNetwork`; used by one thread."""

    def __init__(self) -> None:
        self._choice: NetworkChoice | None = None
        self._made: ChangedNetworks | None = None
        self._loaded: LoadedNetwork | None = None
        self._run: RefillableNetwork | None = None
        self._reader: WeightsReader | None = None

    @property
    def loaded(self) -> LoadedNetwork | None:
        return self._loaded

    def first_layer(self, choice: NetworkChoice, cancelled: Cancelled = lambda: False) -> LoadedNetwork | None:
        """The first layer of a large file that is to be opened, ahead of all the rest; None where nothing is gained.

        Raises ComputeCancelled where ``cancelled`` said so.
        """
        kind, _, name = choice.source.partition(":")
        if kind != "file" or choice == self._choice or _size(name) < LARGE_FILE:
            return None
        import torch

        from cnnviz.checkpoints.card import CheckpointError
        from cnnviz.checkpoints.leaving import FileLeft, left_when
        from cnnviz.checkpoints.loose_layers import first_layer
        from cnnviz.core.trace import prepare

        leave_a_core_to_the_window()
        try:
            with left_when(cancelled):
                found = first_layer(Path(name), choice.select)
        except FileLeft:
            raise ComputeCancelled from None
        except (CheckpointError, OSError):
            return None  # said where the whole of it is opened
        if found is None:
            return None
        traced = prepare(found.module, torch.zeros(1, *found.card.input_size, dtype=dtype_of(found.module)))
        device = torch.device("cpu")
        return LoadedNetwork(Path(name).stem, choice, found.card, traced, device, next(_generations), lacks=found.lacks)

    def load(
        self, choice: NetworkChoice, changes: tuple[NetworkChange, ...] = (), cancelled: Cancelled = lambda: False
    ) -> LoadedNetwork:
        """The network of ``choice`` with ``changes``; loaded only where it is another than before.

        Raises
        ------
        NetworkUnavailable
            It cannot be opened, traced or put on the device; the one before stays.
        ComputeCancelled
            ``cancelled`` said so; the one before stays.
        ChangesRefused
            It cannot have these changes; the one before stays, or where it is another one it is shown without them.
        """
        if self._made is None or choice != self._choice:
            self._take(self._refilled(choice) or self._open(choice, cancelled))
            self._choice = choice
        elif self.is_behind(choice):
            self._take(self._trained_further(choice) or self._open(choice, cancelled))
        assert self._made is not None
        self._loaded = self._made.get(changes)
        return self._loaded

    def is_behind(self, choice: NetworkChoice) -> bool:
        """Whether the run that ``choice`` names, and that is shown, has newer weights by now."""
        weights = newest(choice.source)
        return weights is not None and self._made is not None and self._made.base.offer != weights.number

    def _take(self, base: LoadedNetwork) -> LoadedNetwork:
        self._made = ChangedNetworks(base, lambda: next(_generations))
        self._loaded = base
        return base

    def move_to_cpu(self) -> LoadedNetwork:
        """Go on with the same network on the CPU, as the accelerator ran out of memory; errors as of :meth:`load`."""
        if self._choice is None:
            raise NetworkUnavailable("There is no network yet.")
        changes = self._loaded.changes if self._loaded is not None else ()
        self._choice = self._choice.model_copy(update={"device": "cpu"})
        self._take(self._open(self._choice))
        return self.load(self._choice, changes)

    def _refilled(self, choice: NetworkChoice) -> LoadedNetwork | None:
        """The network that is there with the weights of another checkpoint of its run; None where it is another."""
        if self._made is None:
            return None
        base = self._made.base
        if self._run is None or self._run.network is not base:
            self._run = RefillableNetwork(base)
        return self._run.refilled(choice, lambda: next(_generations))

    def _trained_further(self, choice: NetworkChoice) -> LoadedNetwork | None:
        """The network that is there with the newest weights of its run; None where that has another card by now."""
        from cnnviz.training.weights_file import WeightsReader

        weights = newest(choice.source)
        assert self._made is not None
        base = self._made.base
        if weights is None or base.offer == 0 or weights.card != base.card:
            return None
        if self._reader is None or self._reader.module is not base.module:
            self._reader = WeightsReader(base.module)
        self._reader.fill(weights.data)
        known = {name: value for name, value in vars(base).items() if name in KEPT}
        network = replace(base, generation=next(_generations), offer=weights.number)
        vars(network).update(known)
        return network

    def _open(self, choice: NetworkChoice, cancelled: Cancelled = lambda: False) -> LoadedNetwork:
        import torch

        from cnnviz.checkpoints.leaving import FileLeft, left_when
        from cnnviz.core.trace import prepare

        leave_a_core_to_the_window()
        try:
            with left_when(cancelled):
                opened = _opened(choice)
        except FileLeft:
            raise ComputeCancelled from None
        if cancelled():
            raise ComputeCancelled
        name, module, card = opened.name, opened.module, opened.card
        own = next(module.parameters(), None)
        # a module handed over is shared with the person's own program, and stays where that has it
        stays = choice.source.startswith("live:") and choice.device == "auto" and own is not None
        try:
            device = own.device if stays and own is not None else resolve_device(choice.device)
        except ValueError as error:
            raise NetworkUnavailable(str(error)) from error
        try:
            module = module.to(device)
            traced = prepare(module, torch.zeros(1, *card.input_size, device=device, dtype=dtype_of(module)))
        except torch.OutOfMemoryError as error:
            raise NetworkUnavailable(
                f"{name} does not fit into the memory of {device}; choose the device cpu."
            ) from error
        except (Exception, SystemExit) as error:
            size = "×".join(map(str, card.input_size))
            first = plain_words(error)
            advice = "Open it with the input size that it was made for."
            if _takes_more(module):
                advice = "It takes more than one image: hand over a module that gives it the others itself."
            raise NetworkUnavailable(f"{name} cannot run on an input of {size}: {first}. {advice}") from error
        if cancelled():
            raise ComputeCancelled
        generation = next(_generations)
        return LoadedNetwork(
            name, choice, card, traced, device, generation, opened.asks, opened.lacks, offer=opened.offer
        )


def _takes_more(module: nn.Module) -> bool:
    """Whether ``forward`` has to be given more than one argument."""
    try:
        inspect.signature(module.forward).bind(None)
    except TypeError:
        return True
    except ValueError:
        pass  # a compiled function does not tell
    return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


@dataclass(frozen=True, eq=False)
class _Opened:
    """A network before it is traced; see :class:`cnnviz.engine.observation.LoadedNetwork`."""

    name: str
    module: nn.Module
    card: NetworkCard
    asks: str = ""
    lacks: str = ""
    offer: int = 0


def _opened(choice: NetworkChoice) -> _Opened:
    kind, _, name = choice.source.partition(":")
    if kind == "live":
        found = handed_over(name)
        if found is None:
            raise NetworkUnavailable(
                f"The module {name} was handed over from Python and is gone with that program; "
                "call cnnviz.show(module) again, or choose another network."
            )
        return _Opened(name, *found)
    if kind == KIND:
        weights = newest(choice.source)
        if weights is not None:
            return _Opened(run_title(weights.card), build_module(weights), weights.card, offer=weights.number)
        last = last_checkpoint(choice.source)
        if last is None:
            raise NetworkUnavailable(f"The run in {name} is over and kept no network; train it anew.")
        name = str(last)
    from cnnviz.checkpoints.card import CheckpointError
    from cnnviz.checkpoints.open import open_network

    try:
        opened = open_network(
            name, accept=choice.accept, answer=choice.answer, select=choice.select, trust=choice.trust, loose=True
        )
    except CheckpointError as error:
        raise NetworkUnavailable(str(error)) from error
    return _Opened(checkpoint_title(opened.path, opened.card), opened.module, opened.card, opened.asks, opened.lacks)
