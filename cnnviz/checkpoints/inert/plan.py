"""What a file holds and where, in the form in which the child process tells it: plain JSON values.

A plan is a dictionary with ``format``, ``message``, ``tensors``, ``storages``, ``metadata``, ``modules``, ``sources``,
``asked`` and ``refused``. The reader does not trust it: it is checked against the file again before it is used.
"""

from __future__ import annotations

import base64
from typing import Any

from . import limits
from .constructors import CONSTRUCTORS
from .dtypes import ITEM_BYTES
from .names import Names, outside
from .refusal import Refusal
from .values import DeclaredTensor, Place, Storage

Plan = dict[str, Any]


class PlanWriter:
    """Collects the tensors of one file, in the order of the file."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.storages: list[dict[str, Any]] = []
        self._known: dict[int, int] = {}
        self._keys: set[str] = set()
        self._names: dict[str, int] = {}
        self._inline = 0
        self._alive: list[Storage] = []

    def add(self, name: str, tensor: DeclaredTensor) -> None:
        """List a tensor; a name that is taken already gets a number."""
        if len(self.tensors) >= limits.TENSORS:
            raise Refusal(f"it holds more than {limits.TENSORS:,} tensors")
        times = self._names[name] = self._names.get(name, 0) + 1
        self.tensors.append({"name": name if times == 1 else f"{name} ({times})", **self._described(tensor)})

    def _described(self, tensor: DeclaredTensor) -> dict[str, Any]:
        storage, offset = tensor.storage, tensor.offset
        if storage is not None and storage.whole is not None:
            offset += storage.skip // ITEM_BYTES[tensor.dtype]
            if storage.skip % ITEM_BYTES[tensor.dtype]:
                raise Refusal(f"a tensor in it looks between the elements of its storage '{storage.whole.key}'")
            storage = storage.whole
        return {
            "kind": tensor.kind,
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "stride": tensor.stride,
            "offset": offset,
            "storage": None if storage is None else self._storage(storage),
            "conjugate": tensor.conjugate,
            "negative": tensor.negative,
            "note": tensor.note,
            "parts": [self._described(part) for part in tensor.parts],
            "details": tensor.details,
        }

    def _storage(self, storage: Storage) -> int:
        index = self._known.get(id(storage))
        if index is not None:
            return index
        index = self._known[id(storage)] = len(self.storages)
        self._alive.append(storage)  # or its id could be given to another
        key = storage.key[:100]
        while key in self._keys:
            key = f"{key} ({index})"
        self._keys.add(key)
        self.storages.append(
            {
                "key": key,
                "size": storage.size,
                "skip": storage.skip,
                "big_endian": storage.big_endian,
                "place": None if storage.place is None else self._place(storage.place),
            }
        )
        return index

    def _place(self, place: Place) -> dict[str, Any]:
        if place.inline is None:
            return {"start": place.start, "size": place.size, "crc": place.crc, "inflated": place.inflated}
        self._inline += len(place.inline)
        if self._inline > limits.INLINE:
            raise Refusal(f"more than {limits.INLINE >> 20} MB of its arrays are written as text inside a pickle")
        return {"inline": base64.b64encode(place.inline).decode("ascii")}


def written(
    form: str,
    writer: PlanWriter,
    names: Names | None = None,
    *,
    message: str = "",
    metadata: dict[str, Any] | None = None,
    modules: list[dict[str, Any]] | None = None,
    sources: dict[str, str] | None = None,
) -> Plan:
    """The plan of a file of the format ``form``."""
    asked = names.all() if names else ()
    return {
        "format": form,
        "message": message,
        "tensors": writer.tensors,
        "storages": writer.storages,
        "metadata": metadata or {},
        "modules": modules or [],
        "sources": sources or {},
        "asked": asked,
        "refused": outside(asked, CONSTRUCTORS),
    }
