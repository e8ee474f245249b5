"""Pooling: on numbers that can be typed, and on the maps of the network, whose pooling can be swapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field, field_validator

from cnnviz.core.choices import PoolingKind
from cnnviz.core.pooling_examples import EXAMPLES, PoolingExample
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.shared.windowed_pooling import chosen_layer
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np

    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.pooling import Pooling
    from cnnviz.engine.observation import Observation
    from cnnviz.panels.pooling_maps import MapsResult

MOST_CELLS = 12

Numbers = tuple[tuple[float, ...], ...]
Box = tuple[int, int, int, int]
"""First row, first column, rows and columns."""


class PoolingParams(PanelParams):
    view: Literal["numbers", "network"] = Field("numbers", description="numbers to type, or the network's own maps")
    numbers: Numbers = Field(EXAMPLES["blocks"].detector, description="the detector stage")
    kind: PoolingKind = Field("max", description="what is made of a window")
    window: int = Field(2, ge=1, le=8, multiple_of=1, description="Rows and columns of the window")
    stride: int = Field(2, ge=1, le=8, multiple_of=1, description="How many cells the window moves")
    padding: int = Field(0, ge=0, le=4, multiple_of=1, description="Cells beyond each border; windows leave them out")
    sigma: float = Field(1.0, ge=0.1, le=8, description="Width of the Gaussian, in cells")
    taps: int = Field(3, ge=1, le=7, multiple_of=1, description="Width of the blur, in cells")
    shift: int = Field(1, ge=-MOST_CELLS, le=MOST_CELLS, multiple_of=1, description="Cells to the right")
    entering: float | None = Field(None, description="value that comes in at the border; none: the other side's")
    tolerance: float = Field(
        1e-3, ge=0, le=10, description="Values that differ by no more count as unchanged, in the values' own units"
    )
    layer: str | None = Field(None, max_length=4096, description="which pooling; none: the next after the selection")

    @field_validator("numbers")
    @classmethod
    def _rectangle(cls, rows: Numbers) -> Numbers:
        if not (1 <= len(rows) <= MOST_CELLS and 1 <= len(rows[0]) <= MOST_CELLS):
            raise ValueError(f"the grid has 1 to {MOST_CELLS} rows and columns")
        if any(len(row) != len(rows[0]) for row in rows):
            raise ValueError("all rows of the grid are equally long")
        return rows


@dataclass(frozen=True, eq=False)
class GridResult:
    """Values ``(rows, columns)``, and their entries of the colour table, in a scale that all four grids share."""

    values: np.ndarray
    indices: np.ndarray
    signed: bool


@dataclass(frozen=True, eq=False)
class NumbersResult:
    """The two stages before and after the shift.

    Attributes
    ----------
    boxes : dict of (row, column) to Box
        The cells of the detector stage that an output reads; some may lie beyond the border.
    words, shifted_words : dict of (row, column) to str
        How each output is worked out, with its numbers, before and after the shift.
    detector_changed, pooled_changed : array of bool
        Which values differ by more than the tolerance after the shift.
    """

    detector: GridResult
    pooled: GridResult
    shifted: GridResult
    shifted_pooled: GridResult
    boxes: dict[tuple[int, int], Box]
    words: dict[tuple[int, int], str]
    shifted_words: dict[tuple[int, int], str]
    detector_changed: np.ndarray
    pooled_changed: np.ndarray
    detector_share: float
    pooled_share: float
    summary: str


@dataclass(frozen=True, eq=False)
class PoolingResult:
    """What the chosen view shows; where the numbers cannot be pooled, they alone, and why."""

    numbers: NumbersResult | None = None
    maps: MapsResult | None = None
    unpooled: tuple[GridResult, GridResult] | None = None
    refusal: str = ""


def example_params(example: PoolingExample) -> dict[str, object]:
    """Fields of the parameters that show one of the lectures' examples."""
    rows = example.detector
    entering = None if example.shifted is None else example.shifted[0][0]
    return {
        "numbers": rows,
        "kind": example.kind,
        "window": example.kernel_size[1],
        "stride": example.stride[1],
        "padding": example.padding[1],
        "shift": 1,
        "entering": entering,
    }


def pooling_of(params: PoolingParams) -> Pooling:
    """A grid of one row, or of one column, is pooled along it alone."""
    from cnnviz.core.pooling import Pooling

    def along(size: int) -> tuple[int, int, int]:
        return (params.window, params.stride, params.padding) if size > 1 else (1, 1, 0)

    rows, columns = along(len(params.numbers)), along(len(params.numbers[0]))
    return Pooling.of(
        params.kind,
        *zip(rows, columns, strict=True),
        sigma=params.sigma,
        taps=params.taps,
        # a single row has nothing to be mirrored
        blur_padding="replicate" if 1 in (len(params.numbers), len(params.numbers[0])) else "reflect",
    )


def shifted_numbers(params: PoolingParams) -> Numbers:
    """The grid moved to the right; what comes in at the left is the other side's, or ``entering``."""

    def moved(row: tuple[float, ...]) -> tuple[float, ...]:
        places = range(-params.shift, len(row) - params.shift)
        if params.entering is None:
            return tuple(row[place % len(row)] for place in places)
        return tuple(row[place] if 0 <= place < len(row) else params.entering for place in places)

    return tuple(map(moved, params.numbers))


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> PoolingResult:
    params = cast(PoolingParams, scene.panel("pooling"))
    if params.view == "numbers":
        try:
            return PoolingResult(numbers=pooled_numbers(params))
        except ValueError as error:
            words = str(error)
            return PoolingResult(unpooled=_unpooled(params), refusal=f"{words[:1].upper()}{words[1:]}.")
    from cnnviz.panels.pooling_maps import pooled_maps

    return PoolingResult(maps=pooled_maps(scene, observation, params.layer, params.tolerance, cancelled))


def pooled_numbers(params: PoolingParams) -> NumbersResult:
    """Raises ValueError where the window does not fit the grid."""
    import torch

    from cnnviz.core.invariance import changed_cells, share_changed
    from cnnviz.core.pooling import pool
    from cnnviz.panels.pooling_words import box_of, words_of

    pooling = pooling_of(params)
    before = torch.tensor(params.numbers, dtype=torch.float64)[None, None]
    after = torch.tensor(shifted_numbers(params), dtype=torch.float64)[None, None]
    pooled, pooled_after = pool(before, pooling), pool(after, pooling)
    cells = [(row, column) for row in range(pooled.shape[-2]) for column in range(pooled.shape[-1])]
    stages = torch.cat([before.flatten(), after.flatten(), pooled.flatten(), pooled_after.flatten()])
    signed = bool((stages < 0).any())
    most = float(stages.abs().max())
    return NumbersResult(
        _grid(before, signed, most),
        _grid(pooled, signed, most),
        _grid(after, signed, most),
        _grid(pooled_after, signed, most),
        {cell: box_of(pooling, cell) for cell in cells},
        {cell: words_of(before, pooling, cell) for cell in cells},
        {cell: words_of(after, pooling, cell) for cell in cells},
        changed_cells(before, after, params.tolerance)[0, 0].numpy(),
        changed_cells(pooled, pooled_after, params.tolerance)[0, 0].numpy(),
        share_changed(before, after, params.tolerance),
        share_changed(pooled, pooled_after, params.tolerance),
        pooling.summary(),
    )


def _unpooled(params: PoolingParams) -> tuple[GridResult, GridResult]:
    import torch

    before, after = (torch.tensor(each, dtype=torch.float64) for each in (params.numbers, shifted_numbers(params)))
    signed, most = bool((before < 0).any()), float(before.abs().max())
    return _grid(before[None, None], signed, most), _grid(after[None, None], signed, most)


def _grid(values: object, signed: bool, most: float) -> GridResult:
    import torch

    from cnnviz.core.mosaic import quantise

    rows = cast("torch.Tensor", values)[0, 0]
    scale = torch.full_like(rows, most)  # the largest of all grids stands beside each, so that they share its scale
    indices = quantise(torch.stack([rows, scale]), "shared", signed).indices[0]
    return GridResult(rows.numpy(), indices.numpy(), signed)


def layers(scene: Scene, graph: LayerGraph) -> Collection[str]:
    params = cast(PoolingParams, scene.panel("pooling"))
    if params.view == "numbers":
        return ()
    found = chosen_layer(scene, graph, params.layer)
    return () if found is None else (found.name, found.inputs[0])


SPEC = PanelSpec(
    id="pooling",
    title="Pooling",
    area="centre",
    params=PoolingParams,
    depends=("network", "input", "unit"),
    compute=compute,
    layers=layers,
    view="cnnviz.panels.pooling_view:PoolingView",
    tip="What pooling makes of a window, of numbers and of this network's maps, and how little a shift changes it.",
)
