"""Copies of a network's modules that share its weights."""

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import torch
from torch import nn

# What torch keeps in every module: its hooks and flags are the copy's own, its weights are not.
_SHARED = ("_parameters", "_buffers")
_OWN = tuple(name for name, value in vars(nn.Module()).items() if isinstance(value, dict | set) and name not in _SHARED)


def sharing_copy(module: nn.Module, replacements: Mapping[nn.Module, Callable[[nn.Module], nn.Module]]) -> nn.Module:
    """A copy of the tree of modules, with some of them replaced.

    No weight is copied: both trees hold the same parameters and buffers, also such as are put in another's place
    later. A module that stands in several places of the tree does so in the copy.

    Parameters
    ----------
    module : nn.Module
        It stays as it was. What it holds in plain lists, tuples and dictionaries, and methods of its own that are
        bound to it, are those of the copy there; what only its code knows (in closures, say) still calls the original.
    replacements : mapping of module to function
        What makes the replacement of a module, from a copy of it.
    """
    return _Copier(replacements).copy(module)


class _Copier:
    def __init__(self, replacements: Mapping[nn.Module, Callable[[nn.Module], nn.Module]]) -> None:
        self._replacements = replacements
        self._made: dict[nn.Module, nn.Module] = {}

    def copy(self, module: nn.Module) -> nn.Module:
        if module in self._made:
            return self._made[module]
        if isinstance(module, torch.jit.ScriptModule):  # its code is not Python's, and calls what it has
            return module
        new: nn.Module = object.__new__(type(module))
        make = self._replacements.get(module)
        if make is None:
            self._made[module] = new
        attributes = dict(vars(module))
        for name in _OWN:
            if name in attributes:
                attributes[name] = attributes[name].copy()
        vars(new).update(attributes)
        children = attributes["_modules"]
        for name, child in children.items():
            children[name] = None if child is None else self.copy(child)
        for name, value in attributes.items():
            if name not in _SHARED and name not in _OWN:
                vars(new)[name] = self._mapped(value)
        if make is not None:
            new = self._made[module] = make(new)
        return new

    def _mapped(self, value: Any) -> Any:
        """``value`` with the copies of the modules in it, as they were put into plain attributes."""
        if isinstance(value, nn.Module):
            return self.copy(value)
        if isinstance(value, MethodType) and isinstance(value.__self__, nn.Module):
            return MethodType(value.__func__, self._made.get(value.__self__, value.__self__))
        if type(value) in (list, tuple):
            mapped = [self._mapped(item) for item in value]
            return value if all(a is b for a, b in zip(mapped, value, strict=True)) else type(value)(mapped)
        if type(value) is dict:
            mapped_items = {key: self._mapped(item) for key, item in value.items()}
            return value if all(mapped_items[key] is item for key, item in value.items()) else mapped_items
        return value
