"""Fills an architecture with the weights of a file, after checking that they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.fingerprints import is_counter


class DoesNotFit(ValueError):
    """Weights are not those of the architecture; the message says which, as the end of a sentence."""


def filled(module: nn.Module, names: Mapping[str, str], load: Callable[[str], Tensor]) -> nn.Module:
    """``module`` with the tensors of a file in place of its own.

    Parameters
    ----------
    module
        On any device, the one without memory among them.
    names
        From the module's names of weights and buffers to the file's.
    load
        Reads the tensor of such a name.

    Raises
    ------
    DoesNotFit
        Names, shapes or kinds of numbers differ.
    """
    expected = module.state_dict()
    for name in expected.keys() - names.keys():
        if not is_counter(name):
            raise DoesNotFit(f"it lacks the weights '{name}'")
    for name in names.keys() - expected.keys():
        raise DoesNotFit(f"it holds weights '{names[name]}' that the network does not have")
    state = {}
    for name, own in expected.items():
        # Files from before PyTorch 0.4.1 have no counters; nothing is computed with them.
        tensor = load(names[name]) if name in names else torch.zeros(own.shape, dtype=own.dtype)
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.layout is not torch.strided or tensor.device.type == "meta":
            raise DoesNotFit(f"'{names[name]}' has no plain values")
        if tensor.shape != own.shape:
            raise DoesNotFit(f"'{names[name]}' has shape {tuple(tensor.shape)}, {tuple(own.shape)} is expected")
        if tensor.is_complex() or tensor.is_floating_point() != own.is_floating_point():
            raise DoesNotFit(f"'{names[name]}' holds {tensor.dtype}, {own.dtype} is expected")
        state[name] = tensor.to(own.dtype)
    module.load_state_dict(state, assign=True)
    return module.eval()
