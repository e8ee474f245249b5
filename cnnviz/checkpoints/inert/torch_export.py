"""``torch.export``'s ``.pt2`` archives, in both layouts: JSON beside raw weights, and JSON beside checkpoints.

The graph is JSON in both, and is handed on as text. Torch's own loader would evaluate strings in it and unpickle.
"""

from __future__ import annotations

import json
from typing import Any

from .dtypes import ITEM_BYTES
from .pickles import PickleReader
from .plan import Plan, PlanWriter, written
from .program_graph import export_graph
from .refusal import Refusal
from .torch_zip import read_into, search_the_rest
from .values import DeclaredTensor, Storage, dense, is_integer
from .walk import TreeWalker
from .zip_directory import Archive

_OLD_GRAPH = "serialized_exported_program.json"
_LONGEST_GRAPH = 16 << 20
# torch/_export/serde/schema.py, ScalarType
_DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    9: "complex32",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
    34: "uint32",
    35: "uint64",
}


def is_torch_export(archive: Archive) -> bool:
    return _OLD_GRAPH in archive.members or any(name.split("/", 1)[-1] == "archive_format" for name in archive.members)


def read_torch_export(archive: Archive, reader: PickleReader) -> Plan:
    """The plan of an archive that ``torch.export.save`` has written; the graph is among its ``sources``."""
    writer = PlanWriter()
    walker = TreeWalker(writer)
    read = _read_old if _OLD_GRAPH in archive.members else _read_new
    try:
        sources = read(archive, reader, writer, walker)
    finally:
        search_the_rest(archive, reader, {name for name in archive.members if name.endswith(".json")})
    graphs = [graph for text in sources.values() if (graph := export_graph(text))]
    metadata = {"graph": graphs[0] if len(graphs) == 1 else graphs} if graphs else {}
    return written("torch.export", writer, reader.names, metadata=metadata, modules=walker.modules, sources=sources)


def _read_old(archive: Archive, reader: PickleReader, writer: PlanWriter, walker: TreeWalker) -> dict[str, str]:
    for name in ("serialized_state_dict.pt", "serialized_constants.pt"):
        if name in archive.members and archive.members[name].size:
            read_into(Archive(archive.read(name)), reader, writer, walker, "")
    return _graphs(archive, [_OLD_GRAPH])


def _read_new(archive: Archive, reader: PickleReader, writer: PlanWriter, walker: TreeWalker) -> dict[str, str]:
    root = next(iter(archive.members)).split("/", 1)[0] + "/"
    configs = [name for name in archive.members if name.endswith(("_weights_config.json", "_constants_config.json"))]
    storages: dict[str, Storage] = {}
    several = len({_model(name) for name in configs}) > 1
    big_endian = f"{root}byteorder" in archive.members and bytes(archive.read(f"{root}byteorder").data) == b"big"
    for config in configs:
        folder = config.rsplit("/", 1)[0]
        for name, entry in _json(archive, config).items():
            path = entry.get("path_name") if type(entry) is dict else None
            member = f"{folder}/{path}"
            if type(path) is not str or member not in archive.members:
                raise Refusal(f"it lacks the values of '{name[:80]}'")
            shown = f"{_model(config)}.{name}" if several else name
            if entry.get("use_pickle") is True:
                if entry.get("tensor_meta") is not None:
                    read_into(Archive(archive.read(member)), reader, writer, walker, shown)
                continue
            writer.add(shown, _tensor(entry.get("tensor_meta"), member, archive, storages, big_endian))
    return _graphs(archive, [name for name in archive.members if name.startswith(f"{root}models/")])


def _model(config: str) -> str:
    return config.rsplit("/", 1)[-1].removesuffix("_weights_config.json").removesuffix("_constants_config.json")


def _json(archive: Archive, name: str) -> dict[str, Any]:
    try:
        found = json.loads(bytes(archive.read(name).data).decode("utf-8"))
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Refusal(f"its member '{name}' is not JSON") from error
    config = found.get("config") if type(found) is dict else None
    if type(config) is not dict:
        raise Refusal(f"its member '{name}' does not list tensors")
    return config


def _tensor(meta: Any, member: str, archive: Archive, storages: dict[str, Storage], big_endian: bool) -> DeclaredTensor:
    """A tensor in a member of its own, or in one that others look into as well."""
    if type(meta) is not dict or meta.get("layout") != 7:
        raise Refusal("a tensor in it is not described as PyTorch does")
    dtype = _DTYPES.get(meta["dtype"]) if is_integer(meta.get("dtype")) else None
    if dtype is None:
        raise Refusal("a tensor in it has an element type that torch does not have")
    storage = storages.get(member)
    if storage is None:
        size = archive.members[member].size
        key = member.split("/", 1)[-1].removeprefix("data/")
        swapped = big_endian and ITEM_BYTES[dtype] > 1
        storage = storages[member] = Storage(key, dtype, size, archive.place(member) if size else None, 0, swapped)
    shape, stride = _integers(meta.get("sizes")), _integers(meta.get("strides"))
    (offset,) = _integers([meta.get("storage_offset")])
    return dense(storage, offset, shape, stride, dtype)


def _integers(found: Any) -> list[Any]:
    if type(found) is not list:
        raise Refusal("a tensor in it is not described as PyTorch does")
    return [item.get("as_int") if type(item) is dict else None for item in found]


def _graphs(archive: Archive, names: list[str]) -> dict[str, str]:
    short = [name for name in names if archive.members[name].size <= _LONGEST_GRAPH]
    return {name: bytes(archive.read(name).data).decode("utf-8", "replace") for name in short}
