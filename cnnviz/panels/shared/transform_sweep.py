"""Curves of the equivariance error over a transform, refined bit by bit and kept while only its strength is moved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cnnviz.engine.input_tensor import as_input
from cnnviz.engine.same import Identity
from cnnviz.panels.shared.own_passes import HEAVY
from cnnviz.panels.shared.sample_inputs import sample_inputs

if TYPE_CHECKING:
    from cnnviz.core.choices import Direction, TransformKind
    from cnnviz.core.curves import Curves, Mark
    from cnnviz.core.equivariance_result import Equivariance, Sweep
    from cnnviz.core.interpolation import Border
    from cnnviz.core.map_motion import Compared
    from cnnviz.engine.observation import LoadedNetwork, Observation
    from cnnviz.engine.panel import Cancelled
    from cnnviz.scene.models import Scene

MOST_SAMPLES = 7
"""Images that are measured beside the input."""
FEW_SAMPLES = 2
"""The same for networks that take long for one image."""
FARTHEST = 16
MOST_MARKS = 9


@dataclass(eq=False)
class KeptSweep:
    """One measurement as far as it has come.

    Attributes
    ----------
    key : tuple
        What it was made from; equal keys are the same measurement.
    result : Equivariance or None
    """

    key: tuple[object, ...]
    sweep: Sweep
    steps: Iterator[Equivariance]
    cancelled: Cancelled
    result: Equivariance | None = None

    @property
    def done(self) -> float:
        return 0.0 if self.result is None else self.result.done

    def step(self, cancelled: Cancelled) -> bool:
        """Measure a bit more; False where all is done."""
        self.cancelled = cancelled
        found = next(self.steps, None)
        if found is None:
            return False
        self.result = found
        return True


def sweep_of(kind: TransformKind, direction: Direction, border: Border, image: tuple[int, int]) -> Sweep:
    """33 shifts, angles or magnifications, or both flips."""
    from cnnviz.core.equivariance_result import Sweep

    strengths: tuple[float, ...]
    if kind == "shift":
        far = min(FARTHEST, max(image) - 1)
        strengths = tuple(float(each) for each in range(-far, far + 1))
    elif kind == "rotate":
        strengths = tuple(-180 + 11.25 * each for each in range(33))
    elif kind == "zoom":
        strengths = tuple(2 ** (each / 16) for each in range(-16, 17))
    else:
        strengths = (0.0, 1.0)
    return Sweep(kind, strengths, direction, border)


def begin_sweep(
    scene: Scene,
    observation: Observation,
    network: LoadedNetwork,
    sweep: Sweep,
    compared: Compared,
    layers: tuple[str, ...] | None = None,
) -> KeptSweep:
    """A measurement of the input, and then of the shipped samples; nothing is measured yet. ``layers``: all."""
    import numpy as np

    from cnnviz.core.equivariance import equivariance_steps

    heavy = network.graph.macs > HEAVY
    samples = sample_inputs(observation, scene.input.fit, FEW_SAMPLES if heavy else MOST_SAMPLES)
    images = as_input(np.concatenate([observation.rendered.edited[None], samples]), observation)
    kept: KeptSweep
    steps = equivariance_steps(
        network.traced,
        images,
        sweep.transforms,
        layers,
        compared=compared,
        black=black_of(observation),
        cancelled=lambda: kept.cancelled(),
    )
    kept = KeptSweep(sweep_key(observation, network, sweep, compared, layers), sweep, steps, lambda: False)
    return kept


def sweep_key(
    observation: Observation,
    network: LoadedNetwork,
    sweep: Sweep,
    compared: Compared,
    layers: tuple[str, ...] | None = None,
) -> tuple[Any, ...]:
    """The image is held, so that its place in memory is no other's."""
    image = Identity(observation.rendered.edited)
    return network.generation, image, observation.mean, observation.std, sweep, compared, layers


def black_of(observation: Observation) -> tuple[float, ...]:
    """What a black pixel is once it is normalised, for each channel or for all."""
    return tuple(-mean / std for mean, std in zip(observation.mean, observation.std, strict=True))


def layer_curves(kept: KeptSweep, layer: str) -> Curves | None:
    """The error of one layer: of the input, of all images with their spread, floor and chance; None without any."""
    import numpy as np

    from cnnviz.core.curves import Mark, series
    from cnnviz.core.equivariance_result import equivariance_curves

    result = kept.result
    if result is None or layer not in result or result[layer].reason:
        return None
    found = result[layer]
    whole = equivariance_curves(result, kept.sweep, [layer], reference=True)
    x = np.array(kept.sweep.strengths)
    measured = int((~np.isnan(found.error)).any(1).sum())
    if not measured:
        return None
    own = found.error[0]
    seen = ~np.isnan(own)  # a coarse curve goes through the places that it has
    points = whole.series[0].points
    lines = [series("this input", x[seen], own[seen], points=points)]
    if measured > 1:
        lines.append(replace(whole.series[0], name=f"mean of {measured} images ± deviation"))
    floor = [
        replace(each, stroke="dotted") if each.name.endswith("(floor)") else each
        for each in whole.series[1:]
        if np.nanmax(np.nan_to_num(each.y)) > 0 and not np.array_equal(each.y, whole.series[0].y, equal_nan=True)
    ]
    marks = tuple(
        mark if mark.axis == "x" else Mark("y", mark.value, "unrelated images", may_lie_above=True)
        for mark in whole.marks
    )
    return replace(
        whole,
        title=f"Equivariance error of {layer}",
        y_label="relative error",
        series=(*lines, *floor),
        marks=(*marks, *strides(kept, layer)),
    )


def strides(kept: KeptSweep, layer: str) -> tuple[Mark, ...]:
    """Lines at the whole cells of the layer: where the dips are."""
    from cnnviz.core.curves import Mark

    sweep, result = kept.sweep, kept.result
    grid = result[layer].grid if result is not None else None
    if sweep.kind != "shift" or grid is None or grid.shape == (1, 1):
        return ()
    stride = max(
        grid.stride[0] if sweep.direction != "columns" else 0, grid.stride[1] if sweep.direction != "rows" else 0
    )
    far = max(sweep.strengths)
    if stride <= 1 or far // stride * 2 + 1 > MOST_MARKS + 8:
        return ()
    count = math.floor(far / stride)
    first = f"every {stride:g} px: the stride"
    return tuple(Mark("x", number * stride, first if number == -count else "") for number in range(-count, count + 1))
