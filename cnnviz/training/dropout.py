"""Dropout of another strength than the network's own, without a change to the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.nn.functional as F
from torch import nn

from cnnviz.core.hooks import forward_hooks
from cnnviz.training.settings import SettingsError

_KINDS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@contextmanager
def dropout_of(module: nn.Module, probability: float | None) -> Iterator[None]:
    """For as long as the context lasts, every dropout layer has this probability.

    Where the network has none, values that reach its last linear layer are left out. None changes nothing.

    Raises
    ------
    SettingsError
        The network has neither dropout nor a linear layer.
    """
    if probability is None:
        yield
        return
    own = [layer for layer in module.modules() if isinstance(layer, _KINDS)]
    before = [layer.p for layer in own]
    last = [] if own else [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1:]
    if not own and not last and probability > 0:
        raise SettingsError("The network has no dropout and no linear layer to put it before; leave dropout empty.")

    def leave_out(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (F.dropout(args[0], probability, training=layer.training), *args[1:])

    try:
        for layer in own:
            layer.p = probability
        with forward_hooks(last, lambda layer, args, output: None, leave_out):
            yield
    finally:
        for layer, value in zip(own, before, strict=True):
            layer.p = value
