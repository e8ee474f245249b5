"""Whether a file is this program's own, and the card in it; without torch."""

import json
import stat
from pathlib import Path

from cnnviz.checkpoints.card import FORMAT_KEY, CheckpointError, NetworkCard
from cnnviz.checkpoints.shipped import shipped_networks, shipped_path

_LARGEST_HEADER = 4 << 20
"""Bytes, far above what this program writes; a longer one is parsed where memory and time are bounded, or nowhere."""


def network_path(name_or_path: str | Path) -> Path:
    """The file of a shipped network, by its name, or the path itself."""
    name = str(name_or_path)
    return shipped_path(name) if name in shipped_networks() else Path(name_or_path)


def is_own(path: Path) -> bool:
    """Whether the file at ``path`` was written by this program.

    Raises
    ------
    CheckpointError
        There is no such file, or it cannot be read.
    """
    _refuse_what_is_no_file(path)
    return FORMAT_KEY in _metadata(path)


def read_card(path: Path) -> NetworkCard:
    """The description of the network in the file at ``path``.

    It stands in this program's own files. Of others it is worked out, for which torch is loaded.

    Raises
    ------
    CheckpointError
        There is no such file, or it is no network that can be shown; the message says what to do next.
    """
    if not is_own(path):
        from cnnviz.checkpoints.open import open_network

        return open_network(path).card
    try:
        return NetworkCard.from_metadata(_metadata(path))
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be opened: {error}.") from error


def _metadata(path: Path) -> dict[str, str]:
    """What stands in the header of a safetensors file; nothing where it is no such file, a damaged one, or one with a
    header longer than this program's own files have. The rest of the file is neither read nor mapped.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= _LARGEST_HEADER else None
    except (OSError, ValueError, RecursionError):
        return {}
    found = header.get("__metadata__") if isinstance(header, dict) else None
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise CheckpointError(f"{path} is a folder; give the file of weights in it.")
        # A pipe or a device would be waited for.
        if not stat.S_ISREG(mode):
            raise CheckpointError(f"{path} is no regular file; give a file of weights.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        names = ", ".join(shipped_networks())
        raise CheckpointError(
            f"There is no network or file '{path}'; give one of {names}, or the path of a file of weights."
        ) from error
    except CheckpointError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be read ({reason}); check the path and its permissions.") from error
