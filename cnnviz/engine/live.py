"""Modules handed over from Python, by the name under which a scene speaks of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from cnnviz.checkpoints.card import NetworkCard

_modules: dict[str, tuple[nn.Module, NetworkCard]] = {}
_numbers = itertools.count(1)


def hand_over(module: nn.Module, card: NetworkCard) -> str:
    """Keep ``module`` for this process and return the source that a scene names it by: ``"live:NAME"``."""
    name = f"{type(module).__name__}-{next(_numbers)}"
    _modules[name] = (module, card)
    return f"live:{name}"


def handed_over(name: str) -> tuple[nn.Module, NetworkCard] | None:
    """The module of this name, or None where it belonged to an earlier process."""
    return _modules.get(name)
