"""Chain builder: layers stacked by hand, and how the field of a unit and the weights grow with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.core.choices import StageKind
from cnnviz.data.frozen import Frozen
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.core.chain_growth import StageGrowth
    from cnnviz.core.curves import Curves
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation

MOST_STAGES = 40


class StageParams(Frozen):
    """One square layer."""

    kind: StageKind = "conv"
    kernel_size: int = Field(3, ge=1, le=31)
    stride: int = Field(1, ge=1, le=8)
    dilation: int = Field(1, ge=1, le=32)
    channels: int = Field(64, ge=1, le=4096, description="maps that a convolution gives")


class ChainBuilderParams(PanelParams):
    stages: tuple[StageParams, ...] = Field(
        (StageParams(), StageParams(), StageParams()), min_length=1, max_length=MOST_STAGES, description="the layers"
    )
    channels: int = Field(64, ge=1, le=4096, description="maps that the first layer reads")


@dataclass(frozen=True, eq=False)
class ChainBuilderResult:
    """``ways`` shows the last unit's field, each pixel by the root of its share of the ways that lead from it."""

    stages: tuple[StageGrowth, ...]
    channels: int
    ways: Mosaic
    curves: Curves

    @property
    def last(self) -> StageGrowth:
        return self.stages[-1]


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> ChainBuilderResult:
    import torch

    from cnnviz.core.chain_growth import Stage, chain_growth
    from cnnviz.core.mosaic import mosaic

    params = cast(ChainBuilderParams, scene.panel("chain-builder"))
    stages = [Stage(each.kind, each.kernel_size, each.stride, each.dilation, each.channels) for each in params.stages]
    grown = chain_growth(stages, params.channels)
    line = torch.from_numpy(grown[-1].paths / grown[-1].paths.max())
    # the square root: at the rim of a deep chain a thousandth of the ways would look like none
    ways = mosaic(torch.outer(line, line).sqrt()[None], columns=1, signed=False, gap=0)
    return ChainBuilderResult(grown, params.channels, ways, growth_curves(grown))


def growth_curves(grown: tuple[StageGrowth, ...]) -> Curves:
    """Field against depth, beside that of as many 3×3 convolutions."""
    from cnnviz.core.curves import Curves, series

    depth = list(range(len(grown) + 1))
    return Curves(
        "Field against depth",
        "layers",
        "field (input pixels)",
        (
            series("this chain", depth, [1, *(each.size for each in grown)], points=True),
            series("3×3 throughout", depth, [1 + 2 * layer for layer in depth], reference=True),
        ),
        whole_x=True,
    )


SPEC = PanelSpec(
    id="chain-builder",
    title="Chain builder",
    area="right",
    params=ChainBuilderParams,
    depends=(),
    compute=compute,
    view="cnnviz.panels.chain_builder_view:ChainBuilderView",
    tip="Stack layers by hand: the pixels that reach a unit, and the weights that it takes.",
)
