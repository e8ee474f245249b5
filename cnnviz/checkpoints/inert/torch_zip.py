"""PyTorch's zip format: a pickle, and one member for each storage. TorchScript's archives have the same form."""

from __future__ import annotations

from typing import Any

from . import limits
from .dtypes import ITEM_BYTES, storage_dtype
from .pickles import PickleReader
from .plan import Plan, PlanWriter, written
from .program_graph import script_graph
from .refusal import Refusal
from .values import Global, Storage, is_integer
from .walk import TreeWalker
from .zip_directory import Archive

_TEXTS = ("byteorder", "version", ".format_version", ".storage_alignment", ".data/serialization_id")


def is_torch_zip(archive: Archive) -> bool:
    return any(name.split("/", 1)[-1] == "data.pkl" for name in archive.members)


def read_torch_zip(archive: Archive, reader: PickleReader) -> Plan:
    """The plan of an archive that ``torch.save`` or ``torch.jit.save`` has written."""
    writer = PlanWriter()
    walker = TreeWalker(writer)
    metadata = read_into(archive, reader, writer, walker, "")
    root = _root(archive)
    scripted = f"{root}constants.pkl" in archive.members
    sources = _sources(archive, root) if scripted else {}
    if walker.modules and (graph := script_graph(sources, walker.modules[0]["kind"])):
        metadata["graph"] = graph
    return written(
        "TorchScript" if scripted else "PyTorch zip",
        writer,
        reader.names,
        metadata=metadata,
        modules=walker.modules,
        sources=sources,
    )


def read_into(
    archive: Archive, reader: PickleReader, writer: PlanWriter, walker: TreeWalker, name: str
) -> dict[str, Any]:
    """Add an archive's tensors to a plan, under ``name``; returns its other values."""
    root = _root(archive)
    storages = Storages(archive, root, _is_big_endian(archive, root))
    read = {f"{root}{text}" for text in _TEXTS}
    read.update(member for member in archive.members if member.startswith(f"{root}code/") and member.endswith(".py"))
    try:
        value = _read_pickle(archive, f"{root}data.pkl", reader, storages, f"{root}data/", read)
        metadata = walker.walk(value, name)
        if f"{root}constants.pkl" in archive.members:
            constants = _read_pickle(archive, f"{root}constants.pkl", reader, storages, f"{root}constants/", read)
            rest = walker.walk(constants, "constants")
            if rest:
                metadata["constants"] = rest
    finally:
        search_the_rest(archive, reader, read | storages.used)
    return metadata


def _root(archive: Archive) -> str:
    """The folder in the archive; its name is the file's when it was written."""
    roots = [name.removesuffix("data.pkl") for name in archive.members if name.split("/", 1)[-1] == "data.pkl"]
    # A second pickle may be what another program reads, and what this one would not have looked at.
    if len(roots) != 1:
        raise Refusal("the archive does not hold one checkpoint, and programs would differ in what they read")
    return roots[0]


def _read_pickle(
    archive: Archive, name: str, reader: PickleReader, storages: Storages, folder: str, read: set[str]
) -> Any:
    read.add(name)
    source = archive.read(name)
    value, end = reader.read(source, 0, lambda identifier: storages.find(identifier, folder))
    reader.search(source, end)
    return value


def _is_big_endian(archive: Archive, root: str) -> bool:
    name = f"{root}byteorder"
    if name not in archive.members:
        return False
    order = bytes(archive.read(name).data)
    if order not in (b"little", b"big"):
        raise Refusal(f"its byte order is stated as {order[:20]!r}, which is neither little nor big")
    return order == b"big"


def search_the_rest(archive: Archive, reader: PickleReader, accounted_for: set[str]) -> None:
    """Names may hide in members that neither the pickle nor the format refers to."""
    for name, member in archive.members.items():
        if name in accounted_for or member.size == 0:
            continue
        try:
            reader.search(archive.head(name, limits.SCANNED))
        except Refusal:  # what cannot be unpacked cannot be searched; it is read by nothing either
            continue


def _sources(archive: Archive, root: str) -> dict[str, str]:
    """TorchScript's code, as text."""
    names = [name for name in archive.members if name.startswith(f"{root}code/") and name.endswith(".py")]
    return {name.removeprefix(root): bytes(archive.read(name).data).decode("utf-8", "replace") for name in names}


class Storages:
    """The storages of an archive, each of them one however often it is asked for."""

    def __init__(self, archive: Archive, root: str, big_endian: bool) -> None:
        self.used: set[str] = set()
        self._archive = archive
        self._root = root
        self._big_endian = big_endian
        self._found: dict[str, Storage] = {}

    def find(self, identifier: Any, folder: str) -> Storage:
        """The storage of a persistent id ``("storage", class, key, device, elements)``."""
        key, dtype, elements = parse_identifier(identifier)
        name = f"{folder}{key}"
        size = elements * ITEM_BYTES[dtype]
        known = self._found.get(name)
        if known is not None:
            if (known.dtype, known.size) != (dtype, size):
                raise Refusal(f"its storage '{key}' is asked for as two different types or sizes")
            return known
        self.used.add(name)
        storage = self._found[name] = Storage(
            key if folder.endswith("data/") else name.removeprefix(self._root), dtype, size
        )
        storage.big_endian = self._big_endian and ITEM_BYTES[dtype] > 1
        if size:
            member = self._archive.members.get(name)
            if member is None:
                raise Refusal(f"it lacks the member '{name}' that holds a tensor's values")
            if member.size < size:
                raise Refusal(f"its member '{name}' has {member.size:,} bytes where {size:,} are needed")
            storage.place = self._archive.place(name)
        return storage


def parse_identifier(identifier: Any) -> tuple[str, str, int]:
    """Key, element type and number of elements of a storage's persistent id."""
    if type(identifier) not in (tuple, list) or len(identifier) < 5 or identifier[0] not in ("storage", b"storage"):
        raise Refusal("a tensor in it has a storage that is not described as PyTorch does")
    _, kind, key, _device, elements = identifier[:5]
    dtype = storage_dtype(kind.module, kind.name) if isinstance(kind, Global) else None
    if dtype is None:
        raise Refusal("a tensor in it has a storage of a type that PyTorch does not have")
    if type(key) not in (str, int, bytes) or not is_integer(elements) or not 0 <= elements < 1 << 60:
        raise Refusal("a tensor in it has a storage with an impossible number of elements")
    return key.decode("utf-8", "replace") if type(key) is bytes else str(key), dtype, elements
