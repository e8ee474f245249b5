"""Files that are whole or as they were before."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, flush it to the disk and put it in place in one step.

    Of a symbolic link it is the file that is written anew, not the link.

    Raises
    ------
    OSError
        The folder cannot be written, the disk is full, or ``path`` is a folder, a pipe or a device; ``path`` is
        untouched and nothing is left behind.
    """
    path = Path(os.path.realpath(path))
    _refuse_what_is_no_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # not tempfile's: its files are for their owner alone, these are as open as any other that the person saves
    temporary = path.with_name(f".{uuid.uuid4().hex}")  # short, since a name may be as long as names can be
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _refuse_what_is_no_file(path: Path) -> None:
    """A new file would take the place of a device or a pipe, which is gone then for all programs."""
    try:
        mode = path.stat().st_mode
    except OSError:  # it is not there, or writing tells why not
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
