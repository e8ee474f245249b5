"""Changes of a network, carried out on a copy that shares its weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from cnnviz.core import trace
from cnnviz.core.edit_plan import CannotChange, ConvEdit, Edit, SumEdit, make_plan, replacement
from cnnviz.core.execution import Program
from cnnviz.core.graph import Layer, LayerGraph
from cnnviz.core.layers import LAYER
from cnnviz.core.network_changes import NetworkChange
from cnnviz.core.padding import conv2d
from cnnviz.core.sharing_copy import sharing_copy
from cnnviz.core.symbolic_calls import CALLS

__all__ = ["CannotChange", "Changed", "apply", "change"]


@dataclass(frozen=True, eq=False)
class Changed:
    """A network with its changes.

    Attributes
    ----------
    module : nn.Module
    layers : tuple of str
        Names of the layers that are others now.
    left : tuple of str
        What could not be changed, in sentences: where every layer was meant, the others were changed nevertheless.
    """

    module: nn.Module
    layers: tuple[str, ...] = ()
    left: tuple[str, ...] = field(default=())


def apply(module: nn.Module, graph: LayerGraph, changes: Sequence[NetworkChange]) -> nn.Module:
    """The network with ``changes``: :func:`change` for those who need the module alone."""
    return change(module, graph, changes).module


def change(module: nn.Module, graph: LayerGraph, changes: Sequence[NetworkChange]) -> Changed:
    """Carry ``changes`` out on a copy of a network.

    Swaps of pooling come first and switches of padding after them, whatever their order; of two changes of one kind
    for one layer the later counts.

    Parameters
    ----------
    module : nn.Module
        It stays as it was. The copy has the same parameters and buffers, not copies of them; its layers have the same
        names when it is prepared anew.
    graph : LayerGraph
        As ``trace.prepare`` found it for ``module``.
    changes : sequence of NetworkChange
        None give ``module`` itself.

    Raises
    ------
    CannotChange
        There is no such layer, it is none that can be changed in this way, or nothing is there to be changed; the
        message says which and why. Whether the changed network still runs is seen when it is prepared: another stride
        makes other sizes, which a linear layer may refuse.
    """
    if not changes:
        return Changed(module)
    plan = make_plan(module, graph, changes)
    by_path: dict[str, Edit] = {}
    by_call: dict[str, Edit] = {}
    for name, edit in plan.edits.items():
        path = graph[name].module_path
        calls = [layer.name for layer in graph if path is not None and layer.module_path == path]
        if path is not None and all(plan.edits.get(call) == edit for call in calls):
            by_path[path] = edit
        else:
            by_call[name] = edit
    replacements: dict[nn.Module, Callable[[nn.Module], nn.Module]] = {
        module.get_submodule(path): _maker(edit) for path, edit in by_path.items()
    }
    copy = sharing_copy(module, replacements)
    if by_call:
        _edit_calls(copy, module, graph, by_call)
    return Changed(copy, tuple(name for name in graph.names if name in plan.edits), plan.left)


def _maker(edit: Edit) -> Callable[[nn.Module], nn.Module]:
    return lambda module: replacement(edit, module)


def _edit_calls(copy: nn.Module, module: nn.Module, graph: LayerGraph, edits: dict[str, Edit]) -> None:
    """Have ``copy`` run the calls of ``module`` with some of them replaced: functions, and single calls of a module."""
    _check_calls(graph, edits)
    own = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(1))
    example = torch.zeros(1, *graph.layers[0].output_shape, dtype=own.dtype, device=own.device)
    calls, nodes = trace.layer_nodes(module, example)
    for name, node in nodes.items():
        node.meta[LAYER] = name
    for name, edit in edits.items():
        _replace_call(copy, calls.graph, nodes[name], graph[name], edit)
    program = Program(copy, calls.graph, calls.constants)

    def forward(images: Tensor) -> object:
        return program.run(images)[0]

    vars(copy)["forward"] = forward
    vars(copy)[CALLS] = calls


def _check_calls(graph: LayerGraph, edits: dict[str, Edit]) -> None:
    if graph.method == "torch.fx":
        return
    name = next(iter(edits))
    path = graph[name].module_path
    if path is None:
        raise CannotChange(
            f"{name} is a call of a function, which can be replaced only in networks that torch.fx can trace; this one "
            f"was read by {graph.method}."
        )
    raise CannotChange(
        f"{name} is one of several calls of the module {path}; in networks that torch.fx cannot trace all of them are "
        "changed together: change every layer."
    )


def _replace_call(copy: nn.Module, calls: fx.Graph, node: fx.Node, layer: Layer, edit: Edit) -> None:
    if isinstance(edit, ConvEdit) and node.op == "call_function":
        # It stays a function, since its weights are arguments.
        padding = [pair[0] for pair in edit.widths] if all(a == b for a, b in edit.widths) else "same"
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        arguments = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
        node.target = conv2d
        node.args = (arguments.pop("input"), arguments.pop("weight"))
        node.kwargs = {**arguments, "padding": padding, "padding_mode": edit.mode}
        return
    called = copy.get_submodule(str(node.target)) if node.op == "call_module" else None
    path = _put(copy, layer.name, replacement(edit, called))
    given = [*node.args, *node.kwargs.values()]
    sources = tuple(given[:2] if isinstance(edit, SumEdit) else given[:1])
    with calls.inserting_before(node):
        new = calls.call_module(path, sources)
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
    calls.erase_node(node)


def _put(copy: nn.Module, name: str, module: nn.Module) -> str:
    """Make ``module`` a part of ``copy`` at a path like ``name``, which is returned."""
    parent_path, _, last = name.rpartition(".")
    parent = copy.get_submodule(parent_path)
    while hasattr(parent, last):
        last += "_changed"
    parent._modules[last] = module
    return f"{parent_path}.{last}" if parent_path else last
