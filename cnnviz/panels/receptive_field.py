"""Receptive field: what by theory can reach the units of every layer, and what really acts on one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec, Rest
from cnnviz.panels.receptive_field_lines import FieldLine, field_curves, field_lines, layers_with_windows
from cnnviz.panels.shared.caveats import graph_words
from cnnviz.panels.shared.rest_before_refining import RestBeforeRefining
from cnnviz.panels.shared.sample_batch import sample_batch
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.curves import Curves
    from cnnviz.core.effective_field import EffectiveField, FieldShare
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import LoadedNetwork, Observation

PACE_S = 0.1
"""The curve grows in steps no shorter than this, however fast its layers are measured."""

Box = tuple[int, int, int, int]
"""First row, first column, rows and columns."""


class ReceptiveFieldParams(PanelParams):
    show: Literal["table", "curve"] = Field("table", description="all layers as a table, or their size over depth")
    unit: Literal["selected", "centre"] = Field(
        "selected", description="the selected unit, or the one in the middle of the map as the mean over its channels"
    )
    over: Literal["input", "samples"] = Field(
        "input", description="measured on this input, or as the mean over the program's samples"
    )
    whole: bool = Field(False, description="show the heat on the whole input, not on the field alone")


@dataclass(frozen=True, eq=False)
class HeatResult:
    """What really acts on the unit.

    Attributes
    ----------
    heat : array, (H, W)
        Mean size of the gradient at each pixel of the input.
    box : Box
        The part of it that ``mosaic`` shows.
    theory : Box or None
        The pixels that can reach the unit.
    unit : str
        Which one, in words.
    before_non_linearity : bool
        Whether it is the gradient of the value that the layer's non-linearity is given.
    is_final : bool
        Whether all images are in it.
    of_now : bool
        False where it was measured on the input before.
    """

    mosaic: Mosaic
    heat: np.ndarray
    box: Box
    theory: Box | None
    shares: tuple[FieldShare, ...]
    unit: str
    before_non_linearity: bool
    images: int
    is_final: bool
    of_now: bool = True


@dataclass(frozen=True, eq=False)
class ReceptiveFieldResult:
    """What is known so far.

    Attributes
    ----------
    selected : int
        The selected layer's line.
    place : int or None
        Its place, or that of the last layer with a window before it, in the curve.
    heat : HeatResult or None
        None before it is measured, and where ``problem`` says why it cannot be.
    measuring : str
        What is still under way; empty when all is done.
    told : str
        What is to be said of the network besides, in sentences.
    """

    lines: tuple[FieldLine, ...]
    selected: int
    curves: Curves
    curve_layers: tuple[str, ...]
    place: int | None
    heat: HeatResult | None = None
    problem: str = ""
    measuring: str = ""
    told: str = ""


@dataclass(frozen=True, eq=False)
class _Measured:
    """The last unit's heat; ``key`` says of what network and unit, ``image`` of what input."""

    key: tuple[object, ...]
    image: object
    heat: HeatResult


@dataclass(frozen=True, eq=False)
class _Widths:
    """Effective widths of the layers of one network on one input, as far as they are measured."""

    key: tuple[object, ...]
    image: object
    of: dict[str, float]


_rest = RestBeforeRefining()
_lines: list[tuple[LayerGraph, tuple[FieldLine, ...]]] = []
_measured: list[_Measured] = []
_widths: list[_Widths] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[ReceptiveFieldResult | Rest]:
    """Theory at once; what is measured when the hand rests, coarse first."""
    params = cast(ReceptiveFieldParams, scene.panel("receptive-field"))
    network = observation.network
    if not any(len(layer.output_shape) == 3 for layer in network.graph.layers[1:]):
        raise ValueError(
            f"No layer of {network.name} gives maps with rows and columns: its units have no place, and each sees the "
            "whole input. Open a network with convolutions."
        )
    image: object = observation.rendered.edited if params.over == "input" else "samples"
    # another program's window may count its networks alike
    seen_by = (network.traced, network.generation, observation.mean, observation.std, params.over)
    unit = observation.unit(scene.selection) if params.unit == "selected" else None
    heat_key = (*seen_by, observation.layer.name, unit, params.whole)
    known = next((each for each in _measured if each.key == heat_key), None)
    widths = _known_widths(seen_by, image)
    result = _theory(network, observation.layer.name, widths.of)
    if known is not None:
        result = replace(result, heat=replace(known.heat, of_now=known.image is image))
    done = known is not None and known.image is image and known.heat.is_final
    missing = [name for name in result.curve_layers if name not in widths.of] if params.show == "curve" else []
    rest = _rest.after(observation.rendered.edited)
    if done and not missing:
        yield result
        return
    yield replace(result, measuring="measuring")
    yield rest
    images = _images(scene, observation, params)
    if not done:
        from cnnviz.core.effective_field import NoEffectiveField

        try:
            for found in _effective_fields(scene, observation, params, images, cancelled):
                heat = _heat_result(observation, found, params)
                _measured[:] = [_Measured(heat_key, image, heat)]
                result = replace(result, heat=heat)
                busy = missing or not found.is_final
                yield replace(result, measuring=f"{found.images} of {len(images)} images" if busy else "")
        except NoEffectiveField as error:
            result = replace(result, heat=None, problem=str(error))
            yield result
    yield from _grown(observation, images, widths, missing, result, cancelled)


def _theory(network: LoadedNetwork, selected: str, widths: dict[str, float]) -> ReceptiveFieldResult:
    if not (_lines and _lines[0][0] is network.graph):
        _lines[:] = [(network.graph, field_lines(network.graph, network.receptive_fields))]
    lines = _lines[0][1]
    names = [line.layer for line in lines]
    steps = layers_with_windows(network.graph)
    before = [index for index, name in enumerate(steps) if names.index(name) <= names.index(selected)]
    curves = field_curves(network.graph, network.receptive_fields, widths)
    place = before[-1] if before else None
    return ReceptiveFieldResult(lines, names.index(selected), curves, steps, place, told=graph_words(network.graph))


def _known_widths(key: tuple[object, ...], image: object) -> _Widths:
    if not (_widths and _widths[0].key == key and _widths[0].image is image):
        _widths[:] = [_Widths(key, image, {})]
    return _widths[0]


def _images(scene: Scene, observation: Observation, params: ReceptiveFieldParams) -> Tensor:
    from cnnviz.engine.input_tensor import input_tensor

    if params.over == "input":
        return input_tensor(observation)
    return sample_batch(scene.input.fit, observation)


def _effective_fields(
    scene: Scene, observation: Observation, params: ReceptiveFieldParams, images: Tensor, cancelled: Cancelled
) -> Iterator[EffectiveField]:
    from cnnviz.core.effective_field import effective_field_steps
    from cnnviz.core.execution import Cancelled as PassCancelled

    unit = observation.unit(scene.selection) if params.unit == "selected" else None
    layer = observation.layer.name
    try:
        yield from effective_field_steps(
            observation.network.traced,
            layer,
            images,
            channel=None if unit is None else unit.channel,
            row=None if unit is None else unit.row,
            column=None if unit is None else unit.column,
            field=observation.network.receptive_fields[layer],
            cancelled=cancelled,
        )
    except PassCancelled:
        raise ComputeCancelled from None


def _heat_result(observation: Observation, found: EffectiveField, params: ReceptiveFieldParams) -> HeatResult:
    import torch

    from cnnviz.core.mosaic import mosaic

    box: Box = (0, 0, *found.heat.shape)
    near = _near(observation, found)
    if near is not None and not params.whole and min(near[2:]) > 0:
        box = near
    top, left, height, width = box
    part = torch.from_numpy(found.heat[top : top + height, left : left + width].copy())
    channels = f"channel {found.channels[0]}" if len(found.channels) == 1 else f"mean of {len(found.channels)} channels"
    place = "" if found.row is None else f" at {found.row}, {found.column}"
    return HeatResult(
        mosaic(part[None], columns=1, signed=False, gap=0),
        found.heat,
        box,
        found.theory,
        found.shares,
        f"{found.layer}, {channels}{place}",
        found.measured_at != found.layer,
        found.images,
        found.is_final,
    )


def _near(observation: Observation, found: EffectiveField) -> Box | None:
    """The pixels that can reach the unit, apart from what looks at the whole map."""
    field = observation.network.receptive_field(found.layer)
    if field is None or field.apart is None or found.row is None or found.column is None:
        return found.theory
    return field.apart.clipped_box(found.row, found.column, found.channels[0])


def _grown(
    observation: Observation,
    images: Tensor,
    widths: _Widths,
    missing: list[str],
    result: ReceptiveFieldResult,
    cancelled: Cancelled,
) -> Iterator[ReceptiveFieldResult]:
    """The curve with one measured layer after the other: of its unit in the centre, as the mean over its channels."""
    from cnnviz.core.effective_field import NoEffectiveField, effective_field
    from cnnviz.core.execution import Cancelled as PassCancelled

    network, last = observation.network, time.monotonic()
    for index, name in enumerate(missing, 1):
        try:
            field = network.receptive_fields[name]
            found = effective_field(network.traced, name, images, field=field, cancelled=cancelled)
            # a ReLU that passes nothing on says nothing of the field
            widths.of[name] = nan if found.is_silent else found.shares[1].width
        except NoEffectiveField:
            widths.of[name] = nan
        except PassCancelled:
            raise ComputeCancelled from None
        if index == len(missing) or time.monotonic() - last > PACE_S:
            last = time.monotonic()
            curves = field_curves(network.graph, network.receptive_fields, widths.of)
            left = "" if index == len(missing) else f"{index} of {len(missing)} layers"
            yield replace(result, curves=curves, measuring=left)


SPEC = PanelSpec(
    id="receptive-field",
    title="Receptive field",
    area="centre",
    params=ReceptiveFieldParams,
    depends=("network", "input", "unit"),
    compute=compute,
    view="cnnviz.panels.receptive_field_view:ReceptiveFieldView",
    tip="The pixels that can reach the units of each layer, and how much of them really acts on one.",
)
