"""Where the tiles of a mosaic go in an area: arithmetic only, in device pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TileLayout:
    """A grid of equal tiles, filled row by row from the left top.

    ``scale`` is device pixels per map pixel: a whole number from four up, below one only for a tile larger than the
    area.
    """

    count: int
    columns: int
    tile_shape: tuple[int, int]
    scale: float
    gap: int
    margin: int

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def drawn_shape(self) -> tuple[float, float]:
        """Height and width of a tile on screen."""
        return self.tile_shape[0] * self.scale, self.tile_shape[1] * self.scale

    @property
    def size(self) -> tuple[float, float]:
        """Height and width of the whole grid with its margin."""
        height, width = self.drawn_shape
        return (
            self.rows * (height + self.gap) - self.gap + 2 * self.margin,
            self.columns * (width + self.gap) - self.gap + 2 * self.margin,
        )

    def corner(self, tile: int) -> tuple[float, float]:
        """Left and top of a tile."""
        row, column = divmod(tile, self.columns)
        height, width = self.drawn_shape
        return self.margin + column * (width + self.gap), self.margin + row * (height + self.gap)

    def at(self, x: float, y: float) -> tuple[int, int, int] | None:
        """Tile and (row, column) in it under a point; ``None`` between the tiles and outside."""
        height, width = self.drawn_shape
        x, y = x - self.margin, y - self.margin
        if x < 0 or y < 0:
            return None
        column, row = int(x // (width + self.gap)), int(y // (height + self.gap))
        x, y = x - column * (width + self.gap), y - row * (height + self.gap)
        tile = row * self.columns + column
        if x >= width or y >= height or column >= self.columns or tile >= self.count:
            return None
        return tile, int(y / self.scale), int(x / self.scale)

    def tiles_between(self, top: float, bottom: float) -> range:
        """The tiles of the rows that meet a horizontal band."""
        pitch = self.drawn_shape[0] + self.gap
        first = max(0, int((top - self.margin) // pitch))
        last = max(0, int((bottom - self.margin) // pitch) + 1)
        return range(min(first * self.columns, self.count), min(last * self.columns, self.count))


def fit_tiles(
    count: int,
    tile_shape: tuple[int, int],
    area: tuple[int, int],
    *,
    gap: int = 4,
    margin: int = 0,
    columns: int | None = None,
) -> TileLayout:
    """The layout with the largest scale at which ``count`` tiles fit ``area`` (height, width).

    The scale is a whole number, so that all map pixels are equally large. Only below four, where whole numbers are far
    apart and half the area could stay empty, a tile may be any whole number of pixels wide; no map pixel is ever lost.
    The columns are then as few as the rows allow, so that the last row is nearly full; ``columns`` prescribes them.
    Where not even one device pixel per map pixel fits, the grid is as wide as the area and longer than it (the view
    scrolls); a single tile, and a single row that is prescribed, are made smaller instead. Small tiles stand closer
    together.
    """
    height, width = (max(1, side - 2 * margin) for side in area)
    tile_height, tile_width = tile_shape

    def at_scale(scale: float) -> TileLayout:
        drawn = min(tile_height, tile_width) * scale
        between = gap if drawn >= 6 * gap else max(1, gap // 2) if drawn >= 2 * gap else max(1, gap // 4)
        most = max(1, int((width + between) // (tile_width * scale + between)))
        across = columns or min(count, most)
        if columns is None:
            across = -(-count // -(-count // across))
        return TileLayout(count, across, tile_shape, scale, between, margin)

    def fits(layout: TileLayout) -> bool:
        return layout.size[0] <= height + 2 * margin and layout.size[1] <= width + 2 * margin

    low, high = 1, max(1, min(width // tile_width, height // tile_height))
    if not fits(at_scale(1)):
        narrow = columns or 1
        if narrow >= count:
            room = max((width - (count - 1) * gap) / count, 1)
            return at_scale(min(room / tile_width, height / tile_height))
        room = (width - (narrow - 1) * max(1, gap // 4)) / narrow
        return at_scale(min(1.0, max(room, 1) / tile_width))
    whole = _largest(low, high, lambda scale: fits(at_scale(scale)))
    if whole >= 4:
        return at_scale(whole)
    narrowest = whole * tile_width
    drawn = _largest(narrowest, narrowest + tile_width - 1, lambda wide: fits(at_scale(wide / tile_width)))
    return at_scale(drawn / tile_width if drawn >= WORTH_UNEVEN * narrowest else whole)


WORTH_UNEVEN = 1.15
"""Gain in size from which map pixels may differ by one device pixel."""


def _largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest number that fits, where ``low`` does and what fits at a size fits at every smaller one."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
