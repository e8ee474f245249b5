"""The networks that come with the program; known without importing torch."""

from pathlib import Path

from cnnviz.data.assets import assets_folder

_NAMES = ("mnist-lenet", "cifar-net", "tiny-vgg")


def shipped_networks() -> tuple[str, ...]:
    """Names under which ``open_network`` opens the program's own networks, the one to begin with first."""
    return _NAMES


def shipped_path(name: str) -> Path:
    """The file of the shipped network called ``name``."""
    return assets_folder() / "networks" / f"{name}.safetensors"
