"""Run a traced ``torch.fx`` graph on the live module, node by node, and hand out what its nodes give."""

from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate, map_arg

Values = list[Any]


class Cancelled(Exception):
    """A pass was given up because its ``cancelled`` callable said so."""


class _Step(NamedTuple):  # unpacked in the loop, where reading attributes would cost as much as all the rest
    node: fx.Node
    call: Callable[[Values], Any]
    dead: tuple[int, ...]  # values that no later step reads


class Program:
    """An ``fx.Graph`` made ready to run many times.

    Modules, parameters and buffers are those of the live module, so that changed weights show at the next run. A plain
    loop over closures rather than generated code: any set of nodes can be recorded without compiling anew, and a
    pass can be given up between nodes, for about a microsecond a node.

    Parameters
    ----------
    module : nn.Module
        Has the modules, parameters and buffers that the graph names.
    graph : fx.Graph
        With one placeholder for the images; others keep their default value.
    constants : dict of str to object
        What the graph names and the module does not have.
    """

    def __init__(self, module: nn.Module, graph: fx.Graph, constants: dict[str, Any]) -> None:
        self._module = module
        self._constants = constants
        nodes = list(graph.nodes)
        self._index = {node: index for index, node in enumerate(nodes)}
        last_use = {node: max((self._index[user] for user in node.users), default=self._index[node]) for node in nodes}
        dead: list[list[int]] = [[] for _ in nodes]
        for node, index in last_use.items():
            if node.op != "output":
                dead[index].append(self._index[node])
        self._steps = tuple(_Step(node, self._compile(node), tuple(dead[i])) for i, node in enumerate(nodes))
        self.input_node = next(node for node in nodes if node.op == "placeholder")

    def run(
        self,
        images: Tensor,
        record: Iterable[fx.Node] = (),
        clone: Iterable[fx.Node] = (),
        *,
        differentiable: bool = False,
        cancelled: Callable[[], bool] | None = None,
        observe: Callable[[fx.Node, Any], None] | None = None,
    ) -> tuple[Any, dict[fx.Node, Any], set[fx.Node]]:
        """One forward pass.

        Parameters
        ----------
        images : Tensor (N, C, H, W)
        record : nodes whose values are kept
        clone : nodes whose values are kept safe from being overwritten by later in-place operations
        differentiable : bool
            Whether the kept value itself, rather than its copy, lies on the way to the output, so that gradients
            with respect to it exist.
        cancelled : callable, optional
            Polled before each node.
        observe : callable, optional
            Is shown each node's value as soon as it is there.

        Returns
        -------
        output, values, overwritten
            What the graph returns; the recorded values; and the nodes whose recorded value was changed in place
            after it had been recorded, so that it is not what the node gave.

        Raises
        ------
        Cancelled
            When ``cancelled`` returned True.
        """
        wanted, copied = set(record), set(clone)
        values: Values = [None] * len(self._steps)
        values[self._index[self.input_node]] = images
        recorded: dict[fx.Node, Any] = {}
        versions: list[tuple[fx.Node, Tensor, int]] = []
        for index, (node, call, dead) in enumerate(self._steps):
            if cancelled is not None and cancelled():
                raise Cancelled
            value = call(values)
            if node in wanted:
                kept = value
                if node in copied:
                    copy = cloned(value)
                    kept, value = (value, copy) if differentiable else (copy, value)
                recorded[node] = kept
                versions += [(node, tensor, tensor._version) for tensor in tensors_in(kept)]
            if observe is not None:
                observe(node, value)
            values[index] = value
            for place in dead:
                values[place] = None
        overwritten = {node for node, tensor, version in versions if tensor._version != version}
        return values[-1], recorded, overwritten

    def _compile(self, node: fx.Node) -> Callable[[Values], Any]:
        if node.op == "placeholder":
            index = self._index[node]
            default = node.args[0] if node.args else None
            return lambda values: default if values[index] is None else values[index]
        if node.op == "get_attr":
            return self._reader(str(node.target))
        if node.op == "output":
            return self._fetch(node.args[0])
        if node.op == "call_method":
            return _method_call(str(node.target), [self._fetch(a) for a in node.args], self._fetch_all(node.kwargs))
        function: Any = self._module.get_submodule(str(node.target)) if node.op == "call_module" else node.target
        if node.args and node.all_input_nodes == [node.args[0]] and node.args.count(node.args[0]) == 1:
            # The usual case, without looking up constants again and again.
            first, rest, fixed = self._fetch(node.args[0]), node.args[1:], dict(node.kwargs)
            return lambda values: function(first(values), *rest, **fixed)
        return _function_call(function, [self._fetch(a) for a in node.args], self._fetch_all(node.kwargs))

    def _reader(self, path: str) -> Callable[[Values], Any]:
        if path in self._constants:
            constant = self._constants[path]
            return lambda _: constant
        read, module = attrgetter(path), self._module
        return lambda _: read(module)

    def _fetch_all(self, kwargs: dict[str, Any]) -> dict[str, Callable[[Values], Any]]:
        return {name: self._fetch(argument) for name, argument in kwargs.items()}

    def _fetch(self, argument: Any) -> Callable[[Values], Any]:
        """A function that finds the value of one argument, which may have nodes nested in it."""
        if isinstance(argument, fx.Node):
            return itemgetter(self._index[argument])
        nested: list[fx.Node] = []
        map_arg(argument, nested.append)
        if not nested:
            return lambda _: argument
        return lambda values: map_arg(argument, lambda node: values[self._index[node]])


def _function_call(
    function: Any, args: list[Callable[[Values], Any]], kwargs: dict[str, Callable[[Values], Any]]
) -> Callable[[Values], Any]:
    return lambda values: function(
        *[fetch(values) for fetch in args], **{name: fetch(values) for name, fetch in kwargs.items()}
    )


def _method_call(
    name: str, args: list[Callable[[Values], Any]], kwargs: dict[str, Callable[[Values], Any]]
) -> Callable[[Values], Any]:
    def call(values: Values) -> Any:
        target, *rest = [fetch(values) for fetch in args]
        return getattr(target, name)(*rest, **{key: fetch(values) for key, fetch in kwargs.items()})

    return call


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in nested tuples, lists, dictionaries and dataclasses, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in tensors_in(item)]
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in tensors_in(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [tensor for item in vars(value).values() for tensor in tensors_in(item)]
    return []


def cloned(value: Any) -> Any:
    """``value`` with every tensor in it copied, on the autograd graph if there is one."""
    return map_aggregate(value, lambda item: item.clone() if isinstance(item, Tensor) else item)
