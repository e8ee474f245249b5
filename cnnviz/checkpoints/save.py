"""Writes networks to disk so that a file is either whole or not there."""

from pathlib import Path

import safetensors.torch
from torch import nn

from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.data.atomic import write_atomically


def save_network(module: nn.Module, card: NetworkCard, path: Path) -> None:
    """Write the weights of ``module`` and its card to the safetensors file ``path``.

    A file that is there already stays as it is until the new one is complete.

    Raises
    ------
    CheckpointError
        The file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    try:
        write_atomically(path, safetensors.torch.save(tensors, card.to_metadata()))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from error
