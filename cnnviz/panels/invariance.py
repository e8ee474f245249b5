"""Invariance: how little pooled maps change when the input is shifted or warped, and what else pooling is good for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.core.curves import Curves
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation

Subject = Literal["shift", "warp", "channels", "pyramids", "size"]


class InvarianceParams(PanelParams):
    subject: Subject = Field("shift", description="what is done to the input, or pooled over")
    compare: Literal["kinds", "layers"] = Field("kinds", description="all kinds of pooling, or all layers")
    measure: Literal["distance", "cosine"] = Field("distance", description="relative distance, or cosine of the angle")
    border: Literal["circular", "zeros", "replicate"] = Field("circular", description="what a shift brings in")
    strength: float = Field(2.0, ge=0, le=8, description="Of the warp that is shown: mean displacement in pixels")
    smoothness: float = Field(4.0, ge=1, le=16, description="Pixels this far apart are displaced alike")
    filters: int = Field(8, ge=1, le=24, multiple_of=1, description="Rotated detectors in the bank")
    curves: bool = Field(True, description="measure the curves, which may take long")


@dataclass(frozen=True, eq=False)
class Picture:
    """Tiles with a caption; ``labels`` has words for each tile, ``sizes`` how much of it is filled, if not all is."""

    caption: str
    mosaic: Mosaic
    kind: Literal["signed", "unsigned", "photo"]
    labels: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class InvarianceResult:
    """
    Attributes
    ----------
    words : str
        What is seen, in a sentence or two with its numbers.
    cursor : float or None
        Where along x the input stands now.
    done : float
        Share of the points that are measured; more are on their way.
    reading : str
        What the ends of the plot's scale mean.
    """

    subject: Subject
    title: str
    words: str
    curves: Curves | None = None
    pictures: tuple[Picture, ...] = ()
    cursor: float | None = None
    done: float = 1.0
    reading: str = ""


def compute(
    scene: Scene, observation: Observation, cancelled: Cancelled
) -> InvarianceResult | Iterator[InvarianceResult]:
    params = cast(InvarianceParams, scene.panel("invariance"))
    if params.subject in ("shift", "warp"):
        from cnnviz.panels.invariance_curves import against_change

        return against_change(scene, observation, params, cancelled)
    if params.subject == "channels":
        from cnnviz.panels.invariance_channels import over_channels

        return over_channels(scene, observation, params)
    from cnnviz.panels import invariance_scales

    if params.subject == "pyramids":
        return invariance_scales.pyramids(scene, observation)
    return invariance_scales.any_size(scene, observation, params, cancelled)


SPEC = PanelSpec(
    id="invariance",
    title="Invariance",
    area="right",
    params=InvarianceParams,
    depends=("network", "input", "unit"),
    compute=compute,
    view="cnnviz.panels.invariance_view:InvarianceView",
    tip="How far maps lie from where they were when the input is shifted or warped, with every kind of pooling.",
)
