"""Reads the little of HDF5 that Keras writes, and refuses all by which such a file could reach beyond itself.

Links to other names and files, data in other files or put together from others, unknown filters (which are libraries
to be loaded) and arrays that are not there but stand for a fill value.
"""

import base64
import json
import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.keras.plan import TensorPlan

_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_KINDS = "fiub"
_MOST_COPIED = 64 << 20
"""Bytes of tensors in pieces, which are sent along with the plan."""
_MOST_OBJECTS = 50_000
_DEEPEST = 32
_LONGEST_TEXT = 16 << 20


class Hdf5:
    """An open HDF5 file, of which ``size`` bytes begin at ``base`` of the file on disk."""

    def __init__(self, file: Any, base: int, size: int) -> None:
        self.root = h5py.File(file, "r")
        self._base = base
        self._size = size
        self._copied = 0
        self._seen = 0
        if self.root.id.get_create_plist().get_userblock():
            raise Refusal("it has something else before its data")

    def child(self, group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
        """What lies at ``path``, which is followed name by name and only where that is no link to elsewhere."""
        found: Any = group
        parts = [part for part in path.split("/") if part]
        if not parts or len(parts) > _DEEPEST:
            raise Refusal(f"it names '{path[:60]}', which is no path")
        for part in parts:
            if not isinstance(found, h5py.Group):
                raise Refusal(f"it has nothing called '{path[:60]}'")
            link = found.get(part, getlink=True)
            if link is None:
                raise Refusal(f"it has nothing called '{path[:60]}'")
            if not isinstance(link, h5py.HardLink):
                raise Refusal(f"'{path[:60]}' is a link to another place, which is not followed")
            found = found[part]
        if not isinstance(found, h5py.Group | h5py.Dataset):
            raise Refusal(f"'{path[:60]}' is no array")
        return found

    def group(self, group: h5py.Group, path: str) -> h5py.Group:
        found = self.child(group, path)
        if not isinstance(found, h5py.Group):
            raise Refusal(f"'{path[:60]}' is an array, where a group is expected")
        return found

    def names(self, group: h5py.Group, name: str) -> list[str] | None:
        """A list of names in an attribute, which is in pieces ``name0``, ``name1`` … where it is long."""
        if name in group.attrs:
            return self._texts(group, name)
        if f"{name}0" not in group.attrs:
            return None
        found: list[str] = []
        for number in range(_MOST_OBJECTS):
            if f"{name}{number}" not in group.attrs:
                break
            found += self._texts(group, f"{name}{number}")
        return found

    def text(self, group: h5py.Group, name: str) -> str:
        """A text in an attribute; empty if there is none."""
        if name not in group.attrs:
            return ""
        value = group.attrs[name]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if len(text) > _LONGEST_TEXT:
            raise Refusal(f"its '{name}' is longer than {_LONGEST_TEXT >> 20} MB")
        return text

    def _texts(self, group: h5py.Group, name: str) -> list[str]:
        values = np.ravel(group.attrs[name]).tolist()
        if len(values) > _MOST_OBJECTS:
            raise Refusal(f"it lists more than {_MOST_OBJECTS:,} names")
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]

    def arrays(self, group: h5py.Group, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, h5py.Dataset]]:
        """Every array below ``group``, with its path."""
        if depth > _DEEPEST:
            raise Refusal("its groups are nested too deeply")
        for name in group:
            self._seen += 1
            if self._seen > _MOST_OBJECTS:
                raise Refusal(f"it holds more than {_MOST_OBJECTS:,} things")
            found = self.child(group, name)
            if isinstance(found, h5py.Dataset):
                yield f"{prefix}{name}", found
            else:
                yield from self.arrays(found, f"{prefix}{name}/", depth + 1)

    def tensor(self, name: str, dataset: h5py.Group | h5py.Dataset) -> TensorPlan:
        """Where the values of ``dataset`` lie, after everything that it claims has been checked."""
        if not isinstance(dataset, h5py.Dataset):
            raise Refusal(f"'{name}' is a group, where an array is expected")
        properties, dtype = dataset.id.get_create_plist(), dataset.dtype
        if dataset.is_virtual:
            raise Refusal(f"'{name}' is put together from other arrays, which are not followed")
        if properties.get_external_count():
            raise Refusal(f"'{name}' has its values in another file, which is not opened")
        filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
        if not filters <= _FILTERS:
            raise Refusal(f"'{name}' is compressed with filter {min(filters - _FILTERS)}, which is not loaded")
        if dtype.kind not in _KINDS or dataset.shape is None:
            raise Refusal(f"'{name}' holds no numbers ({dtype})")
        shape = [int(size) for size in dataset.shape]
        length = math.prod(shape) * dtype.itemsize
        plan = TensorPlan(name=name, shape=shape, dtype=dtype.str, offset=0, length=length, values="")
        if dataset.attrs.get("dtype") == "bfloat16":
            plan["dtype"] = "bfloat16"
        if length == 0:
            return plan
        layout = properties.get_layout()
        if layout != h5py.h5d.CHUNKED and dataset.id.get_storage_size() != length:
            raise Refusal(f"'{name}' claims {length:,} bytes and has {dataset.id.get_storage_size():,}")
        if layout == h5py.h5d.CONTIGUOUS:
            offset = dataset.id.get_offset()
            if offset is None or offset + length > self._size:
                raise Refusal(f"'{name}' reaches beyond the end of the file, which is cut short")
            plan["offset"] = self._base + offset
            return plan
        self._check_chunks(name, dataset, length)
        self._copied += length
        if self._copied > _MOST_COPIED:
            raise Refusal(f"more than {_MOST_COPIED >> 20} MB of it are compressed; save it without compression")
        plan["values"] = base64.b64encode(dataset[()].tobytes()).decode()
        return plan

    def _check_chunks(self, name: str, dataset: h5py.Dataset, length: int) -> None:
        """Chunks that are not there would be filled."""
        if dataset.chunks is None:
            return
        needed = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        if math.prod(dataset.chunks) * dataset.dtype.itemsize > _MOST_COPIED or needed > _MOST_OBJECTS:
            raise Refusal(f"'{name}' is in chunks of {dataset.chunks}")
        if dataset.id.get_num_chunks() != needed:
            raise Refusal(f"'{name}' claims {length:,} bytes, of which not all are there")


def decoded_json(text: str, what: str) -> dict[str, Any]:
    """A JSON object; raises Refusal."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"its {what} is damaged") from error
    if not isinstance(found, dict):
        raise Refusal(f"its {what} is no description of a network")
    return found
