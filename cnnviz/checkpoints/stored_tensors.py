"""Builds tensors out of a plan and the file that it is the plan of."""

from __future__ import annotations

import base64
import os
import sys
import threading
import weakref
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.inert.dtypes import ITEM_BYTES
from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.inert.values import Storage, dense
from cnnviz.checkpoints.leaving import go_on

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MOST_INFLATED = 1 << 30
# what torch gives its own tensors, and the processor's widest instructions like best
_ALIGNMENT = 64

Bytes = NDArray[np.uint8]


class StoredTensors:
    """The tensors of one file, read when they are asked for.

    The file stays open, and what is never looked at is never read. Tensors of one storage share their values as they do
    in the file, and as long as anybody uses a storage nobody gets a second copy of it. Writing to a tensor never
    reaches the file.

    The file is not mapped: where another program cut it short or wrote it anew, as every training run does with its
    last checkpoint, the next use of a mapped value would end this process.

    Raises
    ------
    CheckpointError
        On building: the plan does not fit the file.
    """

    def __init__(self, file: BinaryIO, name: str, plan: Mapping[str, Any]) -> None:
        self._file = file
        self._name = name
        status = os.fstat(file.fileno())
        self._size = status.st_size
        self._stamp = (status.st_size, status.st_mtime_ns)
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)
        self._storages: list[dict[str, Any]] = plan["storages"]
        self._tensors: dict[str, dict[str, Any]] = {tensor["name"]: tensor for tensor in plan["tensors"]}
        self._in_use: weakref.WeakValueDictionary[int, Bytes] = weakref.WeakValueDictionary()
        self._shared: dict[int, Bytes] = {}
        self._checked: set[int] = set()
        self._users = Counter(tensor["storage"] for tensor in plan["tensors"])
        for storage in self._storages:
            self._check_storage(storage)
        for tensor in plan["tensors"]:
            self._check_tensor(tensor)

    def load(self, name: str) -> Tensor:
        """The values of the tensor called ``name``.

        Raises
        ------
        KeyError
            There is no such tensor.
        CheckpointError
            The file has changed since it was opened, or this part of it is damaged.
        FileLeft
            Nobody wants the file any more that is being opened.
        """
        go_on()
        tensor = self._tensors[name]
        self._check_unchanged()
        try:
            with self._lock:
                return self._built(tensor)
        except Refusal as error:
            raise CheckpointError(f"'{name}' of {self._name} cannot be read: {error}.") from error
        except OSError as error:
            raise CheckpointError(f"{self._name} cannot be read ({error.strerror}); open it again.") from error
        except MemoryError as error:
            raise CheckpointError(
                f"There is not enough memory for '{name}' of {self._name}; close other programs."
            ) from error

    def _check_unchanged(self) -> None:
        status = os.fstat(self._file.fileno())
        if (status.st_size, status.st_mtime_ns) != self._stamp:
            raise CheckpointError(f"{self._name} has changed since it was opened; open it again.")

    def _check_storage(self, storage: dict[str, Any]) -> None:
        place = storage["place"]
        if place is None:
            fits = True
        elif "inline" in place:
            fits = storage["skip"] + storage["size"] <= len(place["inline"]) * 3 // 4
        else:
            there = place["size"] if place["inflated"] is None else place["inflated"]
            numbers = (place["start"], place["size"], storage["skip"], storage["size"])
            inside = min(numbers) >= 0 and place["start"] + place["size"] <= self._size
            fits = inside and storage["skip"] + storage["size"] <= there
        if not fits:
            raise CheckpointError(f"{self._name} cannot be read: a storage lies outside the file.")

    def _check_tensor(self, tensor: dict[str, Any]) -> None:
        if tensor["kind"] in ("dense", "quantised"):
            size = self._storages[tensor["storage"]]["size"]
            try:
                dense(Storage("", "uint8", size), tensor["offset"], tensor["shape"], tensor["stride"], tensor["dtype"])
            except Refusal as error:
                raise CheckpointError(f"{self._name} cannot be read: {error}.") from error
        for part in tensor["parts"]:
            self._check_tensor(part)

    def _built(self, tensor: dict[str, Any]) -> Tensor:
        build = {
            "dense": self._dense,
            "empty": _blank,
            "quantised": self._quantised,
            "sparse": self._sparse,
            "nested": self._nested,
            "meta": _meta,
        }.get(tensor["kind"])
        if build is None:
            raise Refusal(f"it is {tensor['note']}")
        return build(tensor)

    def _dense(self, tensor: dict[str, Any]) -> Tensor:
        import torch

        empty = torch.empty(0, dtype=_dtype(tensor["dtype"]))
        built = empty.set_(self._storage(tensor), tensor["offset"], tensor["shape"], tensor["stride"])
        if tensor["conjugate"]:
            built = built.conj()
        return torch._neg_view(built) if tensor["negative"] else built

    def _quantised(self, tensor: dict[str, Any]) -> Tensor:
        import torch

        dtype, details = _dtype(tensor["dtype"]), tensor["details"]
        shape = tensor["shape"]
        if details["scheme"] == "per_tensor_affine":
            scale, zero = details["scale"], details["zero_point"]
            empty = torch._empty_affine_quantized([0], scale=scale, zero_point=zero, dtype=dtype)
        else:
            scales, zeros = (self._built(part) for part in tensor["parts"])
            axis = details["axis"]
            slim = [size if number == axis else 0 for number, size in enumerate(shape)]
            empty = torch._empty_per_channel_affine_quantized(
                slim, scales=scales, zero_points=zeros, axis=axis, dtype=dtype
            )
        return empty.set_(self._storage(tensor), tensor["offset"], shape, tensor["stride"])

    def _sparse(self, tensor: dict[str, Any]) -> Tensor:
        import torch

        parts = [self._built(part) for part in tensor["parts"]]
        details = tensor["details"]
        try:
            if details["layout"] == "sparse_coo":
                indices, values = parts
                return torch.sparse_coo_tensor(
                    indices, values, tensor["shape"], check_invariants=True, is_coalesced=details["coalesced"]
                )
            compressed, plain, values = parts
            return torch.sparse_compressed_tensor(
                compressed,
                plain,
                values,
                tensor["shape"],
                layout=getattr(torch, details["layout"]),
                check_invariants=True,
            )
        except (RuntimeError, ValueError) as error:
            raise Refusal("its indices lie outside its shape") from error

    def _nested(self, tensor: dict[str, Any]) -> Tensor:
        import torch

        buffer, sizes, strides, offsets = (self._built(part) for part in tensor["parts"])
        rows = len(sizes)
        proper = sizes.dim() == strides.dim() == 2 and sizes.shape == strides.shape and offsets.shape == (rows,)
        if not proper or any(part.dtype != torch.int64 for part in (sizes, strides, offsets)) or buffer.dim() != 1:
            raise Refusal("its sizes and strides do not fit together")
        flat = Storage("", "uint8", buffer.numel())
        for size, stride, offset in zip(sizes.tolist(), strides.tolist(), offsets.tolist(), strict=True):
            dense(flat, offset, size, stride)
        return torch._nested_view_from_buffer(buffer, sizes, strides, offsets)

    def _storage(self, tensor: dict[str, Any]) -> torch.UntypedStorage:
        import torch

        index = tensor["storage"]
        entry = self._storages[index]
        if not entry["size"] or entry["place"] is None:
            return torch.empty(0, dtype=torch.uint8).untyped_storage()
        values = self._in_use.get(index)
        if values is None:
            values = self._values(index)
            item = ITEM_BYTES[tensor["dtype"]]
            if item > 1 and entry["big_endian"] != (sys.byteorder == "big"):
                _swap(values, item // (2 if tensor["dtype"].startswith("complex") else 1))
            self._in_use[index] = values
            if self._users[index] > 1:  # who asks for one after the other would have it read each time
                self._shared[index] = values
        return torch.frombuffer(values, dtype=torch.uint8).untyped_storage()

    def _values(self, index: int) -> Bytes:
        """The bytes of a storage as the file has them, in memory of their own."""
        entry = self._storages[index]
        place, skip, size = entry["place"], entry["skip"], entry["size"]
        if "inline" in place or place["inflated"] is not None:
            values = _aligned(size)
            values[:] = np.frombuffer(self._unpacked(place), np.uint8, size, skip)
            return values
        if place["crc"] is None or index in self._checked:
            return self._read(place["start"] + skip, _aligned(size))
        # the checksum is that of the whole member
        whole = self._read(place["start"], _aligned(place["size"], skip))
        if zlib.crc32(whole.data) != place["crc"]:
            raise Refusal("its values are damaged (the archive's checksum for them is wrong)")
        self._checked.add(index)
        return whole[skip : skip + size]

    def _read(self, start: int, into: Bytes) -> Bytes:
        """Fill ``into`` with what the file holds from ``start`` on."""
        self._file.seek(start)
        if self._file.readinto(into) != len(into):  # type: ignore[attr-defined]
            raise Refusal("the file has become shorter")
        self._check_unchanged()
        return into

    def _unpacked(self, place: dict[str, Any]) -> bytes:
        if "inline" in place:
            return base64.b64decode(place["inline"])
        if place["inflated"] > _MOST_INFLATED:
            raise Refusal(f"it grows beyond {_MOST_INFLATED >> 20} MB when it is unpacked")
        packed = self._read(place["start"], _aligned(place["size"]))
        try:
            data = zlib.decompressobj(-15).decompress(packed.data, place["inflated"] + 1)
        except zlib.error as error:
            raise Refusal("its values are damaged (they cannot be unpacked)") from error
        if len(data) != place["inflated"] or (place["crc"] is not None and zlib.crc32(data) != place["crc"]):
            raise Refusal("its values are damaged (the archive's checksum for them is wrong)")
        return data


def _aligned(size: int, skip: int = 0) -> Bytes:
    """Room for ``size`` bytes, of which the one numbered ``skip`` lies where a tensor should begin."""
    import torch

    # not numpy's own: that asks for huge pages, which the system may take seconds to find
    room: Bytes = torch.empty(size + _ALIGNMENT, dtype=torch.uint8).numpy()
    first = -(room.ctypes.data + skip) % _ALIGNMENT
    return room[first : first + size]


def _swap(values: Bytes, item: int) -> None:
    """Turn the bytes of every element around."""
    whole = len(values) - len(values) % item
    values[:whole].view(f"u{item}").byteswap(inplace=True)


def _dtype(name: str) -> torch.dtype:
    import torch

    found = getattr(torch, name, None) if name in ITEM_BYTES else None
    if not isinstance(found, torch.dtype):
        raise Refusal(f"this version of torch has no type {name}")
    return found


def _blank(_tensor: dict[str, Any]) -> Tensor:
    import torch

    return torch.empty(0)


def _meta(tensor: dict[str, Any]) -> Tensor:
    import torch

    dtype = _dtype(tensor["dtype"])
    return torch.empty_strided(tensor["shape"], tensor["stride"], dtype=dtype, device="meta")
