"""Loss landscape: the optimisers' paths on a function of two numbers, and on a slice through a network's loss."""

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
AUTOMATIC = "auto"


class LandscapeParams(PanelParams):
    surface: Literal[
        "bowl", "rosenbrock", "beale", "saddle", "himmelblau", "noisy-bowl", "least-squares", "network"
    ] = Field("bowl", description="the function whose least value is looked for, or the loss of the open network")
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

    directions: Literal["random", "path"] = Field(
        "random",
        description="of the slice through the network's loss: random ones, or those in which its run moved most",
    )
    data: str = Field(
        AUTOMATIC,
        pattern=r"^(auto|digits|shapes|dots|mnist|fashion-mnist|cifar10|folder:.+)$",
        max_length=4096,
        description="the images: auto takes what the network was trained on where that is at hand",
    )
    images: int = Field(128, ge=16, le=1024, multiple_of=16, description="How many images the loss is the mean over")
    reach: float = Field(
        1.0, ge=0.05, le=3, description="How far the slice goes to each side: 1 is as far as the weights are long"
    )
    detail: Literal[11, 21, 41] = Field(21, description="places along each side of the slice, in the end")
    draw: int = Field(0, ge=0, le=999, multiple_of=1, description="another number draws other random directions")
    asked: int = Field(
        0,
        ge=0,
        description="how often a slice through the present weights was asked for",
        json_schema_extra={"undo": "none"},
    )
    running: bool = Field(False, description="compute the slice that is asked for", json_schema_extra={"undo": "none"})

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
    surface : SurfaceMap or None
        None where a slice was not asked for yet.
    working : bool
        A slice is being computed.
    """

    surface: SurfaceMap | None
    paths: tuple[SurfacePath, ...]
    curves: Curves | None
    start: Pair | None
    steps: int
    words: str
    note: str
    working: bool = False


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[LandscapeResult | Rest]:
    params = cast(LandscapeParams, scene.panel("landscape"))
    if params.surface == "network":
        from cnnviz.panels.landscape_slice import slice_of_network

        return slice_of_network(params, observation)
    from cnnviz.panels.landscape_paths import paths_on_function

    return paths_on_function(params)


SPEC = PanelSpec(
    id="landscape",
    title="Loss landscape",
    area="centre",
    params=LandscapeParams,
    depends=("network",),
    compute=compute,
    view="cnnviz.panels.landscape_view:LandscapeView",
    tip="How each optimiser comes down: from crawling to diverging, with the full gradient and with mini-batches.",
)
