"""Forward hooks: for networks whose Python code cannot be traced, because it depends on the values it computes."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnviz.core.execution import Cancelled, cloned, tensors_in
from cnnviz.core.graph import INPUT
from cnnviz.core.layers import PLUMBING, LayerBuilder, call_name, is_leaf

AfterHook = Callable[[nn.Module, tuple[Any, ...], Any], Any]
BeforeHook = Callable[[nn.Module, tuple[Any, ...]], Any]


@contextmanager
def forward_hooks(modules: Iterable[nn.Module], after: AfterHook, before: BeforeHook | None = None) -> Iterator[None]:
    """Attach ``after`` (and ``before``) to ``modules``, and take them off again whatever happens in between."""
    handles = []
    try:
        for module in modules:
            if before is not None:
                handles.append(module.register_forward_pre_hook(before))
            handles.append(module.register_forward_hook(after))
        yield
    finally:
        for handle in handles:
            handle.remove()


def leaves_of(module: nn.Module) -> dict[nn.Module, str]:
    """The modules shown as one layer each, with their paths: those of ``torch.nn``, and those without children."""
    found: dict[nn.Module, str] = {}

    def walk(parent: nn.Module, prefix: str) -> None:
        for name, child in parent.named_children():
            path = f"{prefix}{name}"
            if is_leaf(child, path) or not any(True for _ in child.children()):
                found.setdefault(child, path)
            else:
                walk(child, f"{path}.")

    walk(module, "")
    return found or {module: ""}


class HookedNetwork:
    """Runs a network as it is and records what its leaf modules give."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._paths = leaves_of(module)

    def describe(self, example: Tensor, builder: LayerBuilder) -> frozenset[str]:
        """Add the layers that ``example`` passes through; return those with unseen operations before them."""
        provenance = _Provenance(example)
        unseen: set[str] = set()
        previous = INPUT

        def before(module: nn.Module, args: tuple[Any, ...]) -> None:
            provenance.inside += 1

        def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            nonlocal previous
            provenance.inside -= 1
            sources, direct = provenance.of(args)
            name = builder.add_module(self._paths[module], sources or (previous,), args, output)
            if not direct:
                unseen.add(name)
            provenance.set(output, (name,), direct=True)
            previous = name

        with forward_hooks(self._paths, after, before), provenance:
            self._module(example)
        if len(builder.layers) == 1:  # its modules do not run in Python; the network is one layer
            self._paths = {self._module: ""}
            with forward_hooks(self._paths, after, before), provenance:
                self._module(example)
        return frozenset(unseen)

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
        """One forward pass; parameters and results as in ``Program.run``, with names of layers for nodes.

        A layer that this pass did not reach is missing from the values.
        """
        values: dict[str, Any] = {}
        versions: list[tuple[str, Tensor, int]] = []
        calls: Counter[str] = Counter()

        def keep(name: str, value: Any) -> Any:
            if observe is not None:
                observe(name, value)
            if name not in record:
                return value
            kept = value
            if name in clone:
                copy = cloned(value)
                kept, value = (value, copy) if differentiable else (copy, value)
            values[name] = kept
            versions.extend((name, tensor, tensor._version) for tensor in tensors_in(kept))
            return value

        def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
            if cancelled is not None and cancelled():
                raise Cancelled
            path = self._paths[module]
            calls[path] += 1
            return keep(call_name(path, calls[path]), output)

        if cancelled is not None and cancelled():
            raise Cancelled
        with forward_hooks(self._paths, after):
            output = self._module(keep(INPUT, images))
        return output, values, {name for name, tensor, version in versions if tensor._version != version}


class _Provenance(TorchFunctionMode):
    """Remembers which layers' outputs each tensor was computed from, through functions outside of leaf modules."""

    def __init__(self, example: Tensor) -> None:
        super().__init__()
        self.inside = 0  # depth of leaf modules that are running
        self._known: dict[int, tuple[tuple[str, ...], bool]] = {}
        self._alive: list[Tensor] = []  # an id is unique only while its tensor lives
        self.set(example, (INPUT,), direct=True)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.inside:
            sources, direct = self.of((args, kwargs))
            if sources:
                plumbing = getattr(func, "__name__", "") in PLUMBING
                self.set(result, sources, direct=direct and plumbing)
        return result

    def of(self, value: Any) -> tuple[tuple[str, ...], bool]:
        """The layers that ``value`` comes from, and whether it is just their outputs."""
        tensors = tensors_in(value)
        found = [self._known[id(tensor)] for tensor in tensors if id(tensor) in self._known]
        sources = tuple(dict.fromkeys(name for names, _ in found for name in names))
        return sources, len(found) == len(tensors) and all(direct for _, direct in found)

    def set(self, value: Any, sources: tuple[str, ...], *, direct: bool) -> None:
        for tensor in tensors_in(value):
            self._known[id(tensor)] = (sources, direct)
            self._alive.append(tensor)
