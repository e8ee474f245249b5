"""The weights of a module that is being trained as a safetensors file, and back, again and again.

The files of one module differ in their tensors' bytes alone. What the header says is worked out once: made and read
tensor by tensor, a small network's file takes three times as long, which is a good part of showing its weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.training.state import network_state

_LENGTH_BYTES = 8


class WeightsWriter:
    """Makes files of the weights and buffers that ``module`` has at the time."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._header = b""
        self._names: list[str] = []

    def file(self) -> bytes:
        """As ``safetensors.torch.save`` makes it of :func:`cnnviz.training.state.network_state`."""
        if not self._names:
            made = safetensors.torch.save(network_state(self.module))
            self._header = _header(made)
            self._names = [entry.name for entry in _entries(self._header)]
            return made
        state = self.module.state_dict()
        return b"".join((self._header, *(_bytes(state[name]) for name in self._names)))


class WeightsReader:
    """Copies the weights of such files into the parameters and buffers of ``module``, on whatever device they are."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._header = b""
        self._places: list[tuple[NDArray[np.uint8], int]] | None = None
        """The memory of each tensor, and where in a file its bytes begin; None where the bytes are others."""

    def fill(self, data: bytes) -> None:
        """Raises what ``safetensors.torch.load`` does, and KeyError where the module has no such tensor."""
        if self._places is None or not data.startswith(self._header):
            self._fill_anew(data)
            return
        for memory, begin in self._places:
            memory[:] = np.frombuffer(data, np.uint8, memory.size, begin)

    def _fill_anew(self, data: bytes) -> None:
        state = self.module.state_dict()
        with torch.no_grad():
            for name, tensor in safetensors.torch.load(data).items():
                state[name].copy_(tensor)
        self._header = _header(data)
        entries = _entries(self._header)
        alike = all(entry.is_like(state[entry.name]) for entry in entries)
        self._places = [(_memory(state[entry.name]), entry.begin) for entry in entries] if alike else None


@dataclass(frozen=True)
class _Entry:
    """A tensor in a file: what its header says of it, and where in the file its bytes begin."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int

    def is_like(self, tensor: Tensor) -> bool:
        """Whether the tensor's memory holds the same bytes in the same order."""
        same = _DTYPES.get(tensor.dtype) == self.dtype and tuple(tensor.shape) == self.shape
        return same and tensor.device.type == "cpu" and tensor.is_contiguous()


_DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def _header(data: bytes) -> bytes:
    """The length and the JSON with which a file begins."""
    return data[: _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")]


def _entries(header: bytes) -> list[_Entry]:
    """In the order in which they lie in the file."""
    said = json.loads(header[_LENGTH_BYTES:])
    said.pop("__metadata__", None)
    entries = (
        _Entry(name, each["dtype"], tuple(each["shape"]), len(header) + each["data_offsets"][0])
        for name, each in said.items()
    )
    return sorted(entries, key=lambda entry: entry.begin)


def _memory(tensor: Tensor) -> NDArray[np.uint8]:
    """The bytes of a contiguous tensor on the CPU, shared with it."""
    memory: NDArray[np.uint8] = tensor.detach().reshape(-1).view(torch.uint8).numpy()
    return memory


def _bytes(tensor: Tensor) -> memoryview:
    return _memory(tensor.detach().contiguous().cpu()).data
