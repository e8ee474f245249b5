"""Input: the image that the network sees, drawn on and edited live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field
from pydantic.config import JsonDict

from cnnviz.data.strokes import Share
from cnnviz.engine.panel import Cancelled, PanelSpec, Rest
from cnnviz.panels.input_heat import Heat, PointedUnit, measured_heat, pointed_unit
from cnnviz.panels.shared.field_box import FieldBox, unit_field
from cnnviz.panels.shared.rest_before_refining import RestBeforeRefining
from cnnviz.scene.actions import is_paper
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.data.pipeline import RenderedInput
    from cnnviz.engine.observation import Observation

Tool = Literal["brush", "eraser", "fill", "move"]
_TOOL_STATE: JsonDict = {"undo": "none"}


class InputParams(PanelParams):
    tool: Tool = Field("brush", description="what the mouse does on the canvas", json_schema_extra=_TOOL_STATE)
    diameter: float = Field(2.5, gt=0, le=64, description="brush, px of the input", json_schema_extra=_TOOL_STATE)
    colour: tuple[Share, Share, Share] = Field(
        (1.0, 1.0, 1.0), description="brush, RGB in [0, 1]", json_schema_extra=_TOOL_STATE
    )
    show_field: bool = Field(True, description="outline the pixels that reach the selected unit")
    in_order: bool = Field(
        False, description="show the image before its pixels are permuted, for a network that learned from such"
    )
    show_heat: bool = Field(
        False, description="lay over the input how strongly each pixel acts on the unit: the size of its gradient"
    )


@dataclass(frozen=True, eq=False)
class InputResult:
    """``description`` says in words all that was done to fit the picture, ``fitted`` what was done to its size."""

    rendered: RenderedInput
    channels: int
    height: int
    width: int
    description: str
    fitted: str
    paper: bool
    field: FieldBox | None
    heat: Heat | None = None


@dataclass(frozen=True, eq=False)
class _Known:
    """The heat that was measured last: nothing is measured anew where its unit and its input are still those."""

    key: tuple[object, ...]
    image: np.ndarray
    heat: Heat


_rest = RestBeforeRefining()
_known: list[_Known] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[InputResult | Rest]:
    """The picture and the box at once; the heat when the hand rests."""
    from cnnviz.data.fit import describe_fit, name_fit

    params = cast(InputParams, scene.panel("input"))
    rendered = observation.rendered
    channels, height, width = rendered.edited.shape
    card = observation.network.card
    words = describe_fit(rendered.source, channels, height, width, scene.input.fit, card.mean, card.std)
    unit = pointed_unit(scene, observation)
    key = (observation.network.traced, observation.network.generation, observation.mean, observation.std, unit)
    known = next((each for each in _known if each.key == key and each.image is rendered.edited), None)
    rest = _rest.after(rendered.edited)
    result = InputResult(
        rendered,
        channels,
        height,
        width,
        "; ".join((words, *rendered.notes)),
        name_fit(rendered.source, height, width, scene.input.fit),
        is_paper(scene),
        _field_box(observation, unit) if params.show_field else None,
        known.heat if known is not None and params.show_heat else None,
    )
    yield result
    if params.show_heat and known is None:
        yield rest
        heat = measured_heat(observation, unit, cancelled)
        _known[:] = [_Known(key, rendered.edited, heat)]
        yield replace(result, heat=heat)


def _field_box(observation: Observation, unit: PointedUnit) -> FieldBox | None:
    """None where there is none to tell."""
    if unit.row is None or unit.column is None:
        return None
    return unit_field(observation.network, unit.layer, unit.row, unit.column, unit.channel)


SPEC = PanelSpec(
    id="input",
    title="Input",
    area="left",
    params=InputParams,
    depends=("network", "input", "unit", "pointer"),
    compute=compute,
    weights=lambda scene: cast(InputParams, scene.panel("input")).show_heat,
    view="cnnviz.panels.input_view:InputView",
    tip="Draw here: every panel follows. The outlined pixels are those that reach the selected unit.",
)
