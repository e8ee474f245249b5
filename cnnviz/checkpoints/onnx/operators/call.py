"""A node as the operators see it: its attributes and inputs, and the modules that most of them become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class Unsupported(Exception):
    """A node cannot be computed here; the message is a clause that says why."""


MISFITS = (
    RuntimeError,
    TypeError,
    ValueError,
    IndexError,
    OverflowError,
    AttributeError,
    AssertionError,
)
"""What making or running a module raises where its settings or shapes, which a file may choose, do not fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What flows along an edge of the graph.

    Attributes
    ----------
    tensor : Tensor
        A constant's values; of anything that depends on the image the shape alone, on the meta device.
    live : bool
        Whether it depends on the image.
    weight : bool
        Whether it is a floating-point initialiser, or was made of one: what training would change.
    """

    tensor: Tensor
    live: bool
    weight: bool = False


@dataclass(frozen=True)
class Call:
    """One node with all that is known when its module is made.

    Attributes
    ----------
    opset : int
        Version of the operators that the file was written for.
    inputs : tuple of Value or None
        None where an optional input is left out.
    outputs : tuple of str
        Their names, empty for those that are left out.
    used : frozenset of int
        Those of its outputs that something reads.
    load : callable
        Reads the values of a tensor that is an attribute.
    batch : int
        How many images the shapes are for; what has so many along its first axis is taken to be a batch of any size.
    """

    operator: str
    opset: int
    attributes: Mapping[str, Any]
    inputs: tuple[Value | None, ...]
    outputs: tuple[str, ...]
    used: frozenset[int]
    load: Callable[[Any], Tensor]
    batch: int

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or ``default``; lists and numbers are checked by those who use them."""
        return self.attributes.get(name, default)

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise Unsupported(f"its input {index + 1} is missing")
        return value

    def shape(self, index: int = 0) -> tuple[int, ...]:
        return tuple(self.value(index).tensor.shape)

    def rank(self, index: int = 0) -> int:
        return self.value(index).tensor.ndim

    def constant(self, index: int) -> Tensor:
        """The values of an input that must be known before any image is."""
        value = self.value(index)
        if value.live:
            raise Unsupported(f"its input {index + 1} depends on the image")
        return value.tensor

    def integers(self, index: int) -> list[int]:
        return [int(number) for number in self.constant(index).flatten().tolist()]

    def integers_of(self, name: str, index: int, since: int) -> list[int] | None:
        """A list that is an attribute before opset ``since`` and an input from then on; None if it is left out."""
        if self.opset >= since:
            return self.integers(index) if self.has(index) else None
        given = self.get(name)
        return [given] if isinstance(given, int) else given

    def number_of(self, name: str, index: int, since: int, default: float) -> float:
        """As ``integers_of``, of one number."""
        if self.opset >= since:
            return float(self.constant(index).item()) if self.has(index) else default
        return float(self.get(name, default))

    def axis(self, default: int, index: int = 0) -> int:
        """The attribute ``axis``, counted from the first."""
        return counted(int(self.get("axis", default)), self.rank(index))

    def parameter(self, index: int) -> nn.Parameter:
        """A constant input as a weight."""
        return nn.Parameter(self.constant(index))

    def only_first_output(self) -> None:
        if self.used - {0}:
            raise Unsupported("more than its first output is read")

    def is_live_alone(self, index: int = 0) -> None:
        """Refuse further inputs that depend on the image."""
        for place, value in enumerate(self.inputs):
            if place != index and value is not None and value.live:
                raise Unsupported(f"its input {place + 1} depends on the image")


Maker = Callable[[Call], nn.Module]


def counted(axis: int, rank: int) -> int:
    """An axis counted from the first, where negative ones are counted from the last."""
    if not -rank <= axis < max(rank, 1):
        raise Unsupported(f"its axis {axis} is not one of {rank}")
    return axis % rank if rank else 0


class Operation(nn.Module):
    """A function of tensors, some of which are constants of the file.

    Parameters
    ----------
    function : callable
        Of as many tensors as ``inputs``; traced through, so that a graph shows what it does.
    inputs : sequence of Value or None
        The live ones among them are the arguments of ``forward``, in order; of the constants, weights become
        parameters and all others buffers. None is handed over as it is.
    """

    def __init__(self, function: Callable[..., Any], inputs: Sequence[Value | None]) -> None:
        super().__init__()
        self._function = function
        self._live = tuple(value is not None and value.live for value in inputs)
        self._names = tuple(
            f"operand{index}" if value is not None and not value.live else None for index, value in enumerate(inputs)
        )
        for name, value in zip(self._names, inputs, strict=True):
            if name is None or value is None:
                continue
            if value.weight and value.tensor.is_floating_point():
                self.register_parameter(name, nn.Parameter(value.tensor))
            else:
                self.register_buffer(name, value.tensor)

    def forward(self, *live: Tensor) -> Any:
        given = iter(live)
        arguments = [
            next(given) if is_live else None if name is None else getattr(self, name)
            for is_live, name in zip(self._live, self._names, strict=True)
        ]
        return self._function(*arguments)


def operation(call: Call, function: Callable[..., Any], inputs: Sequence[int] = (0,)) -> Operation:
    """``function`` of those inputs of the node; the others were used in making it."""
    return Operation(function, [call.inputs[index] if index < len(call.inputs) else None for index in inputs])


def filled(
    make: Callable[..., nn.Module], /, *arguments: Any, weights: Mapping[str, Tensor], **named: Any
) -> nn.Module:
    """A module of ``torch.nn`` that holds ``weights``, without drawing random ones first."""
    with torch.device("meta"):
        module = make(*arguments, **named)
    for name, tensor in weights.items():
        if tuple(getattr(module, name).shape) != tuple(tensor.shape):
            raise Unsupported(f"its {name} has the shape {tuple(tensor.shape)}")
        setattr(module, name, nn.Parameter(tensor) if name in module._parameters else tensor)
    return module
