"""Looks at a file once, however many panels ask what is in it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.checkpoints import permissions, sidecar

if TYPE_CHECKING:
    from cnnviz.checkpoints.checkpoint import Checkpoint

_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class _Seen:
    key: tuple[object, ...]
    checkpoint: Checkpoint


_lock = threading.Lock()
_last: list[_Seen] = []


def look_at(path: Path, select: str | None = None) -> Checkpoint:
    """:func:`~cnnviz.checkpoints.checkpoint.open_checkpoint`, again where neither the file nor what was said of it
    has changed since.

    Only the last file is kept. Who asks while another looks at a file waits for that.

    Raises
    ------
    CheckpointError
        There is no network called ``select`` in the file.
    """
    from cnnviz.checkpoints.checkpoint import open_checkpoint

    with _lock:
        said = (*sidecar.places(path), *permissions.places(path))
        key = (str(path), select, _stamp(path), *(_stamp(place) for place in said))
        if not _last or _last[0].key != key:
            _last.clear()
            _last.append(_Seen(key, open_checkpoint(path, select=select)))
        return _last[0].checkpoint


def _stamp(path: Path) -> _Stamp:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
