"""Reads the pickles of a file one after the other, and looks for names in whatever is left of it."""

from __future__ import annotations

from typing import Any

from .budget import Budget
from .constructors import Persistent, TensorMaker
from .names import Names
from .pickle_machine import PickleMachine
from .refusal import Refusal
from .source import Source


def _no_persistent(identifier: Any) -> Any:
    raise Refusal("a pickle in it refers to something outside itself")


class PickleReader:
    """All pickles of one file share its names and its limits."""

    def __init__(self) -> None:
        self.names = Names()
        self._budget = Budget()

    def read(self, source: Source, position: int = 0, persistent: Persistent = _no_persistent) -> tuple[Any, int]:
        """The value of the pickle at ``position``, and where it ends; names are kept even where it fails."""
        machine = PickleMachine(source, position, self.names, self._budget, TensorMaker(persistent))
        try:
            return machine.run(), machine.position
        except Refusal:
            self.names.search(source.data[machine.position :])
            raise

    def search(self, source: Source, position: int = 0) -> None:
        """Note the names in bytes that nothing reads."""
        self.names.search(source.data[position:])
