"""Rows of tiles as a figure that is saved: maps, filters, the levels of a pyramid."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QPainter

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
    numbers : array (count, h, w) or None
        The values themselves, where they are at hand.
    ends : str
        The ends of the scale in words, where they are not those of the mosaic.
    """

    caption: str
    mosaic: Mosaic
    kind: TableKind
    labels: tuple[str, ...] = ()
    numbers: np.ndarray | None = None
    ends: str = ""

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
            self._paint_row(painter, QRectF(inside.left(), top, inside.width(), high - hub.px(8)), row)

    def _paint_row(self, painter: QPainter, room: QRectF, row: TileRow) -> None:
        hub, mosaic, gap = theme(), row.mosaic, theme().px(4)
        _write(painter, room, f"{row.caption}   {row.scale}", "small", "text")
        height, width = mosaic.tile_shape
        lines = -(-mosaic.count // mosaic.columns)
        line = hub.px(18)
        below = line if row.labels else 0
        scale = min(
            (room.width() - (mosaic.columns - 1) * gap) / (width * mosaic.columns),
            (room.height() - line - below - (lines - 1) * gap) / (height * lines),
        )
        if scale <= 0:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        bottom = room.top() + line + lines * (height * scale + gap) - gap
        for tile in range(mosaic.count):
            down, across = divmod(tile, mosaic.columns)
            left, top = room.left() + across * (width * scale + gap), room.top() + line + down * (height * scale + gap)
            y, x, _, _ = mosaic.tile_rect(tile)
            pixels = np.ascontiguousarray(mosaic.indices[y : y + height, x : x + width])
            painter.drawImage(
                QRectF(left, top, width * scale, height * scale), words_image(hub.table(row.kind)[pixels])
            )
            if down or tile >= len(row.labels):
                continue
            place, label = QRectF(left, bottom, width * scale, line), row.labels[tile]
            metrics = painter.fontMetrics()
            text = metrics.elidedText(label, Qt.TextElideMode.ElideMiddle, int(place.width()))
            _write(painter, place, text, "tiny", "muted")

    def csv(self) -> str:
        """Each tile under its row's caption and its own words, row by row."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        for row in self.rows:
            for tile in range(row.mosaic.count):
                label = row.labels[tile] if tile < len(row.labels) else str(tile)
                writer.writerow([row.caption, label])
                writer.writerows(_cells(row.values(tile)))
        return out.getvalue()


def _cells(values: np.ndarray) -> Iterator[list[str]]:
    for line in values.tolist():
        yield ["" if value != value else f"{value:.6g}" for value in line]


def _write(painter: QPainter, place: QRectF, text: str, size: Literal["title", "small", "tiny"], colour: str) -> None:
    painter.setFont(theme().font(size))
    painter.setPen(theme().colour(colour))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), text)
