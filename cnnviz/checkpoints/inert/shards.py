"""The index of a checkpoint that is spread over several files: JSON that names the file of each tensor."""

from __future__ import annotations

import json
from typing import Any

from . import limits
from .plan import Plan, PlanWriter, written
from .refusal import Refusal
from .safetensors_file import without_doubles
from .source import Source


def looks_like_index(source: Source) -> bool:
    head = bytes(source.data[: 1 << 16]).lstrip()
    return head.startswith(b"{") and (b'"weight_map"' in head or b'"metadata"' in head)


def read_index(source: Source) -> Plan:
    """The plan of an index: no tensors, but under ``"shards"`` the names of each file's tensors."""
    if len(source) > limits.HEADER:
        raise Refusal(f"it is an index of {len(source):,} bytes, which no checkpoint needs")
    try:
        index = json.loads(bytes(source.data).decode("utf-8"), object_pairs_hook=without_doubles)
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        raise Refusal("it begins like the index of a checkpoint but is not JSON") from error
    names = index.get("weight_map") if type(index) is dict else None
    if type(names) is not dict or not names or len(names) > limits.TENSORS:
        raise Refusal("it is JSON but not the index of a checkpoint")
    shards: dict[str, list[str]] = {}
    for name, file in names.items():
        shards.setdefault(_sibling(file), []).append(name)
    plan = written("sharded index", PlanWriter(), metadata=_plain(index.get("metadata")))
    plan["shards"] = shards
    return plan


def _sibling(name: Any) -> str:
    """The name of a file beside the index, and nowhere else."""
    if type(name) is not str or not name or len(name) > 200 or name.startswith("."):
        raise Refusal("its index names a file in a way that no index does")
    if any(letter in name for letter in "/\\:\0") or name.endswith(".index.json"):
        raise Refusal(f"its index names the file {name!r}, which is not beside it")
    return name


def _plain(metadata: Any) -> dict[str, Any]:
    return metadata if type(metadata) is dict else {}
