"""Unit: the selected map large, one of its cells with its value, its neighbours as numbers, and what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.observation import only_selected
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.panels.shared.field_box import FieldBox, unit_field
from cnnviz.scene.actions import is_paper
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.field_reach import ReachTable
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation


class UnitParams(PanelParams):
    window: int = Field(7, ge=3, le=15, multiple_of=1, description="rows and columns of numbers around the unit")


@dataclass(frozen=True, eq=False)
class UnitResult:
    """One unit in its map.

    Attributes
    ----------
    row, column : int
        Of the selected unit.
    pointed : (int, int) or None
        Row and column of the unit of this map that is under the pointer: ``value``, ``field`` and ``crop`` are its.
    mosaic : Mosaic
        The whole map as one tile.
    values : array, (h, w)
        The map as the network computed it.
    crop : array or None
        The part of the input, ``(C, h, w)`` in [0, 1], that reaches the unit, without padding.
    reach : ReachTable or None
        Which units see a pixel of the input.
    """

    layer: str
    channel: int
    row: int
    column: int
    pointed: tuple[int, int] | None
    value: float
    mosaic: Mosaic
    values: np.ndarray
    field: FieldBox | None
    crop: np.ndarray | None
    window: int
    paper: bool
    reach: ReachTable | None


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> UnitResult:
    params = cast(UnitParams, scene.panel("unit"))
    unit = observation.unit(scene.selection)
    shown, values = _map(observation.values[observation.layer.name], unit.channel)
    row, column = unit.row or 0, unit.column or 0
    layer, pointer = observation.layer.name, scene.pointer
    pointed = None
    if pointer is not None and (pointer.layer, pointer.channel) == (layer, unit.channel):
        height, width = values.shape
        pointed = (pointer.row, pointer.column) if pointer.row < height and pointer.column < width else None
    place = pointed or (row, column)
    field = None if unit.row is None else unit_field(observation.network, layer, *place, unit.channel)
    return UnitResult(
        layer,
        unit.channel,
        row,
        column,
        pointed,
        float(values[place]),
        shown,
        values,
        field,
        None if field is None else _crop(observation.rendered.edited, field),
        params.window,
        is_paper(scene),
        observation.network.pixel_reach.table(layer),
    )


# of the last channel of the last output: a pointer that moves asks for nothing else
_known: list[tuple[Tensor, int, Mosaic, np.ndarray]] = []


def _map(output: Tensor, channel: int) -> tuple[Mosaic, np.ndarray]:
    """One map as a tile, and its values."""
    from cnnviz.core.mosaic import mosaic

    if not (_known and _known[0][0] is output and _known[0][1] == channel):
        maps = feature_maps(output)
        chosen = maps[channel : channel + 1]
        # the whole layer decides whether zero is in the middle, so that a map does not change its colours while it runs
        shown = mosaic(chosen, columns=1, scale="shared", signed=bool((maps < 0).any()), gap=0)
        _known[:] = [(output, channel, shown, chosen[0].float().cpu().numpy())]
    return _known[0][2:]


def _crop(image: np.ndarray, field: FieldBox) -> np.ndarray | None:
    rows = slice(max(field.row, 0), max(field.row + field.height, 0))
    columns = slice(max(field.column, 0), max(field.column + field.width, 0))
    crop = image[:, rows, columns]
    return crop if crop.size else None


SPEC = PanelSpec(
    id="unit",
    title="Unit",
    area="right",
    params=UnitParams,
    depends=("network", "input", "unit", "pointer"),
    compute=compute,
    layers=only_selected,
    view="cnnviz.panels.unit_view:UnitView",
    tip="One unit: its value, its neighbours in the map, and the part of the input that it sees.",
)
