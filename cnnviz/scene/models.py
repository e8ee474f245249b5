"""The scene: all that a person can set, as one tree of frozen models.

A field says in its ``json_schema_extra`` how it is undone: ``{"undo": "step"}`` (the default; one entry an edit),
``"gesture"`` (edits between press and release are one entry) or ``"none"`` (undo leaves it as it is).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, field_validator

from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.core.network_changes import NetworkChange
from cnnviz.data.frozen import Frozen
from cnnviz.data.source import InputImage
from cnnviz.scene.params import PanelParams, default_params, params_type

SCHEMA_VERSION: Literal[1] = 1

Undo = Literal["step", "gesture", "none"]


class NetworkChoice(Frozen):
    """Which network is shown."""

    source: str = Field(
        "shipped:mnist-lenet",
        pattern=r"^(shipped|file|live|training):.+",
        description="shipped:NAME, file:PATH, live:NAME for a module handed over from Python, or training:FOLDER for a "
        "run: its weights as they come, else its last checkpoint",
    )
    accept: bool = Field(False, description="take the best answer to what the file may be, although it is not sure")
    trust: bool = Field(False, description="run the program that the file is; never taken from a scene on disk")
    answer: ChainGuess | None = Field(None, description="what the person says that the file is; none: what is known")
    select: str | None = Field(None, max_length=4096, description="which network of the file; none: the first")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where the network runs")


class Selection(Frozen):
    """The layer and the unit that every panel speaks of; positions are cells of the layer's feature map."""

    layer: str | None = Field(None, description="a layer's name; none: the network's first convolution")
    channel: int = Field(0, ge=0)
    row: int | None = Field(None, ge=0, description="none: the map's centre")
    column: int | None = Field(None, ge=0)


class Pointer(Frozen):
    """The unit under the mouse."""

    layer: str
    channel: int = Field(ge=0)
    row: int = Field(ge=0)
    column: int = Field(ge=0)


class Appearance(Frozen):
    """How the window looks."""

    theme: Literal["dark", "light"] = "dark"
    font_scale: float = Field(1.0, ge=0.75, le=2.0)


class WindowLayout(Frozen):
    """Where the docks stand: the workspace, and Qt's own state as base64 with its version."""

    version: int = 1
    workspace: str = "explore"
    panels: tuple[str, ...] = Field((), description="those that the state knows of")
    state: str = ""
    geometry: str = ""


class PanelEntry(Frozen):
    """One panel's parameters under its id."""

    id: str = Field(min_length=1)
    params: SerializeAsAny[PanelParams]

    @field_validator("params", mode="before")
    @classmethod
    def _resolve(cls, value: Any, info: Any) -> Any:
        if isinstance(value, PanelParams):
            return value
        return params_type(info.data.get("id", "")).model_validate(value)


class Scene(Frozen):
    """All that is on the screen, as a document."""

    version: Literal[1] = SCHEMA_VERSION
    network: NetworkChoice = Field(default_factory=NetworkChoice, json_schema_extra={"undo": "gesture"})
    changes: tuple[Annotated[NetworkChange, Field(discriminator="change")], ...] = Field(
        (),
        description="what is changed in the network; they belong to it, and go when another one is chosen",
        json_schema_extra={"undo": "gesture"},
    )
    input: InputImage = Field(default_factory=InputImage, json_schema_extra={"undo": "gesture"})
    example: bool = Field(
        False,
        description="the input is the program's own example: the first stroke takes its place",
        json_schema_extra={"undo": "gesture"},
    )
    selection: Selection = Field(default_factory=Selection)
    pointer: Pointer | None = Field(None, json_schema_extra={"undo": "none"})
    panels: tuple[PanelEntry, ...] = Field((), json_schema_extra={"undo": "gesture"})
    appearance: Appearance = Field(default_factory=Appearance, json_schema_extra={"undo": "none"})
    layout: WindowLayout = Field(default_factory=WindowLayout, json_schema_extra={"undo": "none"})

    @field_validator("panels")
    @classmethod
    def _once_each(cls, entries: tuple[PanelEntry, ...]) -> tuple[PanelEntry, ...]:
        ids = [entry.id for entry in entries]
        if len(set(ids)) != len(ids):
            raise ValueError("a panel is listed twice")
        return entries

    def panel(self, panel_id: str) -> PanelParams:
        """The parameters of one panel; its defaults where the scene does not name it."""
        for entry in self.panels:
            if entry.id == panel_id:
                return entry.params
        return default_params(params_type(panel_id))


def undo_of(path: str) -> Undo:
    """How edits of the field at ``path`` are undone: what the innermost declaring field on the way says."""
    keys = path.split(".")
    found = _declared(Scene, keys[0]) or "step"
    if keys[0] == "panels" and len(keys) > 2:
        found = _declared(params_type(keys[1]), keys[2]) or found
    return found


def _declared(model: type[Frozen], field: str) -> Undo | None:
    info = model.model_fields.get(field)
    extra = None if info is None else info.json_schema_extra
    return extra.get("undo") if isinstance(extra, dict) else None  # type: ignore[return-value]


UNRECORDED = tuple(field for field in Scene.model_fields if undo_of(field) == "none")


def keep_unrecorded(restored: Scene, present: Scene) -> Scene:
    """``restored`` with everything that declares no undo as it is in ``present``."""
    ids = dict.fromkeys(entry.id for entry in (*restored.panels, *present.panels))
    listed = {entry.id: entry for entry in restored.panels}
    entries = []
    for panel_id in ids:
        params = _kept(restored, present, panel_id)
        if params == restored.panel(panel_id):
            entries += [listed[panel_id]] if panel_id in listed else []
        else:
            entries.append(PanelEntry(id=panel_id, params=params))
    panels = restored.panels if entries == list(restored.panels) else tuple(entries)
    kept = {field: getattr(present, field) for field in UNRECORDED}
    return restored.model_copy(update={**kept, "panels": panels})


def _kept(restored: Scene, present: Scene, panel_id: str) -> PanelParams:
    then, now = restored.panel(panel_id), present.panel(panel_id)
    if type(then) is not type(now):
        return then
    fields = [field for field in type(now).model_fields if _declared(type(now), field) == "none"]
    return then.model_copy(update={field: getattr(now, field) for field in fields})
