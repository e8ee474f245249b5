"""Files that are whole or as they were before."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, flush it to the disk and put it in place in one step.

    Raises
    ------
    OSError
        The folder cannot be written or the disk is full; ``path`` is untouched and nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # not tempfile's: its files are for their owner alone, these are as open as any other that the person saves
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
