"""What a file is before anything in it is used, and the card in it; without torch and without unpickling."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.checkpoints.shipped import shipped_networks, shipped_path

_HOW_TO_MAKE_ONE = "open a network that ships with cnnviz, or make one with 'cnnviz train'"
# PyTorch's zip format, its older pickles, tar archives; all of them run code when they are loaded.
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_PICKLE_SUFFIXES = (".pt", ".pth", ".th", ".pkl", ".bin", ".ckpt")


def network_path(name_or_path: str | Path) -> Path:
    """The file of a shipped network, by its name, or the path itself."""
    name = str(name_or_path)
    return shipped_path(name) if name in shipped_networks() else Path(name_or_path)


def read_card(path: Path) -> NetworkCard:
    """The card in the safetensors file ``path``.

    Raises
    ------
    CheckpointError
        The file is not there, is of another kind, is damaged, or was not written by this program.
    """
    _refuse_what_is_no_safetensors_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file, or it is damaged or cut short; get it again, or {_HOW_TO_MAKE_ONE}."
        ) from error
    try:
        return NetworkCard.from_metadata(metadata)
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be opened: {error}.") from error


def _refuse_what_is_no_safetensors_file(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; give the .safetensors file in it.")
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        names = ", ".join(shipped_networks())
        raise CheckpointError(
            f"There is no network or file '{path}'; give one of {names}, or the path of a .safetensors file."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be read ({reason}); check the path and its permissions.") from error
    if not start:
        raise CheckpointError(f"{path} is empty; get the file again, or {_HOW_TO_MAKE_ONE}.")
    if start.startswith(_PICKLE_STARTS) or path.suffix in _PICKLE_SUFFIXES:
        raise CheckpointError(
            f"{path} is not a safetensors file but looks like a PyTorch checkpoint, which could run code when it is "
            f"loaded and is not opened; {_HOW_TO_MAKE_ONE}."
        )
