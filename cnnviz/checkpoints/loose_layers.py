"""What is shown of a file that is no whole network: its layers, of which at most the first one reads images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.known_plans import KNOWN
from cnnviz.checkpoints.prefixes import SavedNetwork, networks_in
from cnnviz.checkpoints.reader import read_checkpoint

if TYPE_CHECKING:
    from cnnviz.checkpoints.checkpoint import Checkpoint

IMAGE_CHANNELS = (1, 3)
_SIZE = 128
# of images for a layer that is soon followed by the network that it is of
_SMALL = 32
_LARGEST_KERNEL = 512


class LooseLayers(nn.Module):
    """Layers that are not known to be joined; images go through the first that reads any, with padding that keeps
    their size, and through nothing else.

    Attributes
    ----------
    names : tuple of str
        Paths of all layers, in the order of the file.
    first : str or None
        The one that runs; None where none reads images of one or three channels.
    """

    def __init__(self, layers: Mapping[str, nn.Module], first: str | None) -> None:
        super().__init__()
        names = []
        for name, layer in layers.items():
            names.append(_place(self, name, layer))
            if name == first:
                self.first: str | None = names[-1]
        if first is None:
            self.first = None
        self.names = tuple(names)

    def forward(self, images: Tensor) -> Tensor:
        if self.first is None:
            return images
        output: Tensor = self.get_submodule(self.first)(images)
        return output


@dataclass(frozen=True, eq=False)
class LooseNetwork:
    """The layers of a file with what the rest of the program asks of any network.

    Attributes
    ----------
    module : LooseLayers
    card : NetworkCard
        Of images as they are, in [0, 1].
    lacks : str
        What it lacks to be a whole network, in a sentence.
    """

    module: LooseLayers
    card: NetworkCard
    lacks: str


def loose_network(found: Checkpoint) -> LooseNetwork | None:
    """The layers of ``found``, which is no live network; None where it has no layer with a kernel or a matrix."""
    if found.contents is None or found.network is None:
        return None
    chains = [candidate.input_size for candidate in found.candidates]
    return loose_layers(found.contents, found.network, chains[0] if chains else None, _lacks(found))


def loose_layers(
    contents: Contents, network: SavedNetwork, size: tuple[int, int, int] | None, lacks: str
) -> LooseNetwork | None:
    """The layers among the tensors of ``network``; ``size`` is that of the images, where something tells."""
    layers = {}
    first = None
    for name, entry in network.entries.items():
        owner, _, kind = name.rpartition(".")
        if kind == "weight" and _has_plain_values(entry) and len(entry.shape) in (2, 4) and min(entry.shape) > 0:
            layer = _layer(entry, network.entries.get(f"{owner}.bias" if owner else "bias"), contents)
            if layer is None:
                continue
            layers[owner or "layer"] = layer
            reads_images = isinstance(layer, nn.Conv2d) and layer.in_channels in IMAGE_CHANNELS
            # depthwise kernels in the middle of a network read one channel too: the first tells only by its place
            if reads_images and first is None:
                first = owner or "layer"
    if not layers:
        return None
    channels = next((layer.in_channels for layer in [layers.get(first or "")] if isinstance(layer, nn.Conv2d)), 3)
    if size is None or size[0] != channels or first is None:
        size = (channels, _SIZE, _SIZE)
    module = LooseLayers(layers, first).eval()
    card = NetworkCard(
        architecture="loose layers",
        config={},
        labels=("no class",),
        input_size=size,
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
        dataset="",
    )
    return LooseNetwork(module, card, lacks)


def first_layer(path: Path, select: str | None = None) -> LooseNetwork | None:
    """The first convolution of a file, before anything else of it is read or known; None where there is none.

    Raises
    ------
    CheckpointError
        The file cannot be read.
    """
    contents = read_checkpoint(path, KNOWN)
    networks = networks_in(contents)
    network = next((each for each in networks if select in (None, each.select)), None)
    if network is None:
        return None
    kernels = [name for name, entry in network.entries.items() if name.endswith("weight") and len(entry.shape) == 4]
    reading_images = [name for name in kernels if network.entries[name].shape[1] in IMAGE_CHANNELS]
    owner = next(iter([*reading_images, *kernels]), "").rpartition(".")[0]
    alone = {name: entry for name, entry in network.entries.items() if name.rpartition(".")[0] == owner}
    if not kernels:
        return None
    channels = network.entries[(reading_images or kernels)[0]].shape[1]
    small = (channels, _SMALL, _SMALL) if channels in IMAGE_CHANNELS else None
    return loose_layers(contents, replace(network, entries=alone), small, f"{path.name} is being opened.")


def _layer(entry: TensorEntry, bias: TensorEntry | None, contents: Contents) -> nn.Module | None:
    """A convolution or a linear layer with a tensor of the file as its weight, which is not copied."""
    try:
        weight = contents.load(entry.name)
        shift = contents.load(bias.name) if bias is not None and bias.shape == entry.shape[:1] else None
    except CheckpointError:
        return None
    if not weight.is_floating_point() or weight.layout is not torch.strided or weight.device.type == "meta":
        return None
    layer: nn.Module
    with torch.device("meta"):
        if weight.dim() == 2:
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=shift is not None)
        else:
            kernel = (weight.shape[2], weight.shape[3])
            if max(kernel) > _LARGEST_KERNEL:
                return None
            padding = (kernel[0] // 2, kernel[1] // 2)
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, padding=padding, bias=shift is not None)
    state = {"weight": _ordinary(weight)} | ({"bias": _ordinary(shift)} if shift is not None else {})
    layer.load_state_dict(state, assign=True)
    return layer


def _ordinary(values: Tensor) -> Tensor:
    """Of a type that a convolution on the CPU computes with; the small types of eight bits are made larger."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _has_plain_values(entry: TensorEntry) -> bool:
    return "float" in entry.dtype and not entry.note


def _place(root: nn.Module, name: str, layer: nn.Module) -> str:
    """Put a layer at the path that it has in its file; names that a module uses itself get a line behind them."""
    path = []
    parent = root
    *parents, last = (part or "_" for part in name.split("."))
    for part in parents:
        part = _free(parent, part)
        if part not in parent._modules:
            parent.add_module(part, nn.Module())
        parent = parent.get_submodule(part)
        path.append(part)
    last = _free(parent, last)
    parent.add_module(last, layer)
    return ".".join((*path, last))


def _free(parent: nn.Module, part: str) -> str:
    while hasattr(parent, part) and part not in parent._modules:
        part += "_"
    return part


def _lacks(found: Checkpoint) -> str:
    """Why there is no live network, without the options of the command line."""
    best = found.candidates[0] if found.candidates else None
    # of a pickled class, the class is named, and not what its shapes alone would make
    if best is not None and found.architecture == best.architecture:
        sure = f"{best.confidence * 100:.0f} % sure"
        return f"{found.path.name} may be {best.title} ({sure}), which only you can say: see the panel Guess."
    return found.message.replace(str(found.path), found.path.name)
