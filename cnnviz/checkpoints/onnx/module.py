"""A network made of nodes: modules, and which values each of them reads and gives."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One call: the module's path, the values that it reads, and the names of those that it gives."""

    module: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class NodeNetwork(nn.Module):
    """Runs modules in the order of a graph's nodes, each by its own path.

    Parameters
    ----------
    modules : sequence of (str, nn.Module)
        With paths such as ``"layer1.0.conv2"``, for which containers are made.
    steps : sequence of Step
        In order of execution.
    input_name : str
        The value that stands for the images.
    outputs : sequence of str
        One output is returned as it is, several as a dictionary.
    """

    def __init__(
        self, modules: Sequence[tuple[str, nn.Module]], steps: Sequence[Step], input_name: str, outputs: Sequence[str]
    ) -> None:
        super().__init__()
        for path, module in modules:
            parent: nn.Module = self
            *containers, name = path.split(".")
            for container in containers:
                if container not in parent._modules:
                    parent.add_module(container, nn.Module())
                parent = parent._modules[container]  # type: ignore[assignment]
            parent.add_module(name, module)
        self._steps = tuple(steps)
        self._input = input_name
        self._outputs = tuple(outputs)
        last_use = {name: index for index, step in enumerate(steps) for name in step.inputs}
        self._dead = tuple(
            tuple(name for name in dict.fromkeys(step.inputs) if last_use[name] == index and name not in outputs)
            for index, step in enumerate(steps)
        )

    def forward(self, images: Tensor) -> Tensor | dict[str, Tensor]:
        values = {self._input: images}
        for step, dead in zip(self._steps, self._dead, strict=True):
            result = self.get_submodule(step.module)(*[values[name] for name in step.inputs])
            if len(step.outputs) == 1 or not isinstance(result, tuple):
                values[step.outputs[0]] = result
            else:
                values.update(zip(step.outputs, result, strict=False))
            for name in dead:
                del values[name]
        if len(self._outputs) == 1:
            return values[self._outputs[0]]
        return {name: values[name] for name in self._outputs}
