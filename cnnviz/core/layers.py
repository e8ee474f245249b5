"""From the calls of modules and functions to the layers of a graph: names, edges, parameters, multiply-adds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg

from cnnviz.core import operations
from cnnviz.core.execution import tensors_in
from cnnviz.core.graph import INPUT, Geometry, Layer
from cnnviz.core.operation_placement import placement_of_function, placement_of_module, placement_of_piece
from cnnviz.core.placement import Placement
from cnnviz.core.stand_in import StandIn

# Work that teaches nothing about the network; edges pass through it. Dropout is here as a function only: the network
# runs in evaluation mode, where it does nothing.
PLUMBING = frozenset(
    {
        *("_assert", "_assert_tensor_metadata", "_to_copy", "alias", "clone", "contiguous", "data", "detach"),
        *("lift_fresh_copy", "requires_grad_"),
        *("cpu", "cuda", "double", "float", "half", "to", "type", "type_as"),
        *("alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"),
        "feature_dropout",
    }
)

_NAMES = {"Concat": "concat", "Flatten": "flatten", "Reshape": "reshape", "Slice": "slice", "Split": "split"}


class LayerTracer(fx.Tracer):
    """Traces a network down to the modules that are shown as one layer."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one layer: those that stand in for torch's own are, as those are."""
        return isinstance(m, StandIn) or super().is_leaf_module(m, module_qualified_name)


_TRACER = LayerTracer()

LAYER = "layer"
"""Where a node's ``meta`` has its layer's name, in a graph that was changed: names stay as they were."""


def is_leaf(module: nn.Module, path: str) -> bool:
    """Whether ``module`` is shown as one layer, as for all of ``torch.nn`` but its containers."""
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return _TRACER.is_leaf_module(module, path) and not isinstance(module, containers)


def call_name(path: str, call: int) -> str:
    """Name of the layer made by the ``call``-th call (from 1) of the module at ``path``."""
    base = path or "network"
    call += base == INPUT  # the network's input has that name
    return base if call == 1 else f"{base}:{call}"


def first_tensor(value: Any) -> Tensor:
    """The first tensor in a layer's or network's output, of complex numbers their magnitudes.

    Raises
    ------
    TypeError
        There is none.
    """
    tensors = [value] if isinstance(value, Tensor) else tensors_in(value)
    if not tensors:
        raise TypeError(f"the output has no tensor in it, but is a {type(value).__name__}")
    return tensors[0].abs() if tensors[0].is_complex() else tensors[0]


class LayerBuilder:
    """Collects layers in order of execution.

    Parameters
    ----------
    module : nn.Module
        The network.
    example : Tensor (1, C, H, W)
    """

    def __init__(self, module: nn.Module, example: Tensor) -> None:
        self._module = module
        self._taken = {path for path, _ in module.named_modules()} | {INPUT}
        self._calls: Counter[str] = Counter()
        self._counted: set[int] = set()
        self._uncounted_macs: list[str] = []
        self._has_complex_values = False
        self.layers = [Layer(INPUT, "Input", None, (), tuple(example.shape[1:]), summary="Input")]

    def add_module(
        self, path: str, inputs: Sequence[str], arguments: Sequence[Any], output: Any, own: Sequence[Tensor] = ()
    ) -> str:
        """Add a call of the module at ``path`` and return the layer's name; ``own`` are further weights it used."""
        module = self._module.get_submodule(path)
        self._calls[path] += 1
        name = call_name(path, self._calls[path])
        value = self.seen_of(output)
        given = tensors_in(arguments)
        shape = given[0].shape if given else torch.Size()
        kind = operations.kind_of_module(module)
        geometry = operations.geometry_of_module(module, len(shape))
        macs = operations.macs_of_module(module, shape, value.shape)
        if macs is None:
            self._uncounted_macs.append(name)
        weights = [*module.parameters(), *own]
        placement = placement_of_module(module, len(shape))
        self._append(name, kind, path, inputs, value, weights, macs or 0, path.split(".")[:-1], geometry, placement)
        if isinstance(module, StandIn) and module.layer_summary is not None:
            self.layers[-1] = replace(self.layers[-1], summary=module.layer_summary)
        return name

    def add_function(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        block: str,
        inputs: Sequence[str],
        output: Tensor,
        weights: Sequence[Tensor],
        placement: Placement | None = None,
    ) -> str:
        """Add a call of a function or method inside the module at ``block`` and return the layer's name."""
        kind = operations.kind_of_function(operation, output.ndim)
        if kind == "Reshape" and output.ndim == 2:
            kind = "Flatten"
        base = _NAMES.get(kind, operation)
        if block:
            base = f"{block}.{base}"
        name, number = base, 0
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        geometry = operations.geometry_of_function(operation, arguments)
        macs = operations.macs_of_function(operation, kind, arguments, output.shape)
        containers = block.split(".") if block else []
        self._append(name, kind, None, inputs, output, weights, macs, containers, geometry, placement)
        return name

    def seen_of(self, output: Any) -> Tensor:
        """What of a layer's output is seen, as `first_tensor` has it."""
        self._has_complex_values |= any(tensor.is_complex() for tensor in tensors_in(output)[:1])
        return first_tensor(output)

    def _append(
        self,
        name: str,
        kind: str,
        path: str | None,
        inputs: Sequence[str],
        output: Tensor,
        weights: Sequence[Tensor],
        macs: int,
        containers: Sequence[str],
        geometry: Geometry | None,
        placement: Placement | None,
    ) -> None:
        shape = tuple(output.shape)
        if shape[:1] == (1,):
            shape = shape[1:]
        new = {id(weight): weight.numel() for weight in weights if id(weight) not in self._counted}
        self._counted |= new.keys()
        block = tuple(".".join(containers[: depth + 1]) for depth in range(len(containers)))
        summary = operations.summary_of(kind, geometry, shape)
        unique = tuple(dict.fromkeys(inputs))
        counted = sum(new.values())
        self.layers.append(Layer(name, kind, path, unique, shape, counted, macs, block, geometry, summary, placement))

    def called(self, name: str | None, layer: str) -> str:
        """The name of the last ``layer``, which is called ``name`` from now on if there is one."""
        if name is None:
            return layer
        self.layers[-1] = replace(self.layers[-1], name=name)
        return name

    def notes(self) -> list[str]:
        """What the layers leave out, in words."""
        notes = []
        if self._uncounted_macs:
            notes.append(f"The multiply-adds of {', '.join(self._uncounted_macs)} are not counted.")
        left = sum(weight.numel() for weight in self._module.parameters() if id(weight) not in self._counted)
        if left:
            notes.append(f"{left:,} parameters of the network belong to none of the layers shown.")
        if self._has_complex_values:
            notes.append("Of complex values the magnitudes are shown.")
        return notes


def read_graph(
    module: nn.Module, graph: fx.Graph, examples: Mapping[fx.Node, Any], builder: LayerBuilder
) -> dict[str, fx.Node]:
    """Add the layers of a traced or exported graph to ``builder``.

    Parameters
    ----------
    module : nn.Module
        The network.
    graph : fx.Graph
        Its calls; those that an exported graph makes inside one leaf module become one layer.
    examples : dict of node to value
        What each node gave for the example.

    Returns
    -------
    dict of str to fx.Node
        The node that gives each layer's output.
    """
    return _GraphReader(module, graph, examples, builder).read()


class _GraphReader:
    def __init__(
        self, module: nn.Module, graph: fx.Graph, examples: Mapping[fx.Node, Any], builder: LayerBuilder
    ) -> None:
        self._module = module
        self._graph = graph
        self._examples = examples
        self._builder = builder
        self._parameters = {id(parameter) for parameter in module.parameters()}
        self._carries: dict[fx.Node, tuple[str, ...]] = {}  # layers whose data a node's value holds
        self._weights: dict[fx.Node, list[Tensor]] = {}  # parameters that a node computes with, not yet in a layer
        self._paths = {path for path, _ in module.named_modules()}
        self._owners = {node: self._owner(node) for node in graph.nodes}
        self._first: dict[tuple[str, str], fx.Node] = {}
        self._last: dict[tuple[str, str], fx.Node] = {}
        for node, owner in self._owners.items():
            if owner is not None:
                self._find_ends(node, owner)

    def read(self) -> dict[str, fx.Node]:
        nodes: dict[str, fx.Node] = {}
        for node in self._graph.nodes:
            if node.op == "placeholder":
                if not nodes:
                    self._carries[node] = (INPUT,)
                    nodes[INPUT] = node
            elif node.op != "output":
                name = self._visit(node)
                if name is not None:
                    nodes[name] = node
        return nodes

    def _visit(self, node: fx.Node) -> str | None:
        value = self._examples[node]
        sources = [name for n in node.all_input_nodes for name in self._carries.get(n, ())]
        weights = [weight for n in node.all_input_nodes for weight in self._weights.get(n, [])]
        if node.op == "get_attr" and id(value) in self._parameters:
            weights.append(value)
        # Sizes hold no data of the layer they are taken from, and weights prepared by functions none of the input.
        if not sources or not tensors_in(value):
            self._weights[node] = weights
            return None
        if self._passes_through(node, value):
            self._carries[node], self._weights[node] = tuple(sources), weights
            return None
        name = self._builder.called(node.meta.get(LAYER), self._add(node, value, sources, weights))
        self._carries[node] = (name,)
        if self._in_place(node) and isinstance(node.args[0], fx.Node):
            self._carries[node.args[0]] = (name,)  # later readers of the argument see what was written into it
        return name

    def _add(self, node: fx.Node, value: Any, sources: list[str], weights: list[Tensor]) -> str:
        owner = self._owners[node]
        if owner is not None:
            # The group's input is what its first operation reads.
            given = [self._examples[n] for n in self._first[owner].all_input_nodes if self._carries.get(n)]
            return self._builder.add_module(owner[1], sources, given, value, weights)
        operation = _operation(node)
        args = map_arg(node.args, self._examples.__getitem__)
        kwargs = map_arg(node.kwargs, self._examples.__getitem__)
        if operation == "getitem" and not isinstance(args[0], Tensor):
            operation = "split"
            placement: Placement | None = self._placement_of_piece(node)
        else:
            placement = placement_of_function(operation, args, kwargs)
        arguments = operations.arguments_of(operation, args, kwargs)
        block, result = _block(node), self._builder.seen_of(value)
        return self._builder.add_function(operation, arguments, block, sources, result, weights, placement)

    def _placement_of_piece(self, node: fx.Node) -> Placement | None:
        pieces: Any = node.args[0]
        whole = next((self._examples[n] for n in pieces.all_input_nodes if self._carries.get(n)), None)
        index = node.args[1]
        if not isinstance(whole, Tensor) or not isinstance(index, int):
            return None
        return placement_of_piece(whole, self._examples[pieces], index)

    def _passes_through(self, node: fx.Node, value: Any) -> bool:
        owner = self._owners[node]
        if owner is not None:
            return self._last.get(owner) is not node
        operation = _operation(node)
        if operation in PLUMBING:
            return True
        if operation == "getitem":
            source = node.args[0]
            taken_apart = isinstance(source, fx.Node) and not isinstance(self._examples[source], Tensor)
            return taken_apart and not self._splits(source)
        return self._splits(node)

    def _splits(self, node: Any) -> bool:
        """Whether the function gives pieces of its input, each of which is a layer, and none is its main output."""
        return self._owners[node] is None and operations.kind_of_function(_operation(node), 4) == "Split"

    def _owner(self, node: fx.Node) -> tuple[str, str] | None:
        """The call of a leaf module that ``node`` is, or is a part of: a key of the call, and the module's path."""
        if node.op == "call_module":
            return node.name, str(node.target)
        if node.op in ("placeholder", "get_attr", "output"):
            return None
        for key, (path, _) in (node.meta.get("nn_module_stack") or {}).items():
            path = path.partition("@")[0]
            if path and path in self._paths and is_leaf(self._module.get_submodule(path), path):
                return key, path
        return None

    def _find_ends(self, node: fx.Node, owner: tuple[str, str]) -> None:
        if node.all_input_nodes:
            self._first.setdefault(owner, node)
        # What nobody reads, such as the places of maxima, is the module's output only if there is no other.
        leaves = owner not in self._last if not node.users else any(self._owners[user] != owner for user in node.users)
        if leaves and tensors_in(self._examples[node]):
            self._last[owner] = node

    def _in_place(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            return bool(getattr(self._module.get_submodule(str(node.target)), "inplace", False))
        written = _target_name(node)
        return written in ("iadd", "isub", "imul", "itruediv") or (written.endswith("_") and written[0] != "_")


def _target_name(node: fx.Node) -> str:
    if isinstance(node.target, str):
        return node.target
    name: str = getattr(node.target, "__name__", None) or type(node.target).__name__
    return name.partition(".")[0]  # without the overload of an ATen operator


def _operation(node: fx.Node) -> str:
    name = _target_name(node)
    if name == "getattr":
        return str(node.args[1])
    return name if name in PLUMBING else name.strip("_")


def _block(node: fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path: str = next(reversed(stack.values()))[0] if stack else ""
    return path.partition("@")[0]
