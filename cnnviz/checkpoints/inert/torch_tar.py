"""PyTorch's oldest format, a tar archive, in both its dialects.

Torch's own has the members ``storages``, ``tensors`` and ``pickle``, where the pickle refers to tensors and storages by
their addresses. The other, which other programs write, has no ``tensors``: its pickle makes them as later formats do.
"""

from __future__ import annotations

from typing import Any

from .dtypes import ITEM_BYTES, storage_dtype
from .pickles import PickleReader
from .plan import Plan, PlanWriter, written
from .refusal import Refusal
from .source import Source
from .tar_directory import tar_members
from .torch_legacy import locate_one
from .torch_zip import parse_identifier
from .values import DeclaredTensor, Global, Storage, dense, is_integer
from .walk import TreeWalker


def read_torch_tar(source: Source, reader: PickleReader) -> Plan:
    """The plan of a tar archive that ``torch.save`` of 2016, or a program that imitates it, has written."""
    members = tar_members(source)
    missing = {"pickle", "storages"} - members.keys()
    if missing:
        for member in members.values():
            reader.search(member)
        raise Refusal("it is an archive without a checkpoint in it")
    references = _References(reader)
    try:
        references.read_storages(members["storages"])
        if "tensors" in members:
            references.read_tensors(members["tensors"])
        value, end = reader.read(members["pickle"], 0, references.find)
        reader.search(members["pickle"], end)
    finally:
        for name in members.keys() - {"pickle", "storages", "tensors"}:
            reader.search(members[name])
    writer = PlanWriter()
    walker = TreeWalker(writer)
    metadata = walker.walk(value)
    return written(
        "PyTorch tar", writer, reader.names, metadata=metadata, modules=walker.modules, sources=references.sources
    )


class _References:
    """Storages and tensors by the keys under which the pickle refers to them."""

    def __init__(self, reader: PickleReader) -> None:
        self.sources: dict[str, str] = {}
        self._reader = reader
        self._found: dict[str, Storage | DeclaredTensor] = {}

    def find(self, identifier: Any) -> Any:
        """A key, a class with its source, or a storage's description as later formats have it."""
        if type(identifier) is tuple and identifier[:1] == ("storage",):
            key, dtype, elements = parse_identifier(identifier)
            known = self._storage(key)
            if (known.dtype, known.size) != (dtype, elements * ITEM_BYTES[dtype]):
                raise Refusal(f"its storage '{key}' is asked for as two different types or sizes")
            return known
        if type(identifier) is tuple and len(identifier) == 3:
            kind, _file, text = identifier
            if isinstance(kind, Global) and type(text) is str:
                self.sources[kind.full] = text
            return kind
        found = self._found.get(_key(identifier))
        if found is None:
            raise Refusal("its pickle refers to a tensor that is not in the archive")
        return found

    def read_storages(self, source: Source) -> None:
        """Each storage: a pickle of its key, device and class, its number of elements, its data; then the views."""
        number, position = self._count(source)
        for _ in range(number):
            described, position = self._reader.read(source, position)
            if type(described) is not tuple or len(described) != 3 or not isinstance(described[2], Global):
                raise Refusal("its list of storages is damaged")
            dtype = storage_dtype(described[2].module, described[2].name)
            if dtype is None:
                raise Refusal("a tensor in it has a storage of a type that PyTorch does not have")
            (elements,) = source.unpack("<q", position)
            if not 0 <= elements <= len(source):
                raise Refusal(f"its storage '{_key(described[0])}' has an impossible number of elements")
            storage = Storage(_key(described[0]), dtype, elements * ITEM_BYTES[dtype])
            position = locate_one(storage, source, position)
            self._add(storage.key, storage)
        if position < len(source):
            self._read_views(source, position)

    def _read_views(self, source: Source, position: int) -> None:
        views, position = self._reader.read(source, position)
        self._reader.search(source, position)
        if type(views) is not list:
            raise Refusal("its list of views is damaged")
        for view in views:
            if type(view) is not tuple or len(view) != 4:
                raise Refusal("its list of views is damaged")
            root = self._storage(_key(view[1]))
            self._add(_key(view[0]), root.part(_key(view[0]), view[2], view[3]))

    def read_tensors(self, source: Source) -> None:
        """Each tensor: a pickle of its key, storage and class, then its rank, shape, strides and offset."""
        number, position = self._count(source)
        for _ in range(number):
            described, position = self._reader.read(source, position)
            if type(described) is not tuple or len(described) != 3:
                raise Refusal("its list of tensors is damaged")
            (rank,) = source.unpack("<i", position)
            if not 0 <= rank <= 64:
                raise Refusal("a tensor in it has an impossible number of dimensions")
            # The rank is followed by four bytes that mean nothing: it was written as eight once.
            numbers = source.unpack(f"<{2 * rank + 1}q", position + 8)
            position += 8 + 8 * len(numbers)
            storage = self._storage(_key(described[1]))
            self._add(_key(described[0]), dense(storage, numbers[-1], numbers[:rank], numbers[rank:-1]))
        self._reader.search(source, position)

    def _count(self, source: Source) -> tuple[int, int]:
        number, position = self._reader.read(source)
        if not is_integer(number) or not 0 <= number <= len(source):
            raise Refusal("the number of its tensors is impossible")
        return number, position

    def _storage(self, key: str) -> Storage:
        found = self._found.get(key)
        if not isinstance(found, Storage):
            raise Refusal("a tensor in it looks into a storage that is not in the archive")
        return found

    def _add(self, key: str, found: Storage | DeclaredTensor) -> None:
        if key in self._found:
            raise Refusal(f"it holds '{key}' twice")
        self._found[key] = found


def _key(value: Any) -> str:
    if type(value) not in (str, int, bytes):
        raise Refusal("a tensor in it is referred to in a way that PyTorch does not use")
    return (value.decode("utf-8", "replace") if type(value) is bytes else str(value))[:200]
