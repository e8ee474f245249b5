"""Checkpoints that are spread over several files beside each other, with an index that says which tensor is where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.sandbox import RefusedFile


def read_shards(index: Path, plan: Mapping[str, Any], read: Callable[[Path], Contents]) -> Contents:
    """The files of a checkpoint as one.

    Parameters
    ----------
    plan : mapping
        Has the names of each file's tensors under ``"shards"``; the files lie beside ``index``.
    read : callable
        Reads one file; each is read in a child process of its own.

    Raises
    ------
    RefusedFile
        A file is missing, is a link to another folder, or lacks a tensor that the index promises.
    """
    owners: dict[str, Contents] = {}
    entries: list[TensorEntry] = []
    refused: dict[str, None] = {}
    for file, names in plan["shards"].items():
        shard = read(_beside(index, file))
        refused.update(dict.fromkeys(shard.refused))
        found = {entry.name: entry for entry in shard.entries}
        missing = [name for name in names if name not in found]
        if missing:
            raise RefusedFile(
                f"{index} cannot be read: {file} lacks the tensor '{missing[0][:80]}'; get {file} again.",
                tuple(refused),
            )
        for name in names:
            owners[name] = shard
            storage = f"{file}:{found[name].storage}"
            entries.append(replace(found[name], storage=storage, position=len(entries)))
    formats = {shard.format for shard in owners.values()}
    return Contents(
        path=index,
        format=f"{' and '.join(sorted(formats))} in {len(plan['shards'])} files",
        entries=tuple(entries),
        load=lambda name: owners[name].load(name),
        metadata=plan["metadata"],
        refused=tuple(refused),
    )


def _beside(index: Path, name: str) -> Path:
    path = index.parent / name
    try:
        inside = path.resolve().parent == index.resolve().parent
    except OSError:
        inside = False
    if not inside:
        raise RefusedFile(f"{index} cannot be read: {name} is a link to another folder; put the file itself there.")
    return path
