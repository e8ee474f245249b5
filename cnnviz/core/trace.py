"""Record what the layers of any network give, in one forward pass."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate

from cnnviz.core.error_words import first_line
from cnnviz.core.execution import Cancelled, Program, tensors_in
from cnnviz.core.graph import INPUT, LayerGraph, Method
from cnnviz.core.hooks import HookedNetwork
from cnnviz.core.layer_values import LayerValues, NotReached
from cnnviz.core.layers import LayerBuilder, first_tensor, read_graph
from cnnviz.core.symbolic_calls import Calls, calls_of
from cnnviz.core.tracers import export, symbolic_trace

__all__ = ["Cancelled", "Trace", "TracedNetwork", "Untraceable", "prepare"]


class Untraceable(Exception):
    """A method of tracing does not fit the network; the message says why."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one forward pass gave.

    Attributes
    ----------
    values : mapping of str to Tensor
        Outputs of the layers asked for, with the batch axis; of a layer with several outputs the first.
    output : Tensor
        The network's output; of several the first.
    """

    values: Mapping[str, Tensor]
    output: Tensor


class _Runner(Protocol):
    def run(
        self,
        images: Tensor,
        record: Collection[str],
        clone: Collection[str],
        *,
        differentiable: bool,
        cancelled: Callable[[], bool] | None,
        observe: Callable[[str, Any], None] | None = None,
    ) -> tuple[Any, dict[str, Any], set[str]]: ...


class _GraphRunner:
    """A program whose nodes are called by the names of layers."""

    def __init__(self, program: Program, nodes: Mapping[str, fx.Node], shape: torch.Size | None) -> None:
        self._program = program
        self._nodes = nodes
        self._names = {node: name for name, node in nodes.items()}
        self._shape = shape

    def run(
        self,
        images: Tensor,
        record: Collection[str],
        clone: Collection[str],
        *,
        differentiable: bool,
        cancelled: Callable[[], bool] | None,
        observe: Callable[[str, Any], None] | None = None,
    ) -> tuple[Any, dict[str, Any], set[str]]:
        def see(node: fx.Node, value: Any) -> None:
            if observe is not None and node in self._names:
                observe(self._names[node], value)

        if self._shape is not None and images.shape[1:] != self._shape:
            raise ValueError(f"prepared for images of shape {tuple(self._shape)}, not {tuple(images.shape[1:])}")
        output, values, overwritten = self._program.run(
            images,
            [self._nodes[name] for name in record],
            [self._nodes[name] for name in clone],
            differentiable=differentiable,
            cancelled=cancelled,
            observe=None if observe is None else see,
        )
        return (
            output,
            {self._names[node]: value for node, value in values.items()},
            {self._names[node] for node in overwritten},
        )


class TracedNetwork:
    """A network whose layers can be recorded; made by `prepare`.

    It shares the parameters and buffers of ``module``: changed weights show at the next run. A module that was put in
    another's place does not; prepare the network anew. Not for use from two threads at once.

    Attributes
    ----------
    graph : LayerGraph
        With the shapes and multiply-adds for the example.
    module : nn.Module
    """

    def __init__(self, module: nn.Module, graph: LayerGraph, runner: _Runner) -> None:
        self.module = module
        self.graph = graph
        self._runner = runner
        self._modules = tuple(module.modules())
        self._names = frozenset(graph.names)
        # Layers whose output a later in-place operation changes: found once, then kept as copies.
        self._overwritten: set[str] = set()
        self._aliased = False

    def _learn(self, example: Tensor, reference: Any) -> None:
        """Find what is overwritten, and whether values kept on the way to the output change what comes out of it."""
        # The first pass may itself overwrite its input.
        self.run(example.clone())
        if self._overwritten:
            self._aliased = not _same(self.run(example, gradients=True).output, first_tensor(reference))

    @property
    def overwritten(self) -> frozenset[str]:
        """Layers whose output was found to be changed in place by a later one."""
        return frozenset(self._overwritten)

    @property
    def without_gradient(self) -> frozenset[str]:
        """Layers that are changed in place through another name of the same tensor: `run` has no gradient of them."""
        return frozenset(self._overwritten) if self._aliased else frozenset()

    def run(
        self,
        images: Tensor,
        layers: Collection[str] | None = None,
        *,
        gradients: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> Trace:
        """One forward pass in evaluation mode.

        Parameters
        ----------
        images : Tensor (N, C, H, W)
            Ready for the network (resized, normalised), on its device. It is not changed, even by networks that work
            in place.
        layers : names of layers, optional
            Those to record; all by default. Dynamic networks may not reach every layer; what they did not reach is
            missing from the values, which raise ``NotReached`` where they are asked for it.
        gradients : bool
            Keep the autograd graph, with every value on the way to the output.
        cancelled : callable, optional
            Polled between layers; the pass is given up when it returns True.

        Raises
        ------
        KeyError
            ``layers`` names one that the graph does not have.
        Cancelled
            As asked by ``cancelled``.
        ValueError
            The network could be traced for images of the example's size alone, and these have another.
        RuntimeError
            With ``gradients``: a value asked for is changed in place through another name of the same tensor, and
            the copy that would keep it cannot lie on the way to the output.
        Exception
            Whatever the network raises, unchanged.
        """
        names = self._names if layers is None else frozenset(layers)
        if not names <= self._names:
            raise KeyError(f"no layer named {min(names - self._names)!r}")
        # Inference tensors keep no version counter, by which overwritten values are found.
        tracked = torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext()
        with tracked, torch.set_grad_enabled(gradients), evaluating(self._modules):
            if images.is_inference():
                images = images.clone()
            while True:
                given = images.clone() if INPUT in self._overwritten else images
                clone = self._overwritten & names
                if gradients and clone and self._aliased:
                    raise RuntimeError(f"{min(clone)} is changed in place through another name; it has no gradient")
                output, values, overwritten = self._runner.run(
                    given, names, clone, differentiable=gradients, cancelled=cancelled
                )
                if not overwritten - clone:
                    break
                self._overwritten |= overwritten
        tensors = LayerValues({name: first_tensor(value) for name, value in values.items()})
        return Trace(MappingProxyType(tensors), first_tensor(output))

    def stream(
        self,
        images: Tensor,
        observe: Callable[[str, Tensor], None],
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """One forward pass in evaluation mode that hands out each layer's output and keeps none.

        Less memory is touched than by :meth:`run`, and it stays in the processor's caches.

        Parameters
        ----------
        images : Tensor (N, C, H, W)
            As for :meth:`run`.
        observe : callable
            Is given a layer's name and its output, before any later layer may overwrite that; of several outputs the
            first. It may not change the tensor, nor keep it when the pass is over.
        cancelled : callable, optional
            Polled between layers.

        Raises
        ------
        Cancelled, ValueError, Exception
            As :meth:`run`.
        """

        def first(name: str, value: Any) -> None:
            observe(name, first_tensor(value))

        tracked = torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext()
        with tracked, torch.no_grad(), evaluating(self._modules):
            given = images.clone() if INPUT in self._overwritten or images.is_inference() else images
            self._runner.run(given, (), (), differentiable=False, cancelled=cancelled, observe=first)

    def output_of(
        self, layer: str, images: Tensor, *, gradients: bool = True, cancelled: Callable[[], bool] | None = None
    ) -> Tensor:
        """The output of ``layer``, by a pass that ends there: cheap for early layers; with its autograd graph or not.

        It is what the layer gave, before any later layer works in place on it. ``images`` and ``cancelled`` are as for
        :meth:`run`.

        Raises
        ------
        KeyError
            The graph has no such layer; ``NotReached``, a dynamic network did not come to it.
        Cancelled, ValueError, Exception
            As :meth:`run`.
        """
        if layer not in self._names:
            raise KeyError(f"no layer named {layer!r}")

        def stop(name: str, value: Any) -> None:
            if name == layer:
                raise _Reached(first_tensor(value))

        tracked = torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext()
        with tracked, torch.set_grad_enabled(gradients), evaluating(self._modules):
            given = images.clone() if INPUT in self._overwritten or images.is_inference() else images
            try:
                self._runner.run(given, (), (), differentiable=gradients, cancelled=cancelled, observe=stop)
            except _Reached as reached:
                return reached.value
        raise NotReached(layer)


class _Reached(Exception):
    """The layer that was asked for has its output."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


def prepare(module: nn.Module, example: Tensor) -> TracedNetwork:
    """Find the layers of ``module`` and make them ready to be recorded.

    Tries ``torch.fx.symbolic_trace``, which sees every function; else ``torch.export``, which does so for networks
    whose control flow depends on shapes; else forward hooks, which see modules only. A method is taken only if it
    gives what the network gives for the example; ``graph.method`` and ``graph.notes`` say which and why.

    Parameters
    ----------
    module : nn.Module
        In any mode; its ``training`` flags are left as they were, and it runs in evaluation mode.
    example : Tensor (1, C, H, W)
        An input of the kind that the network takes, on its device.

    Raises
    ------
    ValueError
        ``example`` is not a batch of one.
    TypeError
        The network's output has no tensor in it.
    Exception
        Whatever the network raises for the example, unchanged.
    """
    if example.ndim < 2 or example.shape[0] != 1:
        raise ValueError(f"the example must be a batch of one image, not of shape {tuple(example.shape)}")
    notes: list[str] = []
    methods: dict[Method, Callable[[nn.Module, Tensor], tuple[Program, fx.Graph]]] = {
        "torch.fx": symbolic_trace,
        "torch.export": export,
    }
    with torch.inference_mode(False), torch.no_grad(), evaluating(tuple(module.modules())):
        example = example.detach().clone()
        reference = module(example.clone())
        first_tensor(reference)
        outputs = len(tensors_in(reference))
        if outputs > 1:
            notes.append(_describe_outputs(reference))
        for method, make in methods.items():
            try:
                program, graph = make(module, example)
                examples = _examples(program, example, reference)
            except Exception as error:  # noqa: BLE001 - tracers run the network's code on their own objects: anything can go wrong
                notes.append(f"{method} could not be used: {first_line(error)}")
                continue
            builder = LayerBuilder(module, example)
            nodes = read_graph(module, graph, examples, builder)
            shape = example.shape[1:] if method == "torch.export" else None
            found = LayerGraph(tuple(builder.layers), method, (*notes, *builder.notes()), outputs=outputs)
            network = TracedNetwork(module, found, _GraphRunner(program, nodes, shape))
            network._learn(example, reference)
            return network
        hooked = HookedNetwork(module)
        builder = LayerBuilder(module, example)
        unseen = hooked.describe(example.clone(), builder)
        if unseen:
            notes.append("Functions between modules are not shown.")
        found = LayerGraph(tuple(builder.layers), "hooks", (*notes, *builder.notes()), unseen, outputs)
        network = TracedNetwork(module, found, hooked)
        network._learn(example, reference)
        return network


class evaluating:
    """Put modules into evaluation mode, and each back into the mode that it was in.

    A class, since a generator made into a context manager takes longer than many a layer.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._modules = modules
        self._training: list[nn.Module] = []

    def __enter__(self) -> None:
        self._training = [module for module in self._modules if module.training]
        for module in self._training:
            module.training = False

    def __exit__(self, *_: object) -> None:
        for module in self._training:
            module.training = True


def layer_nodes(module: nn.Module, example: Tensor) -> tuple[Calls, dict[str, fx.Node]]:
    """The calls that ``prepare`` finds by ``torch.fx``, and the node that is each layer; raises as that may."""
    with torch.inference_mode(False), torch.no_grad(), evaluating(tuple(module.modules())):
        calls = calls_of(module)
        program = Program(module, calls.graph, calls.constants)
        examples = _examples(program, example, module(example.clone()))
        return calls, read_graph(module, calls.graph, examples, LayerBuilder(module, example))


def _examples(program: Program, example: Tensor, reference: Any) -> dict[fx.Node, Any]:
    """What each node gives for the example, with shapes in place of data; raises Untraceable where it goes wrong."""
    examples: dict[fx.Node, Any] = {}

    def observe(node: fx.Node, value: Any) -> None:
        # Parameters are told apart by identity; all else is needed for its shape alone.
        examples[node] = value if node.op == "get_attr" else map_aggregate(value, _without_data)

    output, _, _ = program.run(example.clone(), observe=observe)
    if not _same(output, reference):
        raise Untraceable("it does not give what the network gives")
    return examples


def _without_data(value: Any) -> Any:
    return value.to("meta") if isinstance(value, Tensor) else value


def _same(one: Any, other: Any) -> bool:
    """Whether two outputs hold the same tensors, up to rounding; NaN equals NaN."""
    pairs = list(zip(tensors_in(one), tensors_in(other), strict=False))
    if len(pairs) != len(tensors_in(other)) or len(pairs) != len(tensors_in(one)):
        return False
    return all(
        a.shape == b.shape and torch.allclose(_exact(a), _exact(b), rtol=1e-4, atol=1e-6, equal_nan=True)
        for a, b in pairs
    )


def _exact(values: Tensor) -> Tensor:
    return (torch.view_as_real(values) if values.is_complex() else values).cpu().double()


def _describe_outputs(output: Any) -> str:
    shapes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in tensors_in(output))
    names = f" ({', '.join(map(str, output))})" if isinstance(output, dict) else ""
    return f"The network has {len(tensors_in(output))} outputs{names} of shapes {shapes}; the first is shown."
