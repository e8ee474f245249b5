"""What was measured of f(T x) against T f(x), ready to be drawn or written down."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.choices import Direction, TransformKind
from cnnviz.core.curves import Curves, Mark, Series, series
from cnnviz.core.interpolation import Border
from cnnviz.core.map_motion import Compared
from cnnviz.core.transforms import MapGrid, Transform

Floats = NDArray[np.float64]

X_LABELS = {"shift": "shift (input pixels)", "rotate": "rotation (degrees)", "zoom": "zoom", "flip": "flip"}


@dataclass(frozen=True)
class Sweep:
    """A transform at several strengths.

    Attributes
    ----------
    kind : str
    strengths : tuple of float
        Input pixels downwards or to the right, degrees counter-clockwise, or magnifications; of a flip 0 for
        horizontal and 1 for vertical.
    direction : str
        Of a shift: along which axis.
    border : str
        What comes in from outside.
    """

    kind: TransformKind
    strengths: tuple[float, ...]
    direction: Direction = "columns"
    border: Border = "wrap"

    @cached_property
    def transforms(self) -> tuple[Transform, ...]:
        return tuple(self._at(strength) for strength in self.strengths)

    @property
    def x_label(self) -> str:
        along = {"rows": "down", "columns": "to the right", "both": "down and to the right"}[self.direction]
        return f"shift {along} (input pixels)" if self.kind == "shift" else X_LABELS[self.kind]

    @property
    def x_names(self) -> tuple[str, ...]:
        return ("horizontal", "vertical") if self.kind == "flip" else ()

    def _at(self, strength: float) -> Transform:
        if self.kind == "rotate":
            return Transform(rotation=strength, border=self.border)
        if self.kind == "zoom":
            return Transform(zoom=strength, border=self.border)
        if self.kind == "flip":
            if strength not in (0, 1):
                raise ValueError("A flip is 0 (horizontal) or 1 (vertical).")
            return Transform(flip="vertical" if strength else "horizontal", border=self.border)
        rows, columns = self.direction != "columns", self.direction != "rows"
        return Transform(strength * rows, strength * columns, border=self.border)


@dataclass(frozen=True, eq=False)
class LayerEquivariance:
    """The relative error ‖f(Tx) − T f(x)‖ / ‖f(x)‖ of one layer; both norms are over the cells compared.

    Attributes
    ----------
    layer : str
    grid : MapGrid or None
        None where it cannot be measured; ``reason`` says why.
    error : array (images, transforms)
        NaN where it is not measured yet, where f(x) is zero, or where no cell is left to compare.
    nearest : array (images, transforms)
        With T f(x) taken from the nearest whole cell rather than from between cells.
    floor : array (transforms,)
        What interpolation alone costs: ‖T⁻¹T f(x) − f(x)‖ / ‖f(x)‖, mean over images. Of a shift only the part that
        is no whole cell is taken there and back, since whole cells are copied. Two interpolations cost at least as
        much as the one in ``error`` and at most about twice as much, for any map and without believing another
        interpolation; so an error under the floor cannot be told from that of the interpolation.
    chance : float
        The error between unrelated images, ‖f(a) − f(b)‖ / ‖f(a)‖: mean over pairs, NaN without any.
    chance_spread : float
        Standard deviation of that.
    compared : array (transforms,)
        Share of the cells that are compared.
    notes : tuple of str
        What was assumed or left out, in words.
    reason : str
    """

    layer: str
    grid: MapGrid | None
    error: Floats
    nearest: Floats
    floor: Floats
    chance: float
    chance_spread: float
    compared: Floats
    notes: tuple[str, ...] = ()
    reason: str = ""

    @cached_property
    def mean(self) -> Floats:
        """Mean over the images, (transforms,)."""
        return nan_mean(self.error)

    @cached_property
    def spread(self) -> Floats:
        """Standard deviation over the images, (transforms,); 0 for a single one."""
        centred = np.where(np.isnan(self.error), np.nan, self.error - self.mean)
        return np.asarray(np.sqrt(nan_mean(centred**2)))

    @cached_property
    def nearest_mean(self) -> Floats:
        return nan_mean(self.nearest)


@dataclass(frozen=True, eq=False)
class Equivariance:
    """The error of every layer under every transform; ``result["conv1"]`` is one layer.

    Attributes
    ----------
    transforms : tuple of Transform
    layers : tuple of LayerEquivariance
        In order of execution.
    images : int
        How many were asked for.
    compared : str
        Which cells: "all", "known" or "inside".
    chance_from : str
        In words, what the level of chance was measured between.
    done : float
        Share of the work that is done, 1 at the end.
    notes : tuple of str
    """

    transforms: tuple[Transform, ...]
    layers: tuple[LayerEquivariance, ...]
    images: int
    compared: Compared
    chance_from: str
    done: float = 1.0
    notes: tuple[str, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, LayerEquivariance]:
        return {each.layer: each for each in self.layers}

    def __getitem__(self, layer: str) -> LayerEquivariance:
        """Raises KeyError."""
        return self._by_name[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self.layers)


def nan_mean(values: Floats) -> Floats:
    """Mean over the first axis of what is no NaN; NaN where nothing is left."""
    there = ~np.isnan(values)
    counts = there.sum(0)
    sums = np.where(there, values, 0.0).sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def equivariance_curves(
    result: Equivariance, sweep: Sweep, layers: Sequence[str] | None = None, *, reference: bool | None = None
) -> Curves:
    """A plot of the error over the strengths of ``sweep``, with the spread over images as a band.

    Parameters
    ----------
    result : Equivariance
        Of ``sweep.transforms``.
    layers : names, optional
        All that were measured, by default.
    reference : bool, optional
        Whether floor, nearest whole cell and chance are drawn in; by default where there is one layer alone.
    """
    chosen = [result[name] for name in (layers if layers is not None else result)]
    chosen = [each for each in chosen if not each.reason]
    x = np.array(sweep.strengths)
    points = sweep.kind == "flip" or len(x) < 12
    found: list[Series] = [
        series(each.layer, x, each.mean, each.spread if result.images > 1 else None, points=points) for each in chosen
    ]
    marks: tuple[Mark, ...] = ()
    if reference if reference is not None else len(chosen) == 1:
        for each in chosen:
            prefix = f"{each.layer}, " if len(chosen) > 1 else ""
            found.append(series(f"{prefix}nearest whole cell", x, each.nearest_mean, reference=True))
            found.append(series(f"{prefix}interpolation alone (floor)", x, each.floor, reference=True))
            if math.isfinite(each.chance):
                marks += (Mark("y", each.chance, f"{prefix}unrelated images (chance)"),)
    label = "relative error ‖f(Tx) − T f(x)‖ / ‖f(x)‖"
    return Curves("Equivariance error", sweep.x_label, label, tuple(found), marks, x_names=sweep.x_names)
