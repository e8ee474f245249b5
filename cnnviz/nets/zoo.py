"""Architectures of torchvision and timm, where those are installed; built without weights, and never downloaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from torch import nn

from cnnviz.core.error_words import first_line

# What timm takes for an address, from which it would fetch a model, has other characters.
_NAME = re.compile(r"(torchvision|timm):([a-z0-9_]{1,100})")
_LARGEST = 65_536


class NotInTheZoo(ValueError):
    """The package is not installed, or does not make the model; the message is a sentence."""


def is_zoo_name(name: str) -> bool:
    """Whether ``name`` is of the form ``package:model``."""
    return _NAME.fullmatch(name) is not None


def building_device(name: str) -> str:
    """Where an architecture is built before it is given weights: without memory, if it can be.

    Models of the packages hold tensors that are not saved with them, and that have to be computed.
    """
    return "cpu" if is_zoo_name(name) else "meta"


def is_installed(package: str) -> bool:
    """Whether ``package`` can be imported; it is not."""
    return find_spec(package) is not None


def build_from_zoo(name: str, config: Mapping[str, object]) -> nn.Module:
    """The model ``package:model`` with random weights.

    Parameters
    ----------
    config
        ``classes`` and ``channels``, as far as they differ from the model's own.

    Raises
    ------
    NotInTheZoo
        The package is not installed or does not know the model, or the model has no such setting.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise NotInTheZoo(f"'{name}' is not of the form package:model.")
    package, model = match.groups()
    names = {"classes": "num_classes"} | ({"channels": "in_chans"} if package == "timm" else {})
    for key, value in config.items():
        if key not in names or not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LARGEST:
            raise NotInTheZoo(f"The model {model} of {package} has no setting '{key}' of {value!r}.")
    if not is_installed(package):
        raise NotInTheZoo(f"The package {package} is not installed; install it with 'pip install cnnviz[zoo]'.")
    arguments = {names[key]: value for key, value in config.items()}
    try:
        if package == "timm":
            made: nn.Module = import_module("timm").create_model(model, pretrained=False, **arguments)
        else:
            made = import_module("torchvision.models").get_model(model, weights=None, **arguments)
    except Exception as error:  # other versions of a package lack models, and say so in any way
        raise NotInTheZoo(f"The installed {package} does not make its model {model} ({first_line(error)}).") from error
    return made
