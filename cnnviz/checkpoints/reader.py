"""Reads a file of weights without executing anything in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from cnnviz.checkpoints.contents import Contents, ModuleEntry, TensorEntry
from cnnviz.checkpoints.formats import TORCH_READER
from cnnviz.checkpoints.known_plans import KnownPlans
from cnnviz.checkpoints.natural_order import natural
from cnnviz.checkpoints.sandbox import RefusedFile, listed, open_regular, plan_of
from cnnviz.checkpoints.sharded import read_shards
from cnnviz.checkpoints.stored_tensors import StoredTensors

__all__ = ["RefusedFile", "read_checkpoint"]


def read_checkpoint(path: str | Path, known: KnownPlans | None = None) -> Contents:
    """What the file ``path`` holds, told by its content and not by its name's ending.

    Nothing in the file is executed, imported or looked up by name. It is parsed in a child process with a memory and a
    time limit; tensors are read when they are asked for. One that has not changed since it came among the ``known`` is
    not parsed again.

    Raises
    ------
    RefusedFile
        The file is not there, is of no kind that is known, is damaged, or no tensor in it can be read. It is a
        ``CheckpointError``; its ``refused`` are the names that the file asked for.
    """
    path = Path(path)
    file, plan = _read_one(path, known)
    if "shards" not in plan:
        return _told(contents(path, file, plan))
    file.close()
    whole = read_shards(path, plan, _read_shard)
    return _told(replace(whole, entries=_sorted(whole.entries)))


def _read_one(path: Path, known: KnownPlans | None = None) -> tuple[BinaryIO, dict[str, Any]]:
    file = open_regular(path)
    try:
        plan = None if known is None else known.get(file)
        if plan is None:
            plan = plan_of(file, str(path), TORCH_READER)
            if known is not None:
                known.keep(file, plan)
        return file, plan
    except BaseException:
        file.close()
        raise


def _read_shard(path: Path) -> Contents:
    file, plan = _read_one(path)
    if "shards" in plan:
        file.close()
        raise RefusedFile(
            f"{path} cannot be read: it is an index inside an index; get the file again, or open another."
        )
    return contents(path, file, plan)


def contents(path: Path, file: BinaryIO, plan: dict[str, Any]) -> Contents:
    """A plan, checked against its file, in the form that the rest of the program uses."""
    tensors = StoredTensors(file, str(path), plan)
    keys = [storage["key"] for storage in plan["storages"]]
    entries = [_entry(position, tensor, keys) for position, tensor in enumerate(plan["tensors"])]
    return Contents(
        path=path,
        format=plan["format"],
        entries=_sorted(entries),
        load=tensors.load,
        metadata=plan["metadata"],
        modules=tuple(ModuleEntry(module["path"], module["kind"], module["settings"]) for module in plan["modules"]),
        sources=plan["sources"],
        refused=tuple(plan["refused"]),
    )


def _told(found: Contents) -> Contents:
    """The contents with one sentence on what they are."""
    number = len(found.entries)
    message = f"{number} tensor{'' if number == 1 else 's'} in a file of the format {found.format}"
    if found.modules:
        message += f", as the modules of a {found.modules[0].kind}"
    if found.refused:
        message += f"; it also asks for {listed(found.refused)}, none of which was run"
    return replace(found, message=f"{message}.")


def _sorted(entries: Iterable[TensorEntry]) -> tuple[TensorEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: natural(entry.name)))


def _entry(position: int, tensor: dict[str, Any], keys: list[str]) -> TensorEntry:
    storage = "" if tensor["storage"] is None else keys[tensor["storage"]]
    return TensorEntry(tensor["name"], tuple(tensor["shape"]), tensor["dtype"], storage, tensor["note"], position)
