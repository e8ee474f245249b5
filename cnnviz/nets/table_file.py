"""Tables of layers in files of their own, as JSON that a person can read and change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cnnviz.data.atomic import write_atomically
from cnnviz.nets.layer_table import LayerTable

TABLE_SUFFIX = ".json"
_FORMAT = "cnnviz_layer_table"
_LARGEST = 4_000_000


class TableFileError(ValueError):
    """A file holds no table, or cannot be read or written; the message is one sentence that says what to do."""


def compact(table: LayerTable) -> dict[str, Any]:
    """The table for JSON, without the settings that are as they are unless said otherwise."""
    rows = [{"kind": row.kind, **row.model_dump(mode="json", exclude_defaults=True)} for row in table.layers]
    size = table.height_width
    return {"layers": rows, **({} if size is None else {"height_width": list(size)})}


def write_table(table: LayerTable, path: Path) -> None:
    """Write ``table`` to ``path``; raises TableFileError."""
    text = json.dumps({_FORMAT: 1, **table.model_dump(mode="json")}, indent=1)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise TableFileError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from error


def is_table(path: Path) -> bool:
    """Whether the file at ``path`` says that it is one."""
    try:
        with path.open("rb") as file:
            return _FORMAT.encode() in file.read(200)
    except OSError:
        return False


def read_table(path: Path) -> LayerTable:
    """The table in the file at ``path``; raises TableFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST)
        found = json.loads(content)
    except OSError as error:
        raise TableFileError(f"{path} cannot be read ({error.strerror or error}); choose another file.") from error
    except (ValueError, RecursionError) as error:
        raise TableFileError(f"{path} is no JSON; choose a table of layers that cnnviz has saved.") from error
    if not isinstance(found, dict) or found.pop(_FORMAT, None) != 1:
        raise TableFileError(f"{path} holds no table of layers; save one from the Architecture panel.")
    try:
        return LayerTable.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise TableFileError(
            f"{path} holds a table that is wrong at '{place}' ({first['msg']}); mend it there."
        ) from error
