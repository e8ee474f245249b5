"""Equivariance: f(T(x)) beside T(f(x)), and how far apart they are in every layer and at every strength of T."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.core.choices import Direction, TransformKind
from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec, Rest
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.core.curves import Curves
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.live_equivariance import LayerError, LiveEquivariance, MapPair
    from cnnviz.core.map_motion import Compared
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.core.transforms import Transform
    from cnnviz.engine.observation import Observation
    from cnnviz.panels.shared.transform_sweep import KeptSweep

REST_S = 0.12
"""The curves wait until the hand rests."""


class EquivarianceParams(PanelParams):
    transform: TransformKind = Field("shift", description="what T does")
    shift: float = Field(4.0, ge=-16, le=16, description="How far T moves the image, in input pixels")
    direction: Direction = Field("columns", description="down, to the right, or both")
    angle: float = Field(30.0, ge=-180, le=180, description="How far T turns the image, in degrees, counter-clockwise")
    zoom: float = Field(1.25, ge=0.5, le=2, description="How much T magnifies the image")
    flip: Literal["horizontal", "vertical"] = Field(
        "horizontal", description="mirror left and right, or top and bottom"
    )
    border: Literal["wrap", "zeros"] = Field("wrap", description="what comes in: the opposite side, or black")
    inside: bool = Field(False, description="leave out the cells that padding, or what came in, reaches")
    curves: bool = Field(True, description="measure the curves, which may take long")

    @property
    def strength(self) -> float:
        """Where the transform is along the curves."""
        kinds = {"shift": self.shift, "rotate": self.angle, "zoom": self.zoom}
        return kinds[self.transform] if self.transform in kinds else float(self.flip == "vertical")

    @property
    def compared(self) -> Compared:
        return "inside" if self.inside else "known"


STRENGTH_FIELD = {"shift": "shift", "rotate": "angle", "zoom": "zoom"}


@dataclass(frozen=True, eq=False)
class PairMaps:
    """f(Tx), T f(x) and their difference as one mosaic of three tiles, and as numbers (3, h, w); NaN is left out."""

    mosaic: Mosaic
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class EquivarianceResult:
    """
    Attributes
    ----------
    moved : array (C, H, W)
        The transformed input, in [0, 1].
    layers : tuple of LayerError
        At the present strength, in order of execution.
    maps : PairMaps or None
    why : str
        Why the selected layer has no maps, or no number; else empty.
    curves : Curves or None
    done : float
        Share of the curves that is measured.
    told : str
        What is to be said of the network besides, in sentences.
    """

    layer: str
    channel: int
    moved: np.ndarray
    layers: tuple[LayerError, ...]
    maps: PairMaps | None
    why: str
    curves: Curves | None
    done: float
    told: str = ""

    @property
    def selected(self) -> LayerError:
        return next(each for each in self.layers if each.layer == self.layer)


def transform_of(params: EquivarianceParams) -> Transform:
    """What the parameters ask for."""
    from cnnviz.core.transforms import Transform

    if params.transform == "shift":
        rows, columns = params.direction != "columns", params.direction != "rows"
        return Transform(params.shift * rows, params.shift * columns, border=params.border)
    if params.transform == "rotate":
        return Transform(rotation=params.angle, border=params.border)
    if params.transform == "zoom":
        return Transform(zoom=params.zoom, border=params.border)
    return Transform(flip=params.flip, border=params.border)


_live: list[tuple[object, LiveEquivariance]] = []
_kept: list[KeptSweep] = []


def _comparison(observation: Observation) -> LiveEquivariance:
    """Where the cells of all layers lie, worked out once for each network."""
    from cnnviz.core.live_equivariance import LiveEquivariance

    traced = observation.network.traced
    if not _live or _live[0][0] is not traced:
        _live[:] = [(traced, LiveEquivariance(traced))]
    return _live[0][1]


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[EquivarianceResult | Rest]:
    """Maps and bars of the present strength at once; then, when the hand rests, the curves."""
    from cnnviz.core.execution import Cancelled as PassCancelled
    from cnnviz.panels.shared.transform_sweep import begin_sweep, sweep_key, sweep_of

    params = cast(EquivarianceParams, scene.panel("equivariance"))
    shape = observation.rendered.edited.shape
    now = _now(scene, observation, params, cancelled)
    sweep = sweep_of(params.transform, params.direction, params.border, (shape[1], shape[2]))
    network = observation.network
    key = sweep_key(observation, network, sweep, params.compared)
    kept = _kept[0] if _kept and _kept[0].key == key else None
    yield _shown(now, None if kept is None else _curves_of(kept, now.layer), 0.0 if kept is None else kept.done)
    if not params.curves or (kept is not None and kept.done >= 1):
        return
    yield Rest(REST_S)
    if kept is None:
        kept = begin_sweep(scene, observation, network, sweep, params.compared)
        _kept[:] = [kept]
    try:
        while kept.step(cancelled):
            yield _shown(now, _curves_of(kept, now.layer), kept.done)
    except PassCancelled:
        _kept.clear()
        raise ComputeCancelled from None


_drawn: list[tuple[object, str, Curves | None]] = []
"""The last curves: while the hand drags, the plot sees that they are the same."""


def _curves_of(kept: KeptSweep, layer: str) -> Curves | None:
    from cnnviz.panels.shared.transform_sweep import layer_curves

    if not _drawn or _drawn[0][0] is not kept.result or _drawn[0][1] != layer:
        _drawn[:] = [(kept.result, layer, layer_curves(kept, layer))]
    return _drawn[0][2]


def _now(
    scene: Scene, observation: Observation, params: EquivarianceParams, cancelled: Cancelled
) -> EquivarianceResult:
    import torch

    from cnnviz.core.execution import Cancelled as PassCancelled
    from cnnviz.core.transforms import move_images
    from cnnviz.engine.input_tensor import as_input
    from cnnviz.panels.shared.caveats import graph_words
    from cnnviz.panels.shared.transform_sweep import black_of

    layer = observation.layer
    channel = min(scene.selection.channel, layer.output_shape[0] - 1) if layer.output_shape else 0
    transform = transform_of(params)
    image = as_input(observation.rendered.edited[None], observation)
    try:
        found = _comparison(observation).compare(
            observation.values,
            image,
            transform,
            compared=params.compared,
            black=black_of(observation),
            maps_of=(layer.name, channel),
            cancelled=cancelled,
        )
    except PassCancelled:
        raise ComputeCancelled from None
    pixels = torch.from_numpy(observation.rendered.edited)[None]
    moved = move_images(pixels, transform)[0].clamp(0, 1).numpy()
    maps = None
    one = next(each for each in found.layers if each.layer == layer.name)
    if found.maps is not None and found.maps.cells.size > 1:
        maps = _pair(found.maps)
    why = one.reason or ("" if maps is not None else " ".join(one.notes))
    told = graph_words(observation.network.graph)
    return EquivarianceResult(layer.name, channel, moved, found.layers, maps, why, None, 0.0, told)


def _shown(now: EquivarianceResult, curves: Curves | None, done: float) -> EquivarianceResult:
    return replace(now, curves=curves, done=done)


def _pair(pair: MapPair) -> PairMaps:
    """All three in one scale with zero in its middle; cells that are not compared are empty."""
    import numpy as np
    import torch

    from cnnviz.core.mosaic import GAP, mosaic

    stack = torch.stack([pair.moved, pair.expected, pair.difference]).float().cpu()
    shown = mosaic(stack, columns=3, scale="shared", signed=True, gap=0)
    width = stack.shape[2]
    left_out = ~pair.cells
    for tile in (1, 2):
        shown.indices[:, tile * width : (tile + 1) * width][left_out] = GAP
    values = stack.numpy().copy()
    values[1:, left_out] = np.nan
    return PairMaps(shown, values)


def layers(scene: Scene, graph: LayerGraph) -> Collection[str]:
    """All: each is compared."""
    return graph.names


SPEC = PanelSpec(
    id="equivariance",
    title="Equivariance",
    area="centre",
    params=EquivarianceParams,
    depends=("network", "input", "unit"),
    compute=compute,
    layers=layers,
    view="cnnviz.panels.equivariance_view:EquivarianceView",
    tip="Whether a layer's maps move as the input is moved: f(T(x)) beside T(f(x)), in every layer.",
)
