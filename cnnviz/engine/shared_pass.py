"""One forward pass, shared by all that ask for layers of it."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cnnviz.engine.input_tensor import input_tensor
from cnnviz.engine.observation import Observation
from cnnviz.engine.panel import Cancelled, ComputeCancelled
from cnnviz.engine.same import input_key

if TYPE_CHECKING:
    from cnnviz.core.trace import Trace


class SharedPass:
    """Keeps the last forward pass until network or input change; used by one thread.

    Attributes
    ----------
    milliseconds : float or None
        Of the pass that the last call of :meth:`look` made; None where it made none.
    """

    def __init__(self) -> None:
        self.milliseconds: float | None = None
        self._key: tuple[Any, ...] = ()
        self._layers: frozenset[str] = frozenset()
        self._trace: Trace | None = None

    def look(self, observation: Observation, layers: Collection[str], cancelled: Cancelled) -> Observation:
        """``observation`` with the values of ``layers`` and the network's output, of the last pass where it has them.

        Raises
        ------
        ComputeCancelled
            As asked by ``cancelled``.
        Exception
            Whatever the network raises.
        """
        from cnnviz.core.trace import Cancelled as PassCancelled

        self.milliseconds = None
        key = pass_key(observation)
        known = self._layers if key == self._key else frozenset()
        if self._trace is None or key != self._key or not known.issuperset(layers):
            # what was recorded before is let go first: both passes may not fit the memory
            self._key, self._layers, self._trace = key, known.union(layers), None
            begun = time.perf_counter()
            try:
                self._trace = observation.network.traced.run(
                    input_tensor(observation), self._layers, cancelled=cancelled
                )
            except PassCancelled:
                raise ComputeCancelled from None
            self.milliseconds = (time.perf_counter() - begun) * 1e3
        return replace(observation, values=self._trace.values, output=self._trace.output)


def pass_key(observation: Observation) -> tuple[Any, ...]:
    """Equal for the same weights and the same input, whose forward pass is the same."""
    return observation.network.generation, *input_key(observation)
