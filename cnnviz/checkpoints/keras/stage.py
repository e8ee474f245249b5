"""Where a Keras layer becomes modules: one after another, each knowing the shape of what it is given.

Most layers are said in ONNX's operators, which know every way of padding already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.keras.config import NotUnderstood
from cnnviz.checkpoints.onnx.build import on_meta
from cnnviz.checkpoints.onnx.operators import OPERATORS
from cnnviz.checkpoints.onnx.operators.call import Call, Value

_OPSET = 20


@dataclass(frozen=True, eq=False)
class Flow:
    """What a layer gives.

    Attributes
    ----------
    shape : Tensor
        On the meta device, as torch has it: ``(N, C, H, W)`` or ``(N, features)``.
    order : Tensor or None
        Of features: the place that each has in Keras, where a map was flattened with its channels last.
    """

    shape: Tensor
    order: Tensor | None = None

    @property
    def is_map(self) -> bool:
        return self.shape.ndim == 4


class Stage:
    """One call of a layer being built.

    Attributes
    ----------
    inputs : tuple of Flow
    config : mapping
        The layer's own, with Keras 2's names.
    weights : tuple of Tensor
        In Keras's order and shapes.
    version : int
        Of Keras: 1, 2 or 3.
    flipped : bool
        Whether the filters are those of a convolution in the strict sense, as Theano's are, and not a correlation.
    parts : list of (str, nn.Module)
        What has been made so far: an ending for the layer's name, and the module; the first reads the inputs, each of
        the others the one before.
    flow : Flow
        What the last part gives.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        inputs: Sequence[Flow],
        weights: Sequence[Tensor],
        version: int,
        channels_first: bool,
        flipped: bool = False,
    ) -> None:
        if not inputs:
            raise NotUnderstood(f"The layer '{name}' reads nothing.")
        self.name = name
        self.config = config
        self.inputs = tuple(inputs)
        self.weights = tuple(weights)
        self.version = version
        self.channels_first = channels_first
        self.flipped = flipped
        self.parts: list[tuple[str, nn.Module]] = []
        self.flow = inputs[0]

    def refuse(self, why: str) -> NotUnderstood:
        return NotUnderstood(f"The layer '{self.name}' cannot be computed here, since {why}.")

    def get(self, key: str, default: Any) -> Any:
        """A setting; None counts as left out."""
        value = self.config.get(key)
        return default if value is None else value

    def pair(self, key: str, default: Any) -> list[int]:
        """A setting of rows and columns, which may be one number for both."""
        value = self.get(key, default)
        pair = [value, value] if isinstance(value, int) else value
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(n, int) and n > 0 for n in pair):
            raise self.refuse(f"its {key} are {value!s:.60}")
        return pair

    def expect_weights(self, *counts: int) -> None:
        if len(self.weights) not in counts:
            raise self.refuse(f"it has {len(self.weights)} arrays of weights")

    def expect_map(self) -> None:
        if not self.flow.is_map:
            raise self.refuse(f"it is given {self.flow.shape.ndim - 1} axes, and no map")

    def axis(self, axis: int) -> int:
        """Keras's axis as torch's."""
        rank = self.flow.shape.ndim
        if not isinstance(axis, int) or not -rank <= axis < rank:
            raise self.refuse(f"its axis is {axis!s:.20}")
        return axis % rank if self.channels_first or rank != 4 else (0, 2, 3, 1)[axis % rank]

    def add(self, ending: str, module: nn.Module, *, order: Tensor | None = None) -> None:
        """The next part; features that keep their places have their ``order`` given again."""
        given = self.inputs if not self.parts else (self.flow,)
        result = on_meta(module.eval(), [flow.shape for flow in given])
        if isinstance(result, tuple):
            raise self.refuse("it gives several results")
        self.parts.append((ending, module))
        self.flow = Flow(result, order)

    def operator(self, ending: str, operator: str, attributes: Mapping[str, Any], *constants: Tensor) -> None:
        """The next part, as an operator of ONNX."""
        given = self.inputs if not self.parts else (self.flow,)
        values = [Value(flow.shape, live=True) for flow in given]
        values += [Value(constant.contiguous(), live=False, weight=True) for constant in constants]
        call = Call(
            operator=operator,
            opset=_OPSET,
            attributes=attributes,
            inputs=tuple(values),
            outputs=("",),
            used=frozenset({0}),
            load=torch.as_tensor,
            batch=1,
        )
        self.add(ending, OPERATORS[operator](call))
