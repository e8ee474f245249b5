"""The calls of a network, as ``torch.fx`` sees them."""

import inspect
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from cnnviz.core.layers import LayerTracer

CALLS = "_cnnviz_calls"
"""The attribute by which a module says that these are its calls, rather than what its code would be traced to."""


@dataclass(frozen=True, eq=False)
class Calls:
    """What a network computes, one node a call.

    Attributes
    ----------
    graph : fx.Graph
    constants : dict of str to object
        What the graph names and the module does not have.
    """

    graph: fx.Graph
    constants: dict[str, Any]


def calls_of(module: nn.Module) -> Calls:
    """Follow the code of ``module`` symbolically; raises what that raises."""
    known = getattr(module, CALLS, None)
    if isinstance(known, Calls):
        return known
    parameters = list(inspect.signature(module.forward).parameters.values())
    # Left as proxies, optional inputs would look given: ``mask is not None`` is true for a proxy.
    defaults = {p.name: p.default for p in parameters[1:] if p.default is not inspect.Parameter.empty}
    before = set(vars(module))
    try:
        graph = LayerTracer().trace(module, concrete_args=defaults or None)
    finally:
        # The tracer leaves the tensors that it met as attributes of the module.
        added = {name: value for name, value in vars(module).items() if name not in before}
        for name in added:
            delattr(module, name)
    return Calls(graph, added)
