"""Drawings as strokes, and the one rasteriser that turns them into pixels.

Positions are ``(row, column)`` on a continuous canvas: pixel ``(i, j)`` covers ``[i, i + 1) × [j, j + 1)``, so that its
centre is ``(i + 0.5, j + 0.5)``.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, TypeAdapter

from cnnviz.data.colour import Pixels, grey_level
from cnnviz.data.frozen import Frozen

Coordinate = Annotated[float, Field(ge=-1e5, le=1e5)]
Point = tuple[Coordinate, Coordinate]
Share = Annotated[float, Field(ge=0, le=1)]

FILL_TOLERANCE = 0.25  # wide enough to run into the soft rim of a brush, and so to leave no seam of background

_POINT: TypeAdapter[tuple[float, float]] = TypeAdapter(Point)


class Stroke(Frozen):
    """What the pen left between pressing and releasing it."""

    tool: Literal["brush", "eraser", "fill"] = "brush"
    colour: tuple[Share, Share, Share] = (1.0, 1.0, 1.0)
    diameter: float = Field(2.2, gt=0, le=4096, description="Width of the line, in pixels of the drawing's canvas")
    points: tuple[Point, ...] = Field(min_length=1, description="(row, column); may lie outside the canvas")

    def extended(self, row: float, column: float) -> Stroke:
        """The stroke with one more point; only that point is validated."""
        return self.model_copy(update={"points": (*self.points, _POINT.validate_python((row, column)))})


class Drawing(Frozen):
    """Strokes in the order they were drawn, and the size of the canvas that their coordinates refer to."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    strokes: tuple[Stroke, ...] = ()

    def begun(self, stroke: Stroke) -> Drawing:
        """The drawing with a further stroke."""
        return self.model_copy(update={"strokes": (*self.strokes, stroke)})

    def extended(self, row: float, column: float) -> Drawing:
        """The drawing with its last stroke going on to a further point."""
        return self.model_copy(update={"strokes": (*self.strokes[:-1], self.strokes[-1].extended(row, column))})


class Rasteriser:
    """Renders drawings; keeps the last one, so that a stroke that grows costs only its new segments.

    The brush is round and anti-aliased: a pixel whose centre lies at distance ``d`` from the polyline is covered by
    ``clip(radius + 0.5 − d, 0, 1)``; a line thinner than a pixel is one pixel wide and as much fainter. Within a stroke
    coverage is the maximum over its segments, so that joints and crossings leave no seam.
    """

    # Pictures below so many of the last strokes are kept for undo; what lies further back is drawn anew.
    _SNAPSHOTS = 16

    def __init__(self) -> None:
        self._base: Pixels = np.empty((0, 0, 0), np.float32)
        self._canvas = (0, 0)
        self._strokes: tuple[Stroke, ...] = ()
        self._result: Pixels = self._base

    def render(self, base: Pixels, drawing: Drawing) -> Pixels:
        """``base`` with ``drawing`` on it.

        Parameters
        ----------
        base : array, float32, (C, H, W)
            The picture below, which the eraser brings back; known again by identity, so never change it in place.
            With 3 channels strokes have their colour, else its luminance in each channel.
        drawing : Drawing
            Where its canvas has another size than ``base``, coordinates are scaled along each axis and the brush, which
            stays round, by the geometric mean of both.

        Returns
        -------
        array, float32, (C, H, W)
            Never changed afterwards, and to be left unchanged: an equal drawing is answered with the same array.
        """
        if base is not self._base or (drawing.height, drawing.width) != self._canvas:
            self._restart(base, drawing)
        elif drawing.strokes == self._strokes:
            return self._result
        if self._is_longer_last_stroke(drawing.strokes):
            self._draw(drawing.strokes[-1], first=len(self._strokes[-1].points))
        else:
            shared = _shared_prefix(self._strokes, drawing.strokes)
            for stroke in drawing.strokes[self._rewind(shared) :]:
                self._begin(stroke)
        self._strokes = drawing.strokes
        self._result = self._picture.copy()
        return self._result

    def _restart(self, base: Pixels, drawing: Drawing) -> None:
        if base.ndim != 3 or 0 in base.shape:
            raise ValueError(f"A drawing is laid on an image of shape (C, H, W), not on one of shape {base.shape}.")
        _, height, width = base.shape
        self._base = base
        self._canvas = (drawing.height, drawing.width)
        self._scale = (height / drawing.height, width / drawing.width)
        self._rows = np.arange(height, dtype=np.float32)[:, np.newaxis] + np.float32(0.5)
        self._columns = np.arange(width, dtype=np.float32) + np.float32(0.5)
        self._strokes = ()
        self._picture = base.astype(np.float32)
        self._snapshots: list[Pixels] = []  # the last of them lies below the last stroke

    def _is_longer_last_stroke(self, strokes: tuple[Stroke, ...]) -> bool:
        if not self._strokes or len(strokes) != len(self._strokes) or strokes[:-1] != self._strokes[:-1]:
            return False
        old, new = self._strokes[-1], strokes[-1]
        return (
            new.points[: len(old.points)] == old.points
            and new.tool == old.tool
            and new.colour == old.colour
            and new.diameter == old.diameter
        )

    def _rewind(self, count: int) -> int:
        """Go back to the picture of at most ``count`` strokes; returns of how many."""
        drawn = len(self._strokes)
        while drawn > count and self._snapshots:
            self._picture = self._snapshots.pop()
            drawn -= 1
        if drawn > count:
            self._picture = self._base.astype(np.float32)
            drawn = 0
        return drawn

    def _begin(self, stroke: Stroke) -> None:
        self._snapshots.append(self._picture)
        del self._snapshots[: -self._SNAPSHOTS]
        self._picture = self._picture.copy()
        self._coverage = np.zeros(self._picture.shape[1:], np.float32)
        if stroke.tool == "fill":
            self._fill(stroke)
        else:
            self._draw(stroke, first=0)

    def _ink(self, stroke: Stroke) -> Pixels:
        channels = self._picture.shape[0]
        levels = stroke.colour if channels == 3 else (grey_level(stroke.colour),) * channels
        return np.array(levels, np.float32).reshape(channels, 1, 1)

    def _draw(self, stroke: Stroke, first: int) -> None:
        """Add the points of the last stroke from number ``first`` on."""
        if stroke.tool == "fill":
            return  # a pen that moves on after filling adds nothing
        height, width = self._picture.shape[1:]
        row_scale, column_scale = self._scale
        diameter = stroke.diameter * math.sqrt(row_scale * column_scale)
        reach = max(diameter, 1.0) / 2 + 0.5
        top, bottom, left, right = height, 0, width, 0
        before = stroke.points[max(first - 1, 0)]
        row, column = before[0] * row_scale, before[1] * column_scale
        for point in stroke.points[first:]:
            next_row, next_column = point[0] * row_scale, point[1] * column_scale
            r0 = max(math.floor(min(row, next_row) - reach), 0)
            r1 = min(math.ceil(max(row, next_row) + reach), height)
            c0 = max(math.floor(min(column, next_column) - reach), 0)
            c1 = min(math.ceil(max(column, next_column) + reach), width)
            if r0 < r1 and c0 < c1:
                covered = self._coverage[r0:r1, c0:c1]
                segment = _segment_coverage(
                    self._rows[r0:r1] - row, self._columns[c0:c1] - column, next_row - row, next_column - column, reach
                )
                np.maximum(covered, segment, out=covered)
                top, bottom, left, right = min(top, r0), max(bottom, r1), min(left, c0), max(right, c1)
            row, column = next_row, next_column
        if top < bottom and left < right:
            block = np.s_[:, top:bottom, left:right]
            coverage = self._coverage[block[1:]]
            if diameter < 1:
                coverage = coverage * np.float32(diameter)
            ink = self._base[block] if stroke.tool == "eraser" else self._ink(stroke)
            # In this form full coverage gives the ink and none the picture below, both to the last bit.
            self._picture[block] = self._snapshots[-1][block] * (1 - coverage) + ink * coverage

    def _fill(self, stroke: Stroke) -> None:
        row, column = (math.floor(x * scale) for x, scale in zip(stroke.points[0], self._scale, strict=True))
        height, width = self._picture.shape[1:]
        if not (0 <= row < height and 0 <= column < width):
            return
        from scipy import ndimage

        seed = self._picture[:, row, column].reshape(-1, 1, 1)
        alike = np.abs(self._picture - seed).max(axis=0) <= FILL_TOLERANCE
        regions, _ = ndimage.label(alike)
        np.copyto(self._picture, self._ink(stroke), where=regions == regions[row, column])


def _shared_prefix(old: tuple[Stroke, ...], new: tuple[Stroke, ...]) -> int:
    for index, (a, b) in enumerate(zip(old, new, strict=False)):
        if a is not b and a != b:
            return index
    return min(len(old), len(new))


def _segment_coverage(rows: Pixels, columns: Pixels, delta_row: float, delta_column: float, reach: float) -> Pixels:
    """Coverage of the pixels at ``rows`` (h, 1) and ``columns`` (w,), measured from where the segment starts."""
    length_squared = delta_row * delta_row + delta_column * delta_column
    if length_squared > 1e-12:
        along: Pixels = rows * (delta_row / length_squared) + columns * (delta_column / length_squared)
        np.maximum(along, 0, out=along)
        np.minimum(along, 1, out=along)
        rows = rows - along * delta_row
        columns = columns - along * delta_column
    distance: Pixels = rows * rows + columns * columns
    np.sqrt(distance, out=distance)
    np.subtract(reach, distance, out=distance)
    np.maximum(distance, 0, out=distance)
    return np.minimum(distance, 1, out=distance)
