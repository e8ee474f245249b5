"""Builds tensors out of a plan and the file that it is the plan of."""

from __future__ import annotations

import base64
import mmap
import os
import sys
import weakref
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.inert.dtypes import ITEM_BYTES
from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.inert.values import Storage, dense

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MOST_INFLATED = 1 << 30


class StoredTensors:
    """The tensors of one file, read when they are asked for.

    The file stays open and is mapped, so that what is never looked at is never read, and so that tensors of one storage
    share their values as they do in the file. A copy is made only where the values cannot be used as they lie there.
    The mapping is private: writing to a tensor never reaches the file.

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
        weakref.finalize(self, file.close)
        self._storages: list[dict[str, Any]] = plan["storages"]
        self._tensors: dict[str, dict[str, Any]] = {tensor["name"]: tensor for tensor in plan["tensors"]}
        self._mapped: mmap.mmap | None = None
        self._read: dict[int, torch.UntypedStorage] = {}
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
        """
        tensor = self._tensors[name]
        status = os.fstat(self._file.fileno())
        if (status.st_size, status.st_mtime_ns) != self._stamp:
            raise CheckpointError(f"{self._name} has changed since it was opened; open it again.")
        try:
            return self._built(tensor)
        except Refusal as error:
            raise CheckpointError(f"'{name}' of {self._name} cannot be read: {error}.") from error

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
        if index in self._read:
            return self._read[index]
        entry = self._storages[index]
        size, place = entry["size"], entry["place"]
        item = ITEM_BYTES[tensor["dtype"]]
        if not size or place is None:
            return torch.empty(0, dtype=torch.uint8).untyped_storage()
        swap = entry["big_endian"] != (sys.byteorder == "big") and item > 1
        start = entry["skip"]
        if "inline" in place or place["inflated"] is not None:
            data: Any = self._unpacked(place)
        else:
            data = self._map()
            self._check_sum(place)
            start += place["start"]
        if swap or start % item or data is not self._mapped:
            copy = bytearray(memoryview(data)[start : start + size])
            data, start = _swapped(copy, tensor["dtype"]) if swap else copy, 0
        storage = torch.frombuffer(data, dtype=torch.uint8, count=size, offset=start).untyped_storage()
        # A mapped storage costs nothing to keep; a copy is kept only for those who must share it.
        if data is self._mapped or self._users[index] > 1:
            self._read[index] = storage
        return storage

    def _map(self) -> mmap.mmap:
        if self._mapped is None:
            self._mapped = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_COPY)
        return self._mapped

    def _check_sum(self, place: dict[str, Any]) -> None:
        if place["crc"] is None:
            return
        with memoryview(self._map())[place["start"] : place["start"] + place["size"]] as data:
            if zlib.crc32(data) != place["crc"]:
                raise Refusal("its values are damaged (the archive's checksum for them is wrong)")
        place["crc"] = None

    def _unpacked(self, place: dict[str, Any]) -> bytes:
        if "inline" in place:
            return base64.b64decode(place["inline"])
        if place["inflated"] > _MOST_INFLATED:
            raise Refusal(f"it grows beyond {_MOST_INFLATED >> 20} MB when it is unpacked")
        with memoryview(self._map())[place["start"] : place["start"] + place["size"]] as packed:
            try:
                data = zlib.decompressobj(-15).decompress(packed, place["inflated"] + 1)
            except zlib.error as error:
                raise Refusal("its values are damaged (they cannot be unpacked)") from error
        if len(data) != place["inflated"] or (place["crc"] is not None and zlib.crc32(data) != place["crc"]):
            raise Refusal("its values are damaged (the archive's checksum for them is wrong)")
        return data


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


def _swapped(data: bytearray, dtype: str) -> bytearray:
    """The elements with their bytes in reverse; of a complex number, each of its two parts."""
    item = ITEM_BYTES[dtype] // (2 if dtype.startswith("complex") else 1)
    turned = bytearray(len(data))
    for byte in range(item):
        turned[byte::item] = data[item - 1 - byte :: item]
    return turned
