"""A network that a run starts with, written as a table of layers: what its layers can be changed by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cnnviz.core.error_words import first_line
from cnnviz.nets.layer_table import LAYER_TABLE, LayerTable
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.training.settings import NetworkStart

if TYPE_CHECKING:
    from torch import nn

MOST_WEIGHTS = 5_000_000
"""Of a network that is built to see its layers: a larger one would take seconds."""

_AS_PRESETS = {"lenet": (28, 28), "tiny-vgg": (64, 64)}
"""Architectures that a preset of their name describes layer by layer, with the height and width of their images."""


@dataclass(frozen=True)
class WrittenTable:
    """
    Attributes
    ----------
    table : LayerTable or None
        The layers of the network; None where no table has them.
    why : str
        Why they cannot be changed in a run that is otherwise alike; empty where they can.
    """

    table: LayerTable | None
    why: str = ""


def written(start: NetworkStart) -> WrittenTable:
    """The table of ``start``; a network that is not known yet is built once, for which torch is imported."""
    if start.name == LAYER_TABLE:
        fields = {name: start.config[name] for name in LayerTable.model_fields if name in start.config}
        try:
            return WrittenTable(LayerTable.model_validate(fields))
        except ValidationError:
            return WrittenTable(None, "Its table of layers is damaged.")
    if start.keep_weights:
        return WrittenTable(
            None,
            "It goes on from trained weights, which belong to its layers; train it from random ones to change them.",
        )
    if start.name in _AS_PRESETS and not start.config and start.input_size is None:
        table = TABLE_PRESETS[start.name].table.model_copy(update={"height_width": _AS_PRESETS[start.name]})
        return WrittenTable(table)
    return _read(start.model_dump_json())


@lru_cache(maxsize=32)
def _read(start_json: str) -> WrittenTable:
    """Of a network by its name."""
    import torch

    from cnnviz.core.trace import prepare
    from cnnviz.nets.registry import build
    from cnnviz.nets.table_from_network import NoTable, table_of_network
    from cnnviz.training.network_start import blueprint

    start = NetworkStart.model_validate_json(start_json)
    try:
        plan = blueprint(start)
        with torch.device("meta"):
            weights = sum(each.numel() for each in build(plan.architecture, plan.config).parameters())
        if weights > MOST_WEIGHTS:
            return WrittenTable(None, f"{start.name} is too large to be looked through for layers to change.")
        module = build(plan.architecture, plan.config).eval()
        graph = prepare(module, torch.zeros(1, *plan.input_size)).graph
        table, _ = table_of_network(module, graph)
    except NoTable as error:
        words = str(error).rstrip(".")
        return WrittenTable(
            None, f"{start.name} has layers that no table has: {words}. Begin with one in Architecture."
        )
    except (ValueError, RuntimeError) as error:
        return WrittenTable(None, f"{start.name} cannot be looked through: {first_line(error)}.")
    table = table.model_copy(update={"height_width": plan.input_size[1:]})
    if _begin_alike(module, table, plan.config, plan.input_size):
        return WrittenTable(table)
    return WrittenTable(
        table,
        f"The weights of {start.name} begin in a way of its own, so that a change of its layers alone would not be all "
        "that changes. Written as a table it has the same layers from another start: train that, and change it.",
    )


def _begin_alike(module: nn.Module, table: LayerTable, config: dict[str, Any], size: tuple[int, int, int]) -> bool:
    """Whether all weights are drawn alike: that depends on the names and kinds of layers, and on what follows."""
    from cnnviz.nets.table_network import TableNetwork

    def drawn(network: nn.Module) -> set[tuple[str, str, tuple[int, ...]]]:
        kinds = {name: type(each).__name__ for name, each in network.named_modules()}
        return {
            (name, kinds[name.rpartition(".")[0]], tuple(each.shape)) for name, each in network.state_dict().items()
        }

    if any(hasattr(each, "scale_initial_weights") for each in module.modules()):
        return False
    classes = config.get("classes", 10)
    return drawn(module) == drawn(TableNetwork(table, size, classes if isinstance(classes, int) else 10))
