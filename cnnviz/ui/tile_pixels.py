"""The pixels of a mosaic, looked up in the theme's colours, and where each tile lies in them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QImage

from cnnviz.ui.theme import ZERO_INDEX, TableKind, relative_luminance, theme


class Mosaic(Protocol):
    """What a mosaic must have to be shown: uint8 indices and where each tile lies in them."""

    @property
    def indices(self) -> np.ndarray: ...
    @property
    def tile_shape(self) -> tuple[int, int]: ...
    @property
    def columns(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def gap(self) -> int: ...
    def tile_rect(self, tile: int) -> tuple[int, int, int, int]: ...


class TilePixels:
    """The picture that tiles are cut from. ``sources`` is a new list whenever the geometry changes, and only then."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Hold no tiles."""
        self.image = QImage()
        self.sources: list[QRectF] = []
        self.tile_shape, self.columns = (1, 1), 1
        self._mosaic: Mosaic | None = None
        self._kind: TableKind = "unsigned"
        self._pixels: np.ndarray | None = None  # the image borrows this memory
        self._key: tuple[Any, ...] = ()

    def take_mosaic(self, mosaic: Mosaic, kind: TableKind) -> None:
        """Hold a mosaic's tiles, coloured by the table of ``kind``."""
        self._mosaic, self._kind = mosaic, kind
        self.recolour()
        key = (mosaic.indices.shape, mosaic.tile_shape, mosaic.columns, mosaic.count, mosaic.gap)
        if key != self._key:
            self._key, self.tile_shape, self.columns = key, mosaic.tile_shape, mosaic.columns
            self.sources = [QRectF(x, y, w, h) for y, x, h, w in map(mosaic.tile_rect, range(mosaic.count))]

    def take_rgb(self, array: np.ndarray, tile_shape: tuple[int, int], columns: int, count: int, gap: int) -> None:
        """Hold colour tiles from ``array`` uint8 (H, W, 3)."""
        self._mosaic = None
        self._pixels = np.ascontiguousarray(array, np.uint8)
        high, wide = self._pixels.shape[:2]
        self.image = QImage(self._pixels.data, wide, high, wide * 3, QImage.Format.Format_RGB888)
        key = (array.shape, tile_shape, columns, count, gap)
        if key != self._key:
            self._key, self.tile_shape, self.columns = key, tile_shape, columns
            height, width = tile_shape
            corners = (divmod(tile, columns) for tile in range(count))
            self.sources = [QRectF(c * (width + gap), r * (height + gap), width, height) for r, c in corners]

    def recolour(self) -> None:
        """Look the colours up again, after new indices or another theme."""
        if self._mosaic is None:
            return
        indices = self._mosaic.indices
        if self._pixels is None or self._pixels.dtype != np.uint32 or self._pixels.shape != indices.shape:
            self._pixels = np.empty(indices.shape, np.uint32)
        np.take(theme().table(self._kind), indices, out=self._pixels, mode="clip")
        high, wide = indices.shape
        # A new image around the same memory: Qt would take a pixmap of the old one from its cache.
        self.image = QImage(self._pixels.data, wide, high, wide * 4, QImage.Format.Format_RGB32)

    def has_light_ground(self) -> bool:
        """Whether "nothing" is bright in these tiles, so that dark figures read best on most of them."""
        if self._mosaic is None:
            return False
        nothing = theme().table(self._kind)[ZERO_INDEX if self._kind == "signed" else 0]
        return relative_luminance(int(nothing)) > 0.4
