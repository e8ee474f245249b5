"""How strongly each pixel of the input acts on one unit, to be laid over the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.core.graph import INPUT
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.engine.observation import Observation
    from cnnviz.engine.panel import Cancelled


@dataclass(frozen=True)
class PointedUnit:
    """``row`` and ``column`` are None where the layer's output is a vector."""

    layer: str
    channel: int
    row: int | None
    column: int | None


@dataclass(frozen=True, eq=False)
class Heat:
    """The gradient's size at each pixel, (H, W), as a share of the largest; ``words`` say why there is none."""

    shares: np.ndarray | None
    words: str = ""


def pointed_unit(scene: Scene, observation: Observation) -> PointedUnit:
    """The unit under the pointer, else the selected one; the pointer on the input points at no unit."""
    pointer, graph = scene.pointer, observation.network.graph
    if pointer is not None and pointer.layer != INPUT and pointer.layer in graph:
        shape = graph[pointer.layer].output_shape
        inside = (at < size for at, size in zip((pointer.channel, pointer.row, pointer.column), shape, strict=False))
        if len(shape) == 3 and all(inside):
            return PointedUnit(pointer.layer, pointer.channel, pointer.row, pointer.column)
    unit = observation.unit(scene.selection)
    return PointedUnit(observation.layer.name, unit.channel, unit.row, unit.column)


def measured_heat(observation: Observation, unit: PointedUnit, cancelled: Cancelled) -> Heat:
    """The effective field of ``unit`` on the present input."""
    from cnnviz.core.effective_field import NoEffectiveField, effective_field
    from cnnviz.core.execution import Cancelled as PassCancelled
    from cnnviz.engine.input_tensor import input_tensor
    from cnnviz.engine.panel import ComputeCancelled

    network = observation.network
    try:
        found = effective_field(
            network.traced,
            unit.layer,
            input_tensor(observation),
            channel=unit.channel,
            row=unit.row,
            column=unit.column,
            field=network.receptive_fields[unit.layer],
            cancelled=cancelled,
        )
    except NoEffectiveField as error:
        return Heat(None, str(error))
    except PassCancelled:
        raise ComputeCancelled from None
    if found.is_silent:
        return Heat(None, "On this input no pixel changes it: a ReLU before it passes nothing on.")
    return Heat(found.heat / found.heat.max())
