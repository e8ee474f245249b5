"""Networks that are ``nn.Sequential`` and nothing else, built from a list of their modules and settings."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

# Layers that compute what their class and their settings say; nothing else is built from the word of a file.
_CLASSES: tuple[type[nn.Module], ...] = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Flatten, nn.Identity, nn.PixelShuffle, nn.Upsample),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm, nn.LocalResponseNorm),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Dropout, nn.Dropout2d),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
    *(nn.Hardsigmoid, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softmax, nn.LogSoftmax),
    *(nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d),
)
_BY_NAME = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in _CLASSES}
_SEQUENTIAL = f"{nn.Sequential.__module__}.{nn.Sequential.__qualname__}"

_Number = Annotated[int, Field(ge=-1_048_576, le=1_048_576)]
_Setting = bool | _Number | float | str | None


class ModuleSettings(BaseModel):
    """A module of the list: its path in the network, its class by full name, and its attributes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: str
    kind: str
    settings: dict[str, _Setting | tuple[_Setting, ...]] = {}


def is_buildable(kind: str) -> bool:
    """Whether a network may have a module of this class."""
    return kind == _SEQUENTIAL or kind in _BY_NAME


def is_sequential(kind: str) -> bool:
    """Whether a module of this class runs the modules in it one after the other."""
    return kind == _SEQUENTIAL


def build_tree(modules: tuple[ModuleSettings, ...]) -> nn.Module:
    """The network; the first module of the list is its outermost, and the path of that is left out of the others.

    Raises
    ------
    ValueError
        A class is none of those that are built, a path leads nowhere, or a setting is not of its kind.
    """
    if not modules or not is_sequential(modules[0].kind):
        raise ValueError("the outermost module is no Sequential")
    root = modules[0].path
    children: dict[str, OrderedDict[str, ModuleSettings]] = {root: OrderedDict()}
    for module in modules[1:]:
        parent, _, name = module.path.rpartition(".")
        if parent not in children or not name or name in children[parent]:
            raise ValueError(f"no Sequential holds a module at '{module.path}'")
        children[parent][name] = module
        if is_sequential(module.kind):
            children[module.path] = OrderedDict()
    return _built(modules[0], children)


def _built(module: ModuleSettings, children: Mapping[str, Mapping[str, ModuleSettings]]) -> nn.Module:
    if is_sequential(module.kind):
        inner = children[module.path]
        return nn.Sequential(OrderedDict((name, _built(child, children)) for name, child in inner.items()))
    if module.kind not in _BY_NAME:
        raise ValueError(f"modules of the class {module.kind} are not built")
    kind = _BY_NAME[module.kind]
    known = inspect.signature(kind).parameters
    arguments: dict[str, Any] = {
        # Working in place saves memory and hides what was there before from whoever looks.
        name: value
        for name, value in module.settings.items()
        if name in known and name not in ("inplace", "device", "dtype")
    }
    try:
        return kind(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"'{module.path}' cannot be built ({error})") from error
