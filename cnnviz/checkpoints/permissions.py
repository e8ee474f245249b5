"""What a person has allowed a file to do, kept with the file's hash, and never beside the file.

An answer to what a file is may lie beside it, since it can only be wrong. A permission may not: who sends a file could
send one with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cnnviz.checkpoints.sidecar import sha256_of
from cnnviz.data.atomic import write_atomically

Deed = Literal["run its program", "make large constants"]

_LARGEST = 4_096


class Permission(BaseModel):
    """That a person allows the file of this hash to do one thing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cnnviz_permission: Literal[1] = 1
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    deed: Deed


def permit(path: Path, deed: Deed, sha256: str | None = None) -> Path:
    """Keep the permission in the user's data folder, and return its place; raises OSError.

    Parameters
    ----------
    sha256
        The hash of the content that the person means, where it is known; else that of the file as it is now.
    """
    permission = Permission(sha256=sha256 or sha256_of(path), deed=deed)
    place = _place(path, deed)
    write_atomically(place, permission.model_dump_json(indent=1).encode())
    return place


def permitted(path: Path, deed: Deed) -> str | None:
    """The hash of the content that was permitted, where that is the file's own now; else None."""
    try:
        place = _place(path, deed)
        if not place.is_file() or place.stat().st_size > _LARGEST:
            return None
        permission = Permission.model_validate_json(place.read_bytes())
        own = permission.deed == deed and permission.sha256 == sha256_of(path)
    except (OSError, ValidationError):
        return None
    return permission.sha256 if own else None


def places(path: Path) -> tuple[Path, ...]:
    """Where permissions for the file at ``path`` are kept."""
    try:
        return tuple(_place(path, deed) for deed in get_args(Deed))
    except (OSError, ValueError):
        return ()


def _place(path: Path, deed: Deed) -> Path:
    # By place and size, since to find it by content alone every file that is opened would have to be read whole.
    key = hashlib.sha256(f"{deed}:{path.absolute()}:{path.stat().st_size}".encode()).hexdigest()[:32]
    return platformdirs.user_data_path("cnnviz", appauthor=False) / "permitted" / f"{key}.json"
