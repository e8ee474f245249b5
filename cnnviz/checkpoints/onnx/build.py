"""From the plan of an ONNX file to a live network: the values of weights, the shapes of all else, a module per node."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.onnx.module import NodeNetwork, Step
from cnnviz.checkpoints.onnx.naming import module_paths
from cnnviz.checkpoints.onnx.operators import OPERATORS
from cnnviz.checkpoints.onnx.operators.call import MISFITS, Call, Operation, Unsupported, Value
from cnnviz.checkpoints.onnx.plan import NodePlan, OnnxPlan, TensorPlan
from cnnviz.checkpoints.onnx.values import read_tensor
from cnnviz.core.error_words import first_line

_MOST_ACTIVATION = 4 << 30
"""Bytes of one value of one image, above which no network is built."""

_KNOWN_FROM_SHAPES = ("Shape", "Size")


class GeneratedTooMuch(CheckpointError):
    """A small file makes large constants; a person may allow it.

    Attributes
    ----------
    size : int
        Bytes of all constants up to the one that was too much.
    """

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class NotAlive(Exception):
    """The network cannot be built; the message is a sentence that says why."""


@dataclass(frozen=True)
class Built:
    module: NodeNetwork
    takes_batches: bool


def build_module(plan: OnnxPlan, path: Path, size: Sequence[int], batch: int, generated_limit: int) -> Built:
    """The network for images of ``size``, without the batch axis.

    Raises
    ------
    NotAlive
        An operator, or what one is asked for, is missing here.
    GeneratedTooMuch
        Constants that the nodes make are larger than ``generated_limit`` bytes.
    """
    nodes = _needed(plan)
    missing = sorted({node["operator"] for node in nodes} - OPERATORS.keys())
    if missing:
        names = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise NotAlive(f"cnnviz does not compute the operators that it uses: {names}.")
    builder = _Builder(plan, path, batch, generated_limit)
    builder.feed(plan["inputs"][0]["name"], (batch, *size))
    for node, name in zip(nodes, module_paths(nodes), strict=True):
        builder.add(node, name)
    return builder.finish()


def _needed(plan: OnnxPlan) -> list[NodePlan]:
    """The nodes that the outputs depend on."""
    wanted = {value["name"] for value in plan["outputs"]}
    kept = []
    for node in reversed(plan["nodes"]):
        if wanted & set(node["outputs"]):
            kept.append(node)
            wanted.update(node["inputs"])
    return kept[::-1]


class _Builder:
    def __init__(self, plan: OnnxPlan, path: Path, batch: int, generated_limit: int) -> None:
        self._plan = plan
        self._path = path
        self._batch = batch
        self._limit = generated_limit
        self._generated = 0
        self._tensors = {tensor["name"]: tensor for tensor in plan["tensors"]}
        self._values: dict[str, Value] = {}
        self._outputs = [value["name"] for value in plan["outputs"]]
        self._read = {name for node in plan["nodes"] for name in node["inputs"]} | set(self._outputs)
        self._modules: list[tuple[str, nn.Module]] = []
        self._steps: list[Step] = []
        self._input = ""

    def feed(self, name: str, shape: Sequence[int]) -> None:
        self._input = name
        self._values[name] = Value(torch.empty(tuple(shape), device="meta"), live=True)

    def add(self, node: NodePlan, name: str) -> None:
        """Make the module of ``node``, and learn what it gives."""
        label = f"'{name}' ({node['operator']})"
        used = frozenset(index for index, output in enumerate(node["outputs"]) if output in self._read)
        inputs = tuple(self._value(source) for source in node["inputs"])
        call = Call(
            operator=node["operator"],
            opset=self._plan["opset"],
            attributes=node["attributes"],
            inputs=inputs,
            outputs=tuple(node["outputs"]),
            used=used,
            load=self._load,
            batch=self._batch,
        )
        try:
            module = OPERATORS[node["operator"]](call).eval()
            live = [value.tensor for value in inputs if value is not None and value.live]
            constant = not live or node["operator"] in _KNOWN_FROM_SHAPES
            # An operation holds its constants; a layer of torch's is given its input.
            given = live if not constant else [] if isinstance(module, Operation) else [call.value(0).tensor]
            results = _as_tuple(on_meta(module, [tensor.to("meta") for tensor in given]))
        except Unsupported as error:
            raise NotAlive(f"The node {label} cannot be computed here, since {error}.") from error
        except CheckpointError:
            raise
        except MISFITS as error:
            raise NotAlive(f"The node {label} does not fit what it is given: {first_line(error)}.") from error
        if constant:
            self._fold(node, module, given, results, inputs, label)
        else:
            self._record(node, name, module, results, label)

    def _record(self, node: NodePlan, name: str, module: nn.Module, results: tuple[Tensor, ...], label: str) -> None:
        for output, result in zip(node["outputs"], results, strict=False):
            if result.numel() * result.element_size() > _MOST_ACTIVATION:
                raise NotAlive(
                    f"The node {label} would give {result.numel() * result.element_size() / 2**30:,.0f} GiB for one "
                    "image."
                )
            self._values[output] = Value(result, live=True)
        sources = [source for source in node["inputs"] if source and self._values[source].live]
        self._modules.append((name, module))
        self._steps.append(Step(name, tuple(sources), tuple(node["outputs"])))

    def _fold(
        self,
        node: NodePlan,
        module: nn.Module,
        given: list[Tensor],
        shapes: tuple[Tensor, ...],
        inputs: Sequence[Value | None],
        label: str,
    ) -> None:
        """Compute a constant once, after its size has been found to be bearable."""
        if node["operator"] != "Constant":  # whose values are in the file
            self._generated += sum(shape.numel() * shape.element_size() for shape in shapes)
        if self._generated > self._limit:
            raise GeneratedTooMuch(
                f"{self._path} makes constants of {self._generated / 1e6:,.0f} MB that are not in the file (the last "
                f"is that of the node {label}).",
                self._generated,
            )
        try:
            with torch.no_grad():
                results = _as_tuple(module(*given))
        except (RuntimeError, MemoryError) as error:  # shapes fit, so that it is memory
            raise NotAlive(f"The node {label} makes a constant for which there is no memory.") from error
        weight = any(value is not None and value.weight for value in inputs)
        for output, result in zip(node["outputs"], results, strict=False):
            self._values[output] = Value(result.detach(), live=False, weight=weight)

    def _value(self, name: str) -> Value | None:
        if not name:
            return None
        if name not in self._values:
            tensor = self._load(self._tensors[name])
            self._values[name] = Value(tensor, live=False, weight=tensor.is_floating_point())
        return self._values[name]

    def _load(self, plan: TensorPlan) -> Tensor:
        tensor = read_tensor(plan, self._path)
        # Images are in single precision, and so is all that is computed with them.
        return tensor.float() if tensor.is_floating_point() else tensor

    def finish(self) -> Built:
        live = [name for name in self._outputs if name in self._values and self._values[name].live]
        if not live:
            raise NotAlive("Its outputs do not depend on an image.")
        module = NodeNetwork(self._modules, self._steps, self._input, live).eval()
        return Built(module, self._takes_batches(module))

    def _takes_batches(self, module: NodeNetwork) -> bool:
        """Whether twice as many images give twice as many results."""
        image = self._values[self._input].tensor
        try:
            output = on_meta(module, [torch.cat([image, image])])
        except (RuntimeError, TypeError, ValueError, IndexError):
            return False
        results = output.values() if isinstance(output, dict) else _as_tuple(output)
        return all(result.ndim and result.shape[0] == 2 * self._batch for result in results)


def _as_tuple(results: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return results if isinstance(results, tuple) else (results,)


def on_meta(module: nn.Module, arguments: list[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """What ``module`` gives, as shapes: nothing is allocated, however large."""
    state = {name: tensor.to("meta") for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    with torch.no_grad():
        found: Tensor | tuple[Tensor, ...] = functional_call(module, state, tuple(arguments))
    return found
