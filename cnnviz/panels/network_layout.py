"""Where the network diagram puts its columns, thumbnails and edges: plain arithmetic, in pixels of the widget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

HEADER = 76
"""Height of a column's four lines of text and the fold mark."""
MARGIN = 6
LARGEST_THUMBNAIL = 56
SMALLEST_THUMBNAIL = 12
FILLED = 0.84
"""Share of a row that its map takes; the rest is the gap to the next."""
SMALLEST_OF_MANY = 13
"""Side, at font scale 1, below which a column shows fewer maps rather than smaller ones."""
SKIP_LANE = 14
"""Height kept free below the thumbnails for edges that pass by other columns."""


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def holds(self, x: float, y: float) -> bool:
        return self.x <= x < self.right and self.y <= y < self.y + self.height


@dataclass(frozen=True)
class ColumnShape:
    """What the layout needs to know of a column: its tiles, their proportion, and how they are shown."""

    tiles: int
    tile_height: int = 1
    tile_width: int = 1
    kind: str = "maps"  # "image", "maps", "strip" (a vector's cells) or "bars" (class probabilities)
    text_width: float = 72


@dataclass(frozen=True)
class ColumnLayout:
    """One column: the frame of the whole, and a box for each tile (one for all of a strip)."""

    frame: Box
    tiles: tuple[Box, ...]
    kind: str


@dataclass(frozen=True)
class DiagramLayout:
    columns: tuple[ColumnLayout, ...]
    width: float
    height: float

    def shifted(self, dx: float, dy: float) -> DiagramLayout:
        columns = tuple(
            replace(
                column,
                frame=_shifted(column.frame, dx, dy),
                tiles=tuple(_shifted(tile, dx, dy) for tile in column.tiles),
            )
            for column in self.columns
        )
        return replace(self, columns=columns)

    def column_at(self, x: float, y: float) -> int | None:
        return next((i for i, column in enumerate(self.columns) if column.frame.holds(x, y)), None)

    def tile_at(self, x: float, y: float) -> tuple[int, int, float, float] | None:
        """Column, tile, and the position inside the tile as fractions (down, across)."""
        column = self.column_at(x, y)
        if column is None:
            return None
        for index, box in enumerate(self.columns[column].tiles):
            if box.holds(x, y):
                return column, index, (y - box.y) / box.height, (x - box.x) / box.width
        return None


def _shifted(box: Box, dx: float, dy: float) -> Box:
    return replace(box, x=box.x + dx, y=box.y + dy)


def rows_that_fit(height: float, zoom: float, scale: float) -> int:
    """Maps that a column of this height has room for, one below the other; at least two."""
    side = max(SMALLEST_OF_MANY * scale, SMALLEST_THUMBNAIL)
    return max(int(_room(height, zoom, scale) * FILLED / side), 2)


def _room(height: float, zoom: float, scale: float) -> float:
    """Height of all maps of a column together."""
    return max(height - HEADER * scale - MARGIN - SKIP_LANE, SMALLEST_THUMBNAIL) * zoom


def lay_out(shapes: Sequence[ColumnShape], width: float, height: float, zoom: float, scale: float) -> DiagramLayout:
    """Columns side by side, their tiles stacked and centred on one line.

    At ``zoom`` 1 the tallest column fits ``height``; columns are as wide as their words and share what is left of
    ``width``. A network that is longer than that is moved, not squeezed. ``scale`` is that of the fonts.
    """
    header = HEADER * scale
    room = _room(height, zoom, scale)
    most = max((shape.tiles for shape in shapes if shape.kind == "maps"), default=1)
    side = min(max(room / max(most, 1) * FILLED, SMALLEST_THUMBNAIL), LARGEST_THUMBNAIL * zoom * scale)
    content = max(room, most * side / FILLED)
    widths = _column_widths(shapes, width - 2 * MARGIN, side, zoom, scale)
    columns = []
    x = float(MARGIN)
    for shape, wide in zip(shapes, widths, strict=True):
        frame = Box(x, 0, wide, header + content + MARGIN)
        columns.append(ColumnLayout(frame, tuple(_tiles(shape, frame, header, content, side, scale)), shape.kind))
        x += wide
    return DiagramLayout(tuple(columns), x + MARGIN, header + content + MARGIN + SKIP_LANE)


def _column_widths(shapes: Sequence[ColumnShape], room: float, side: float, zoom: float, scale: float) -> list[float]:
    natural = [
        max(shape.text_width + 7, side * 1.5, {"image": 62, "bars": 88}.get(shape.kind, 36) * scale) for shape in shapes
    ]
    total = sum(natural) or 1.0
    # what is left goes to all alike, but a short network is not torn apart
    spare = min(max(room - total, 0) / max(len(shapes), 1), 64 * scale)
    return [(wide + spare) * zoom for wide in natural]


def _tiles(shape: ColumnShape, frame: Box, header: float, content: float, side: float, scale: float) -> Iterator[Box]:
    centre = frame.x + frame.width / 2
    if shape.kind == "image":
        large = min(frame.width * 0.62, content, LARGEST_THUMBNAIL * 1.2 * scale)
        yield Box(centre - large / 2, header + (content - large) / 2, large, large)
    elif shape.kind == "strip":
        tall = min(content, max(shape.tiles * 4.0, 24))
        yield Box(centre - 8 * scale, header + (content - tall) / 2, 16 * scale, tall)
    elif shape.kind == "bars":
        row = min(content / max(shape.tiles, 1), 22 * scale)
        top = header + (content - row * shape.tiles) / 2
        for index in range(shape.tiles):
            yield Box(frame.x + 6, top + index * row, frame.width - 12, row)
    else:
        longest = max(shape.tile_height, shape.tile_width)
        tile_height, tile_width = side * shape.tile_height / longest, side * shape.tile_width / longest
        row = side / FILLED
        top = header + (content - row * shape.tiles) / 2
        for index in range(shape.tiles):
            y = top + index * row + (row - tile_height) / 2
            yield Box(centre - tile_width / 2, y, tile_width, tile_height)
