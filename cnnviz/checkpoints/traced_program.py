"""A program of tensor operations as a network of modules: run once on an image, and written down as it runs.

Hooks, gradients and every panel need modules, which a loaded TorchScript or exported program does not have.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.fx.experimental.proxy_tensor import make_fx

from cnnviz.checkpoints.aten_layers import layer_of
from cnnviz.checkpoints.fingerprints import is_buffer
from cnnviz.checkpoints.onnx.module import NodeNetwork, Step
from cnnviz.core.error_words import first_line

_SHAPES = ("view", "reshape", "_unsafe_view", "expand")
"""Operators whose second argument is a shape, which begins with the number of images."""
_KNOWN = ("add", "sub", "mul", "div", "cat", "mean", "permute", "transpose", "clamp", "exp", "sqrt", "matmul", "bmm")
_TOLERANCE = 1e-4


class CannotBeTraced(ValueError):
    """The program is not one sequence of operations; the message says why, as the end of a sentence."""


def traced_network(program: Callable[[Tensor], Any], state: Mapping[str, Tensor], image: Tensor) -> NodeNetwork:
    """The operations of ``program`` as modules, which are named after the weights that they use.

    Parameters
    ----------
    program
        Takes one image ``(1, C, H, W)``.
    state
        Its weights and buffers by name; the modules share them.
    image
        What it is run on. The network takes images of this size, one or many.

    Raises
    ------
    CannotBeTraced
        It decides by the image's values, or gives no tensor.
    """
    try:
        with torch.no_grad():
            graph: fx.Graph = make_fx(program)(image).graph
    except Exception as error:  # whatever a foreign program raises
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise CannotBeTraced(f"it cannot be followed step by step ({(lines or [type(error).__name__])[-1]})") from error
    graph.eliminate_dead_code()
    network = _Writer(graph, state).network()
    _check(network, program, torch.rand(image.shape, generator=torch.Generator().manual_seed(0)).to(image.dtype))
    return network


def _check(network: NodeNetwork, program: Callable[[Tensor], Any], image: Tensor) -> None:
    """Refuse a network that answers otherwise than the program: it may write into parts of what it was given."""
    try:
        with torch.no_grad():
            found, expected = network(image), program(image)
    except Exception as error:  # whatever a foreign program raises
        raise CannotBeTraced(f"its steps do not fit each other ({first_line(error)})") from error
    pairs = zip(_tensors(found), _tensors(expected), strict=False)
    if not all(one.shape == other.shape and torch.allclose(one, other, _TOLERANCE, _TOLERANCE) for one, other in pairs):
        raise CannotBeTraced("its steps, one by one, do not give what it gives as a whole")


def _tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


class _Writer:
    def __init__(self, graph: fx.Graph, state: Mapping[str, Tensor]) -> None:
        self._graph = graph
        self._owner = graph.owning_module
        self._names = {_memory(tensor): name for name, tensor in state.items() if tensor.numel()}
        self._modules: dict[str, nn.Module] = {}
        self._steps: list[Step] = []
        self._values: dict[Any, Any] = {}  # weights as tensors, what depends on the image by its name

    def network(self) -> NodeNetwork:
        source = ""
        outputs: list[str] = []
        for node in self._graph.nodes:
            if node.op == "placeholder":
                source = self._values[node] = node.name
            elif node.op == "get_attr":
                self._values[node] = getattr(self._owner, node.target)
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                outputs = [self._values[each] for each in node.all_input_nodes if isinstance(self._values[each], str)]
        if not outputs or outputs == [source]:
            raise CannotBeTraced("its result does not depend on the image")
        return NodeNetwork(list(self._modules.items()), self._steps, source, list(dict.fromkeys(outputs))).eval()

    def _call(self, node: fx.Node) -> None:
        live = [each for each in node.all_input_nodes if isinstance(self._values[each], str)]
        if not live:
            with torch.no_grad():
                self._values[node] = self._computed(node)
            return
        if node.target is operator.getitem and node.args[1] == 0 and self._is_single(node.args[0]):
            # Of what gives several tensors, only the first is read: the module gives that alone.
            self._values[node] = self._values[node.args[0]]
            return
        made = self._layer(node)
        if made is None:
            first = isinstance(node.target, OpOverload) and self._is_single(node)
            made = _Operation(node, live, self._constants(node), first), live
        module, sources = made
        path = self._path(node, module)
        self._modules[path] = module
        self._steps.append(Step(path, tuple(str(self._values[each]) for each in sources), (node.name,)))
        self._values[node] = node.name
        if _mutates(node):  # from here on, its first argument is what it gives
            self._values[node.args[0]] = node.name

    @staticmethod
    def _is_single(node: Any) -> bool:
        """Whether it gives several tensors, of which the first alone is read."""
        return all(user.target is operator.getitem and user.args[1] == 0 for user in node.users)

    def _computed(self, node: fx.Node) -> Any:
        arguments = fx.map_arg(node.args, lambda each: self._values[each])
        named = fx.map_arg(node.kwargs, lambda each: self._values[each])
        target: Any = node.target
        return target(*arguments, **named)

    def _constants(self, node: fx.Node) -> dict[fx.Node, Any]:
        found = {each: self._values[each] for each in node.all_input_nodes if not isinstance(self._values[each], str)}
        return {each: nn.Parameter(value) if self._is_weight(value) else value for each, value in found.items()}

    def _is_weight(self, value: Any) -> bool:
        name = self._names.get(_memory(value)) if isinstance(value, Tensor) and value.is_floating_point() else None
        return name is not None and not is_buffer(name)

    def _layer(self, node: fx.Node) -> tuple[nn.Module, list[fx.Node]] | None:
        """A layer of ``torch.nn`` and what it reads; None where the operation is none of them."""
        if not isinstance(node.target, OpOverload):
            return None
        arguments = [self._values.get(each, each) if isinstance(each, fx.Node) else each for each in node.args]
        found = layer_of(node.target, arguments, first_of_several=self._is_single(node))
        if found is None:
            return None
        module, position = found
        read = node.args[position]
        return (module.eval(), [read]) if isinstance(read, fx.Node) else None

    def _path(self, node: fx.Node, module: nn.Module) -> str:
        """The name of the first weight without its last part, else the operator with a number."""
        weights = [self._values[each] for each in node.all_input_nodes if not isinstance(self._values[each], str)]
        own = [*module.parameters(), *(tensor for tensor in weights if isinstance(tensor, Tensor))]
        names = [self._names[_memory(tensor)] for tensor in own if tensor.numel() and _memory(tensor) in self._names]
        owner = names[0].rpartition(".")[0] if names else ""
        base = owner or str(node.name).strip("_")
        path, number = base, 1
        while self._taken(path):
            number += 1
            path = f"{base}_{number}"
        return path

    def _taken(self, path: str) -> bool:
        """Whether a module has this place, lies on the way to it or would be within it."""
        return any(
            path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in self._modules
        ) or hasattr(nn.Module, path.partition(".")[0])


@dataclass(frozen=True)
class _Live:
    """Stands among an operation's arguments for the tensor of this number that its module is given."""

    number: int


@dataclass(frozen=True)
class _Held:
    """Stands for a constant that the module holds under this name."""

    name: str


class _Operation(nn.Module):
    """One operation with its constants."""

    def __init__(self, node: fx.Node, live: Sequence[fx.Node], constants: Mapping[fx.Node, Any], first: bool) -> None:
        super().__init__()
        self._function, arguments = _as_torch_says(node)
        stands: dict[fx.Node, Any] = {each: _Live(number) for number, each in enumerate(live)}
        for number, (each, value) in enumerate(constants.items()):
            stands[each] = _Held(f"operand{number}")
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                self.register_buffer(f"operand{number}", value.detach())
            else:
                setattr(self, f"operand{number}", value)
        self._arguments = _plain(fx.map_arg(arguments, stands.__getitem__))
        self._named = _plain(fx.map_arg(dict(node.kwargs), stands.__getitem__))
        self._first = first
        self._mutates = _mutates(node)

    def forward(self, *live: Tensor) -> Any:
        if self._mutates:
            live = (live[0].clone(), *live[1:])

        def value(part: Any) -> Any:
            if isinstance(part, _Live):
                return live[part.number]
            if isinstance(part, _Held):
                return getattr(self, part.name)
            if isinstance(part, list):
                return [value(each) for each in part]
            return part

        result = self._function(
            *(value(part) for part in self._arguments), **{key: value(part) for key, part in self._named.items()}
        )
        return result[0] if self._first else result


def _plain(part: Any) -> Any:
    """Lists and dictionaries of a graph as ordinary ones."""
    if isinstance(part, dict):
        return {key: _plain(each) for key, each in part.items()}
    return [_plain(each) for each in part] if isinstance(part, list | tuple) else part


def _mutates(node: fx.Node) -> bool:
    return isinstance(node.target, OpOverload) and bool(node.target._schema.is_mutable)


def _operator(node: fx.Node) -> str:
    """``"add"`` of ``aten.add.Tensor``."""
    return str(node.target.overloadpacket).rpartition(".")[2] if isinstance(node.target, OpOverload) else ""


def _as_torch_says(node: fx.Node) -> tuple[Any, tuple[Any, ...]]:
    """The function of ``torch`` that an operation is, which graphs know by name, else the operation itself."""
    name = _operator(node)
    if name in _SHAPES and isinstance(node.args[1], Sequence):
        given: Any = node.args[1]
        shape = list(given)
        # The leading 1 is the number of images: left open, so that many can be given.
        if shape and shape[0] == 1 and -1 not in shape:
            shape[0] = -1
        function = Tensor.expand if name == "expand" else torch.reshape
        return function, (node.args[0], shape)
    return (getattr(torch, name) if name in _KNOWN else node.target), tuple(node.args)


def _memory(tensor: Tensor) -> tuple[int, tuple[int, ...]]:
    return tensor.data_ptr(), tuple(tensor.shape)
