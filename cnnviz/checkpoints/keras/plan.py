"""What a Keras file says, as plain values that can be sent from one process to another as JSON."""

from typing import Any, TypedDict


class TensorPlan(TypedDict):
    """A tensor of the file.

    ``dtype`` is numpy's with its byte order (``"<f4"``). The values are ``length`` bytes from ``offset`` of the file,
    or of the member that was packed; where the file has them in pieces or compressed, they are in ``values``, as
    base 64.
    """

    name: str
    shape: list[int]
    dtype: str
    offset: int
    length: int
    values: str


class Packed(TypedDict):
    """A member of an archive that is compressed: ``packed`` bytes from ``start``, ``size`` when unpacked."""

    start: int
    packed: int
    size: int


class KerasPlan(TypedDict):
    """A Keras file. ``weights`` has the names of each layer's tensors, in Keras's order; ``model`` is None if the file
    holds weights alone.
    """

    format: str
    version: str
    backend: str
    model: dict[str, Any] | None
    tensors: list[TensorPlan]
    weights: dict[str, list[str]]
    packed: Packed | None
    metadata: dict[str, str]
