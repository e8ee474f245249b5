"""Input: the image that the network sees, drawn on and edited live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from pydantic.config import JsonDict

from cnnviz.data.strokes import Share
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.receptive_field_box import FieldBox, unit_field
from cnnviz.scene.actions import is_paper
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
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


@dataclass(frozen=True, eq=False)
class InputResult:
    rendered: RenderedInput
    channels: int
    height: int
    width: int
    description: str
    paper: bool
    field: FieldBox | None


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> InputResult:
    from cnnviz.data.fit import describe_fit

    rendered = observation.rendered
    channels, height, width = rendered.edited.shape
    card = observation.network.card
    words = describe_fit(rendered.source, channels, height, width, scene.input.fit, card.mean, card.std)
    return InputResult(
        rendered,
        channels,
        height,
        width,
        "; ".join((words, *rendered.notes)),
        is_paper(scene),
        _field_box(scene, observation) if scene.panel("input").show_field else None,  # type: ignore[attr-defined]
    )


def _field_box(scene: Scene, observation: Observation) -> FieldBox | None:
    """The field of the unit under the pointer, else of the selected one; None where there is none to tell."""
    pointer = scene.pointer
    if pointer is not None and pointer.layer in observation.network.graph:
        return unit_field(observation.network, pointer.layer, pointer.row, pointer.column)
    unit = observation.unit(scene.selection)
    if unit.row is None or unit.column is None:
        return None
    return unit_field(observation.network, observation.layer.name, unit.row, unit.column)


SPEC = PanelSpec(
    id="input",
    title="Input",
    area="left",
    params=InputParams,
    depends=("network", "input", "unit", "pointer"),
    compute=compute,
    view="cnnviz.panels.input_view:InputView",
    tip="Draw here: every panel follows. The outlined pixels are those that reach the selected unit.",
)
