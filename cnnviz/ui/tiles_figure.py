"""Rows of tiles as a figure that is saved: maps, filters, the levels of a pyramid."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

import numpy as np
from PyQt6.QtCore import QRectF, QSizeF, Qt
from PyQt6.QtGui import QFontMetrics, QPainter

from cnnviz.ui.numbers import format_number
from cnnviz.ui.pixels import words_image
from cnnviz.ui.theme import TableKind, theme

if TYPE_CHECKING:
    from cnnviz.core.mosaic import Mosaic

LAST_VALUE = 252
"""Table indices above this are not values: NaN, infinite, gaps."""


@dataclass(frozen=True, eq=False)
class TileRow:
    """Tiles side by side under a caption, with words below each.

    Attributes
    ----------
    labels : tuple of str
        Of one line or more.
    numbers : array (count, h, w) or None
        The values themselves, where they are at hand.
    ends : str
        The ends of the scale in words, where they are not those of the mosaic.
    sizes : tuple of (rows, columns)
        How much of each tile, from its corner, is filled; empty where all are.
    """

    caption: str
    mosaic: Mosaic
    kind: TableKind
    labels: tuple[str, ...] = ()
    numbers: np.ndarray | None = None
    ends: str = ""
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def label_lines(self) -> int:
        return max((label.count("\n") + 1 for label in self.labels), default=0)

    @property
    def column_widths(self) -> tuple[int, ...]:
        """Of the tiles in each column, in pixels of the maps."""
        width, columns = self.mosaic.tile_shape[1], min(self.mosaic.columns, self.mosaic.count)
        sizes = self.sizes or ((0, width),) * self.mosaic.count
        return tuple(max(across for _, across in sizes[column::columns]) for column in range(columns))

    @property
    def scale(self) -> str:
        """The ends of the common scale, if there is one."""
        if self.ends:
            return self.ends
        ranges = {self.mosaic.range_of(tile) for tile in range(self.mosaic.count)}
        if len(ranges) != 1:
            return "each in its own scale"
        low, high = next(iter(ranges))
        return f"{format_number(low)} … {format_number(high)}"

    def values(self, tile: int) -> np.ndarray:
        """The values of a tile, NaN where it has none; without ``numbers`` in the 252 steps that are shown."""
        if self.numbers is not None:
            numbers: np.ndarray = self.numbers[tile]
            return numbers
        top, left, rows, columns = self.mosaic.tile_rect(tile)
        shown = self.mosaic.indices[top : top + rows, left : left + columns]
        low, high = self.mosaic.range_of(tile)
        return np.where(shown > LAST_VALUE, np.nan, low + shown * ((high - low) / LAST_VALUE))


@dataclass(frozen=True, eq=False)
class TilesFigure:
    """Rows one below the other, each as high as fits, with the ends of its scale."""

    title: str
    rows: tuple[TileRow, ...]

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        inside = box.adjusted(*(hub.px(12) * side for side in (1, 1, -1, -1)))
        _write(painter, inside, self.title, "title", "text")
        high = (inside.height() - hub.px(26)) / max(len(self.rows), 1)
        for number, row in enumerate(self.rows):
            top = inside.top() + hub.px(26) + number * high
            paint_tile_row(painter, QRectF(inside.left(), top, inside.width(), high - hub.px(8)), row)

    def csv(self) -> str:
        """Each tile under its row's caption and its own words, row by row."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        for row in self.rows:
            for tile in range(row.mosaic.count):
                label = row.labels[tile] if tile < len(row.labels) else str(tile)
                writer.writerow([row.caption, label.replace("\n", ": ")])
                writer.writerows(_cells(row.values(tile)))
        return out.getvalue()


CAPTION, LABEL_LINE, GAP = 18, 14, 4
"""Heights of a caption and of a line below a tile, and the space between tiles, at scale 1."""


def tile_scale(row: TileRow, size: QSizeF, *, whole: bool = False) -> float:
    """Pixels for a pixel of the maps, as many as fit ``size`` beside the words; ``whole`` ones where there is one."""
    hub, widths = theme(), row.column_widths
    if not widths:
        return 0.0
    lines, least = -(-row.mosaic.count // len(widths)), _label_widths(row, size.width())
    room = size.width() - (len(widths) - 1) * hub.px(GAP)
    high = size.height() - hub.px(CAPTION) - row.label_lines * hub.px(LABEL_LINE) - (lines - 1) * hub.px(GAP)
    low, top = 0.0, max(high / (row.mosaic.tile_shape[0] * lines), 0.0)
    for _ in range(24):
        scale = (low + top) / 2
        fits = sum(max(width * scale, word) for width, word in zip_longest(widths, least, fillvalue=0)) <= room
        low, top = (scale, top) if fits else (low, scale)
    nearest = round(low)
    found = float(nearest) if abs(low - nearest) < 1e-3 else low
    return float(int(found)) if whole and found > 1 else found


def _label_widths(row: TileRow, width: float) -> list[int]:
    """What the words below the tiles ask for; all together no more than there is."""
    metrics, columns = QFontMetrics(theme().font("tiny")), len(row.column_widths)
    most = int(width / columns) - theme().px(GAP)
    wanted = [max(map(metrics.horizontalAdvance, label.split("\n"))) for label in row.labels[:columns]]
    return [min(each + theme().px(2), most) for each in wanted]


def paint_tile_row(painter: QPainter, room: QRectF, row: TileRow, *, whole: bool = False) -> None:
    """The caption with the ends of the scale, and the tiles with their words below; ``whole`` pixels on a screen."""
    hub, mosaic, gap = theme(), row.mosaic, theme().px(GAP)
    _write(painter, room, row.caption if row.kind == "photo" else f"{row.caption}   {row.scale}", "small", "text")
    scale = tile_scale(row, room.size(), whole=whole)
    if scale <= 0:
        return
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=scale < 1)
    height, columns, left = mosaic.tile_shape[0], len(row.column_widths), room.left()
    bottom = room.top() + hub.px(CAPTION) + -(-mosaic.count // columns) * (height * scale + gap) - gap
    slots = zip_longest(row.column_widths, _label_widths(row, room.width()), fillvalue=0)
    for column, (across, slot) in enumerate(slots):
        for tile in range(column, mosaic.count, columns):
            down, wide = (height, across) if not row.sizes else row.sizes[tile]
            y, x, _, _ = mosaic.tile_rect(tile)
            pixels = np.ascontiguousarray(mosaic.indices[y : y + down, x : x + wide])
            top = room.top() + hub.px(CAPTION) + tile // columns * (height * scale + gap)
            place = QRectF(left, top, wide * scale, down * scale)
            painter.drawImage(place, words_image(hub.table(row.kind)[pixels]))
        taken = max(across * scale, slot)
        if column < len(row.labels):
            _label(painter, QRectF(left, bottom, taken, hub.px(LABEL_LINE)), row.labels[column])
        left += taken + gap


def _label(painter: QPainter, below: QRectF, label: str) -> None:
    metrics = QFontMetrics(theme().font("tiny"))
    for number, text in enumerate(label.split("\n")):
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, int(below.width()))
        _write(painter, below.translated(0, number * below.height()), shown, "tiny", "muted")


def _cells(values: np.ndarray) -> Iterator[list[str]]:
    for line in values.tolist():
        yield ["" if value != value else f"{value:.6g}" for value in line]


def _write(painter: QPainter, place: QRectF, text: str, size: Literal["title", "small", "tiny"], colour: str) -> None:
    painter.setFont(theme().font(size))
    painter.setPen(theme().colour(colour))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), text)
