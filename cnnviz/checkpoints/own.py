"""Opens the program's own files, whose card tells what network it is."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.checkpoints.filling import DoesNotFit, filled
from cnnviz.checkpoints.identify import read_card
from cnnviz.checkpoints.input_size import LARGEST_INPUT
from cnnviz.checkpoints.shipped import shipped_networks, shipped_path
from cnnviz.core.error_words import first_line
from cnnviz.nets.registry import ArchitectureError, build
from cnnviz.nets.zoo import building_device


def open_own(path: Path) -> tuple[nn.Module, NetworkCard]:
    """The network of a file that :func:`cnnviz.checkpoints.identify.is_own` knows as the program's own.

    Raises
    ------
    CheckpointError
        The file cannot be read, or does not hold what its card says.
    """
    card = read_card(path)
    names, load = _tensors(path)
    try:
        module = filled(_empty_module(card, path), {name: name for name in names}, load)
    except DoesNotFit as error:
        raise CheckpointError(
            f"{path} does not fit its architecture: {error}; get the file again, or train the network again with "
            "'cnnviz train'."
        ) from error
    _check_runs(module, card, path)
    return module, card


def _tensors(path: Path) -> tuple[Iterable[str], Callable[[str], Tensor]]:
    """The names of the tensors in one of this program's own files, and what reads one of them."""
    if path not in map(shipped_path, shipped_networks()):
        from cnnviz.checkpoints.known_plans import KNOWN
        from cnnviz.checkpoints.reader import read_checkpoint

        # whoever wrote it: that it says it is this program's own is no reason to trust it
        contents = read_checkpoint(path, KNOWN)
        return [entry.name for entry in contents.entries], contents.load
    try:
        # without a process of its own, on which the first picture would wait
        tensors = safetensors.torch.load(path.read_bytes())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); install cnnviz again.") from error
    return tensors, tensors.__getitem__


def _empty_module(card: NetworkCard, path: Path) -> nn.Module:
    """The network of the card without weights; nothing is allocated, however damaged the card."""
    try:
        with torch.device(building_device(card.architecture)):
            return build(card.architecture, card.config).eval()
    except (ArchitectureError, RuntimeError) as error:
        raise _cannot_be_built(path, first_line(error)) from error


def _check_runs(module: nn.Module, card: NetworkCard, path: Path) -> None:
    """Run the network once on an empty image: its card must say what it takes and how many classes it tells.

    On the CPU, not on the meta device, whose first use imports a compiler and takes a second.
    """
    size = "×".join(map(str, card.input_size))
    if math.prod(card.input_size) > LARGEST_INPUT:
        raise _cannot_be_built(path, f"its images of {size} are larger than any that are shown")
    try:
        with torch.no_grad():
            kind = next((each.dtype for each in module.parameters() if each.is_floating_point()), torch.float32)
            outputs = module(torch.zeros(1, *card.input_size, dtype=kind)).shape[1]
    except (RuntimeError, IndexError) as error:
        raise _cannot_be_built(path, first_line(error)) from error
    if outputs != len(card.labels):
        raise CheckpointError(f"{path} has {len(card.labels)} labels for {outputs} outputs; get the file again.")


def _cannot_be_built(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} describes a network that cannot be built ({reason}); get the file again, or "
        "train the network again with 'cnnviz train'."
    )
