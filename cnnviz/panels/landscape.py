"""Loss landscape: the optimisers' paths on a function of two numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field, field_validator

from cnnviz.engine.panel import Cancelled, PanelSpec, Rest
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams
from cnnviz.training.choices import Optimizer

if TYPE_CHECKING:
    from cnnviz.core.curves import Curves
    from cnnviz.core.surface_map import SurfaceMap, SurfacePath
    from cnnviz.engine.observation import Observation

Pair = tuple[float, float]

POINTS = 64
"""Of the least squares: the largest batch."""
MOST_STEPS = 500


class LandscapeParams(PanelParams):
    surface: Literal["bowl", "rosenbrock", "beale", "saddle", "himmelblau", "noisy-bowl", "least-squares"] = Field(
        "bowl", description="the function whose least value is looked for"
    )
    optimizers: tuple[Optimizer, ...] = Field(
        ("sgd", "momentum", "rmsprop", "adam"), description="whose paths are shown"
    )
    learning_rate: float = Field(0.05, ge=1e-6, le=100, description="Of all optimisers alike: how far a step goes")
    momentum: float = Field(
        0.9, ge=0, le=0.99, description="Of momentum and Nesterov: how much of the last step goes on; 0.9 remembers ten"
    )
    steps: int = Field(150, ge=10, le=MOST_STEPS, multiple_of=10, description="Steps that each optimiser takes")
    start: Pair | None = Field(None, description="where all begin; none: the function's own place")
    batch: int = Field(
        POINTS,
        ge=1,
        le=POINTS,
        multiple_of=1,
        description="Points whose mean gives the gradient; 64: the full gradient",
    )
    halve: bool = Field(False, description="a path that diverges goes back, and on with half the rate")
    shown: int | None = Field(
        None,
        ge=0,
        le=MOST_STEPS,
        description="the step that is looked at; none: the last",
        json_schema_extra={"undo": "none"},
    )

    @field_validator("optimizers")
    @classmethod
    def _once_each(cls, names: tuple[Optimizer, ...]) -> tuple[Optimizer, ...]:
        if len(set(names)) < len(names):
            raise ValueError("an optimiser is named twice")
        return names


@dataclass(frozen=True, eq=False)
class LandscapeResult:
    """
    Attributes
    ----------
    curves : Curves
        The loss above the least one, step by step.
    words : str
        What has become of each path, in a sentence.
    note : str
        What is to be seen on the surface.
    steps : int
        Steps that are asked for; the paths may still be shorter.
    """

    surface: SurfaceMap
    paths: tuple[SurfacePath, ...]
    curves: Curves
    start: Pair
    steps: int
    words: str
    note: str


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[LandscapeResult | Rest]:
    from cnnviz.panels.landscape_paths import paths_on_function

    return paths_on_function(cast(LandscapeParams, scene.panel("landscape")))


SPEC = PanelSpec(
    id="landscape",
    title="Loss landscape",
    area="centre",
    params=LandscapeParams,
    depends=(),
    compute=compute,
    view="cnnviz.panels.landscape_view:LandscapeView",
    tip="How each optimiser comes down: from crawling to diverging, with the full gradient and with mini-batches.",
)
