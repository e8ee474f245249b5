"""What an ONNX file says, as plain values that can be sent from one process to another as JSON."""

from typing import TypedDict


class TensorPlan(TypedDict):
    """A tensor that is in the file, or in one beside it.

    ``pieces`` are places (offset, length) in the file called ``file`` in the same folder, or in the ONNX file itself
    where that is empty. ``encoding`` is ``"raw"`` for little-endian values, ``"varint"`` for Protocol Buffers' numbers,
    and ``"none"`` where the values are not read, for the reason in ``note``.
    """

    name: str
    shape: list[int]
    dtype: str
    encoding: str
    file: str
    pieces: list[list[int]]
    note: str


Attribute = int | float | str | list[int] | list[float] | list[str] | TensorPlan | None
"""None stands for what only control flow has: a graph, several tensors, a reference to a function's attribute."""


class NodePlan(TypedDict):
    """A node: ``operator`` has its domain before it, unless that is ONNX's own; an absent input is ``""``."""

    name: str
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute]


class ValuePlan(TypedDict):
    """An input or output of the graph; a size that the file leaves open is None, ``shape`` is None if there is none."""

    name: str
    dtype: str
    shape: list[int | None] | None


class OnnxPlan(TypedDict):
    """An ONNX file. The nodes are in an order in which they can be computed; ``inputs`` are without initialisers."""

    opset: int
    producer: str
    metadata: dict[str, str]
    inputs: list[ValuePlan]
    outputs: list[ValuePlan]
    nodes: list[NodePlan]
    tensors: list[TensorPlan]
