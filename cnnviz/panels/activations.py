"""Activations: every feature map of the selected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.core.choices import ColourScale
from cnnviz.engine.observation import only_selected
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.core.activations import ActivationStatistics
    from cnnviz.core.field_reach import ReachTable
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation, Unit


class ActivationsParams(PanelParams):
    scale: ColourScale = Field("shared", description="one colour scale for all maps, or each its own")


@dataclass(frozen=True, eq=False)
class ActivationsResult:
    """What is shown of one layer.

    Attributes
    ----------
    values : array, (C, h, w)
        The maps as the network computed them; vectors are maps of one cell.
    reach : ReachTable or None
        Which units see a pixel of the input; None where there are no maps, or it is not known.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    mosaic: Mosaic
    values: np.ndarray
    statistics: ActivationStatistics
    histogram: tuple[np.ndarray, np.ndarray]
    zero_after_relu: float
    unit: Unit
    reach: ReachTable | None


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> ActivationsResult:
    from cnnviz.core.activations import histogram, share_zero_after_relu, statistics
    from cnnviz.core.mosaic import columns_for, mosaic

    params = cast(ActivationsParams, scene.panel("activations"))
    layer = observation.layer
    if observation.network.loose and len(observation.network.graph) == 1:
        raise ValueError("None of this file's layers reads images of one or three channels; see them in Filters.")
    maps = feature_maps(observation.values[layer.name])
    return ActivationsResult(
        layer.name,
        layer.kind,
        layer.output_shape,
        mosaic(maps, columns=columns_for(maps.shape[0], maps.shape[1:], 1.0), scale=params.scale),
        maps.float().cpu().numpy(),
        statistics(maps),
        histogram(maps),
        share_zero_after_relu(maps),
        observation.unit(scene.selection),
        observation.network.pixel_reach.table(layer.name),
    )


SPEC = PanelSpec(
    id="activations",
    title="Activations",
    area="centre",
    params=ActivationsParams,
    depends=("network", "input", "layer", "unit"),
    compute=compute,
    layers=only_selected,
    view="cnnviz.panels.activations_view:ActivationsView",
    tip="What each channel of the selected layer answers to the input, one map a channel.",
)
