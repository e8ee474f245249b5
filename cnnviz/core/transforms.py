"""Shifts, rotations, zooms and flips of images, and of the maps that layers make of images.

Positions are ``(row, column)`` in input pixels, pixel ``(i, j)`` having its centre at ``(i, j)``; what turns, zooms or
flips does so about the centre of the image, ``((H - 1) / 2, (W - 1) / 2)``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.interpolation import WHOLE, Border, Floats, Taps, back_in, cubic, planar_taps, snapped, trigonometric

Flip = Literal["none", "horizontal", "vertical"]
Between = Literal["fourier", "bicubic", "nearest"]
"""What values between the cells of a map are: of its trigonometric polynomial, of a cubic, of the nearest cell."""

BORDERS, FLIPS = get_args(Border), get_args(Flip)

Matrix = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Transform:
    """What is done to an image: flip, then zoom and rotation about its centre, then shift.

    Attributes
    ----------
    rows, columns : float
        Shift downwards and to the right, in input pixels.
    rotation : float
        In degrees, counter-clockwise.
    zoom : float
        Magnification, above 0.
    flip : str
        "horizontal" mirrors left and right, "vertical" top and bottom.
    border : str
        What comes in from outside.
    """

    rows: float = 0.0
    columns: float = 0.0
    rotation: float = 0.0
    zoom: float = 1.0
    flip: Flip = "none"
    border: Border = "wrap"

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.rows, self.columns, self.rotation, self.zoom))) or self.zoom <= 0:
            raise ValueError("A transform needs finite numbers, and a zoom above 0.")
        if self.border not in BORDERS:
            raise ValueError(f"There is no border “{self.border}”: choose one of {', '.join(BORDERS)}.")
        if self.flip not in FLIPS:
            raise ValueError(f"There is no flip “{self.flip}”: choose one of {', '.join(FLIPS)}.")

    @property
    def is_shift(self) -> bool:
        """Whether it does no more than to move."""
        return self.rotation % 360 == 0 and self.zoom == 1 and self.flip == "none"

    @property
    def is_identity(self) -> bool:
        return self.is_shift and self.rows == self.columns == 0

    @property
    def motion(self) -> "Motion":
        """Where each position of the moved image lies in the image."""
        # Exact at quarter turns, where the cosine of a rounded angle would not be.
        quarter = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}
        angle = math.radians(self.rotation)
        cosine, sine = quarter.get(self.rotation % 360) or (math.cos(angle), math.sin(angle))
        rows = (-1 if self.flip == "vertical" else 1) / self.zoom
        columns = (-1 if self.flip == "horizontal" else 1) / self.zoom
        return Motion(((rows * cosine, rows * sine), (-columns * sine, columns * cosine)), (self.rows, self.columns))


@dataclass(frozen=True, slots=True)
class Motion:
    """The map from moved to unmoved positions: ``matrix @ (position - shift)``, both counted from the centre."""

    matrix: Matrix
    shift: tuple[float, float]

    @property
    def inverse(self) -> "Motion":
        (a, b), (c, d) = self.matrix
        determinant = a * d - b * c
        y, x = self.shift
        back = ((d / determinant, -b / determinant), (-c / determinant, a / determinant))
        return Motion(back, (-(a * y + b * x), -(c * y + d * x)))


@dataclass(frozen=True, slots=True)
class MapGrid:
    """Where the cells of a map lie on the image.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the map.
    stride : (float, float)
        Input pixels from cell to cell: the effective stride. An axis of one cell stays as it is, whatever moves.
    centre : (float, float)
        Position of the cell (0, 0): the middle of its receptive field.
    image : (int, int)
        Rows and columns of the image.
    """

    shape: tuple[int, int]
    stride: tuple[float, float]
    centre: tuple[float, float]
    image: tuple[int, int]

    def period(self, axis: int) -> float:
        """Cells after which a wrapped image repeats itself, whether the map has as many or not."""
        return self.image[axis] / self.stride[axis] if self.shape[axis] > 1 else 1.0

    def closes(self, axis: int) -> bool:
        """Whether the map of a wrapped image is itself wrapped: its cells are as many as its period."""
        return abs(self.period(axis) - self.shape[axis]) < WHOLE

    def sources(self, motion: Motion) -> tuple[Floats, Floats]:
        """Row and column, in cells, that each cell of the moved map is taken from; both of the map's shape."""
        middle = [(length - 1) / 2 for length in self.image]
        y, x = (
            (self.centre[axis] + np.arange(self.shape[axis]) * self.stride[axis] - middle[axis] - motion.shift[axis])
            for axis in (0, 1)
        )
        found = []
        for axis, (by_row, by_column) in enumerate(motion.matrix):
            position = by_row * y[:, None] + by_column * x[None, :] + middle[axis]
            if self.shape[axis] > 1:
                found.append(snapped((position - self.centre[axis]) / self.stride[axis]))
            else:
                found.append(np.zeros(self.shape))
        return found[0], found[1]


def image_grid(height: int, width: int) -> MapGrid:
    """The image itself as a map: a cell for each pixel."""
    return MapGrid((height, width), (1.0, 1.0), (0.0, 0.0), (height, width))


def move_images(images: Tensor, transform: Transform, black: float | Sequence[float] = 0.0) -> Tensor:
    """T x: the moved images, of the same shape.

    Whole pixels are copied, quarter turns of squares and flips too. Between pixels, a wrapped shift follows the
    image's trigonometric polynomial (an even number of pixels leaves the phase of the highest frequency open; it is
    taken to be that of the real cosine); all else is the cubic convolution of Keys (1981) with a = -1/2, which is exact
    for images that are quadratic in the position. Zooming out does not blur, so that aliasing stays what it is.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    black : float, or one for each channel
        What "zeros" fills in: for images that were normalised, the value that black has then.
    """
    grid = image_grid(images.shape[2], images.shape[3])
    return sample(images, sampling(grid, transform), border_fill(images, transform.border, black))


def move_map(
    maps: Tensor, grid: MapGrid, transform: Transform, between: Between = "fourier", *, open_ended: bool = False
) -> Tensor:
    """T f(x): a layer's maps (N, C, h, w), moved as the image was, through the effective stride and centres.

    Between cells as in :func:`move_images`, with the trigonometric polynomial only where the map of a wrapped image is
    wrapped too (``grid.closes``). With ``open_ended``, cells from outside the map are not filled by the rule of the
    border but hold no meaning; :func:`known_cells` tells which.

    Parameters
    ----------
    maps : Tensor (N, C, h, w)
    grid : MapGrid
        Where their cells lie in the image.
    between : str
        What a value between cells is: "fourier", "bicubic", or "nearest", that of the nearest cell.
    """
    border = "edge" if open_ended else transform.border
    return sample(maps, sampling(grid, transform, between, open_ended=open_ended), border_fill(maps, border, 0.0))


def known_cells(grid: MapGrid, transform: Transform) -> NDArray[np.bool_]:
    """Cells of the moved map that are taken from within the map; (h, w).

    Of a wrapped image also those that come back in from the opposite side, as far as the map reaches there.
    """
    return sampling(grid, transform, open_ended=True).known


@dataclass(frozen=True, eq=False)
class Sampling:
    """How the cells of a moved map are made from the cells of the map.

    Attributes
    ----------
    rows, columns : array (h, h) and (w, w), or None
        Weights, where rows are made from rows and columns from columns.
    taps : list of (array of int (h, w), array (h, w))
        Else: places in the flat map, and their weights.
    known : array of bool (h, w)
        Which cells are taken from within the map.
    """

    rows: Floats | None
    columns: Floats | None
    taps: Taps
    known: NDArray[np.bool_]

    def touches(self, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cells of the moved map with a share, however small, of any of ``cells``; all are (h, w)."""
        if self.rows is not None and self.columns is not None:
            counts = (self.rows != 0).astype(float) @ cells @ (self.columns != 0).T.astype(float)
            return np.asarray(counts > 0)
        flat = cells.ravel()
        return np.asarray(np.any([flat[places] & (weights != 0) for places, weights in self.taps], axis=0))


def sampling(
    grid: MapGrid, transform: Transform, between: Between = "fourier", *, back: bool = False, open_ended: bool = False
) -> Sampling:
    """How T makes a map from a map; with ``back`` its inverse. ``open_ended`` as in :func:`move_map`."""
    return _sampling(grid, transform, between, back, open_ended)


@lru_cache(maxsize=64)
def _sampling(grid: MapGrid, transform: Transform, between: Between, back: bool, open_ended: bool) -> Sampling:
    motion = transform.motion.inverse if back else transform.motion
    positions = grid.sources(motion)
    known = np.ones(grid.shape, bool)
    borders: list[Border] = []
    for axis, position in enumerate(positions):
        border = transform.border
        if border == "wrap" and open_ended and not grid.closes(axis):
            position[:] = snapped(back_in(position, grid.shape[axis], grid.period(axis)))
        if open_ended and not (border == "wrap" and grid.closes(axis)):
            known &= (position >= 0) & (position <= grid.shape[axis] - 1)
            border = "edge"
        if between == "nearest":
            position[:] = np.floor(position + 0.5)
        borders.append(border)
    (_, across), (along, _) = motion.matrix
    if across or along:
        return Sampling(None, None, planar_taps(positions, grid.shape, borders), known)
    matrices = []
    for axis, position in enumerate((positions[0][:, 0], positions[1][0])):
        rigid = abs(motion.matrix[axis][axis]) == 1
        smooth = between == "fourier" and rigid and transform.border == "wrap" and grid.closes(axis)
        length = grid.shape[axis]
        matrices.append(trigonometric(position, length) if smooth else cubic(position, length, borders[axis]))
    return Sampling(matrices[0], matrices[1], (), known)


def sample(maps: Tensor, how: Sampling, fill: Tensor | None = None) -> Tensor:
    """The moved maps (N, C, h, w); what ``how`` takes from outside is ``fill`` (N or 1, C, 1, 1), 0 without it."""
    if how.rows is not None and how.columns is not None:
        moved = _along(maps, how.rows, 2, fill)
        return _along(moved, how.columns, 3, fill)
    flat = maps.flatten(2)
    shape = maps.shape[2:]
    moved = torch.zeros_like(maps)
    total = np.zeros(tuple(shape))
    for places, weights in how.taps:
        moved += flat[:, :, torch.from_numpy(places).to(maps.device)] * _tensor(weights, maps)
        total += weights
    if fill is not None and (total != 1).any():
        moved += fill * _tensor(1 - total, maps)
    return moved


def _along(maps: Tensor, weights: Floats, axis: int, fill: Tensor | None) -> Tensor:
    """``weights`` (n, n) along one axis; exact copies where each new cell is one old cell, or none."""
    if np.array_equal(weights, np.eye(len(weights))):
        return maps
    outside = 1 - weights.sum(1)
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    if ((weights == 0) | (weights == 1)).all():
        moved = maps.index_select(axis, torch.from_numpy(weights.argmax(1)).to(maps.device))
        if (outside == 0).all():
            return moved
        gone = torch.from_numpy(outside > 0.5).to(maps.device).view(shape)
        return torch.where(gone, torch.zeros((), dtype=maps.dtype) if fill is None else fill, moved)
    matrix = _tensor(weights, maps)
    moved = maps @ matrix.T if axis == 3 else matrix @ maps
    if fill is None or (np.abs(outside) < 1e-12).all():
        return moved
    return moved + fill * _tensor(outside, maps).view(shape)


def border_fill(maps: Tensor, border: Border, black: float | Sequence[float] = 0.0) -> Tensor | None:
    """What comes in from outside, (N or 1, C, 1, 1); None where that is part of the maps.

    Raises
    ------
    ValueError
        ``black`` has neither one value nor one for each channel.
    """
    if border == "mean":
        return maps.mean((2, 3), keepdim=True)
    if border != "zeros":
        return None
    values = torch.as_tensor(black, dtype=maps.dtype, device=maps.device).reshape(1, -1, 1, 1)
    if values.shape[1] not in (1, maps.shape[1]):
        raise ValueError(f"Black has {values.shape[1]} values, but the images have {maps.shape[1]} channels.")
    return values.expand(1, maps.shape[1], 1, 1)


def _tensor(weights: Floats, like: Tensor) -> Tensor:
    return torch.from_numpy(weights).to(like)
