"""The architectures by name, built from a configuration that fits into JSON."""

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import nn

from cnnviz.nets.chain import Chain, ChainLayer
from cnnviz.nets.chain_layer import CHAIN
from cnnviz.nets.cifar_net import CifarNet
from cnnviz.nets.layer_table import LAYER_TABLE, LayerTable
from cnnviz.nets.lenet import LeNet
from cnnviz.nets.module_tree import ModuleSettings, build_tree
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.table_network import TableNetwork
from cnnviz.nets.tiny_vgg import TinyVGG
from cnnviz.nets.zoo import NotInTheZoo, build_from_zoo, is_zoo_name

ARCHITECTURES: dict[str, type[LeNet] | type[CifarNet] | type[TinyVGG]] = {
    "lenet": LeNet,
    "cifar-net": CifarNet,
    "tiny-vgg": TinyVGG,
}
"""Those that the program trains itself."""

MODULES = "modules"
"""Torch's own modules in sequence; its only setting, ``modules``, lists them as in ``cnnviz.nets.module_tree``."""

LARGEST_WIDTH = 65_536


class ArchitectureError(ValueError):
    """The name of an architecture, or its configuration, is not usable."""


def input_height_width(name: str) -> tuple[int, int]:
    """Height and width of the images that the architecture called ``name`` takes."""
    return _architecture(name).input_height_width


def default_config(name: str) -> dict[str, Any]:
    """Every setting of the architecture called ``name``, as it is unless ``build`` is told otherwise."""
    parameters = inspect.signature(_architecture(name)).parameters.values()
    return {
        parameter.name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for parameter in parameters
    }


def build(name: str, config: Mapping[str, object]) -> nn.Module:
    """The architecture called ``name``: the program's own, a public one or ``package:model``; with random weights.

    Parameters
    ----------
    config
        Arguments that differ from the architecture's defaults, for example ``{"channels": 1, "widths": [16, 32]}``.
        Every value is a whole number from 1 to 65,536 or a list of these; of ``CHAIN``, ``MODULES`` and
        ``LAYER_TABLE``, a table.

    Raises
    ------
    ArchitectureError
        The architecture or one of the settings is unknown, or a value is not of its kind.
    """
    if name in (CHAIN, MODULES, LAYER_TABLE):
        return _build_table(name, config)
    if name in PUBLIC_ARCHITECTURES:
        return _build_public(name, config)
    if is_zoo_name(name):
        try:
            return build_from_zoo(name, config)
        except NotInTheZoo as error:
            raise ArchitectureError(str(error)) from error
    architecture = _architecture(name)
    parameters = inspect.signature(architecture).parameters
    arguments = {}
    for key, value in config.items():
        if key not in parameters:
            raise ArchitectureError(f"Architecture '{name}' has no setting '{key}'; it has {', '.join(parameters)}.")
        arguments[key] = _checked(name, key, value, parameters[key].annotation)
    return architecture(**arguments)


def _build_public(name: str, config: Mapping[str, object]) -> nn.Module:
    architecture = PUBLIC_ARCHITECTURES[name]
    arguments = dict(architecture.settings)
    for key, value in config.items():
        if key not in arguments:
            raise ArchitectureError(f"Architecture '{name}' has no setting '{key}'; it has {', '.join(arguments)}.")
        arguments[key] = _checked(name, key, value, int)
    return architecture.make(**arguments)


def _build_table(name: str, config: Mapping[str, object]) -> nn.Module:
    """A network whose only setting is a list that describes it row by row."""
    try:
        if name == CHAIN:
            return Chain(TypeAdapter(tuple[ChainLayer, ...]).validate_python(config.get("layers", ())))
        if name == LAYER_TABLE:
            return _build_layer_table(config)
        return build_tree(TypeAdapter(tuple[ModuleSettings, ...]).validate_python(config.get("modules", ())))
    except ValidationError as error:
        raise _wrong_table(error) from error
    except ArchitectureError:
        raise
    except ValueError as error:
        raise ArchitectureError(f"The table of layers makes no network: {str(error).rstrip('.')}.") from error


def _wrong_table(error: ValidationError) -> ArchitectureError:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    at = f" at '{place}'" if place else ""
    return ArchitectureError(f"The table of layers is wrong{at} ({first['msg'].removeprefix('Value error, ')}).")


def _build_layer_table(config: Mapping[str, object]) -> nn.Module:
    table = table_of(config)
    if table.height_width is None:
        raise ValueError("it does not say how high and wide its images are")
    channels = _checked(LAYER_TABLE, "channels", config.get("channels", 1), int)
    classes = _checked(LAYER_TABLE, "classes", config.get("classes", 10), int)
    return TableNetwork(table, (channels, *table.height_width), classes)


def table_of(config: Mapping[str, object]) -> LayerTable:
    """The table in the settings of ``LAYER_TABLE``; raises ArchitectureError."""
    try:
        return LayerTable.model_validate({key: value for key, value in config.items() if key not in _OF_THE_DATA})
    except ValidationError as error:
        raise _wrong_table(error) from error


_OF_THE_DATA = ("channels", "classes")


def _architecture(name: str) -> type[LeNet] | type[CifarNet] | type[TinyVGG]:
    if name not in ARCHITECTURES:
        raise ArchitectureError(f"There is no architecture '{name}'; choose one of {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def _checked(name: str, key: str, value: object, kind: object) -> Any:
    if kind is int:
        if not _is_width(value):
            raise ArchitectureError(
                f"Setting '{key}' of architecture '{name}' is {value!r}; "
                f"it must be a whole number from 1 to {LARGEST_WIDTH:,}."
            )
        return value
    count = len(typing.get_args(kind))
    entries = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(entries) != count or not all(_is_width(entry) for entry in entries):
        raise ArchitectureError(
            f"Setting '{key}' of architecture '{name}' is {value!r}; "
            f"it must be {count} whole numbers from 1 to {LARGEST_WIDTH:,}."
        )
    return entries


def _is_width(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_WIDTH
