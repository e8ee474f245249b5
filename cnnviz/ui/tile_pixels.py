"""The pixels of a mosaic, looked up in the theme's colours, and where each tile lies in them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QImage, QPixmap

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
        self.sources: list[QRectF] = []
        self.tile_shape, self.columns = (1, 1), 1
        self._mosaic: Mosaic | None = None
        self._kind: TableKind = "unsigned"
        self._rgb: np.ndarray | None = None
        self._picture: QPixmap | None = None
        self._key: tuple[Any, ...] = ()

    def take_mosaic(self, mosaic: Mosaic, kind: TableKind) -> None:
        """Hold a mosaic's tiles, coloured by the table of ``kind``."""
        self._mosaic, self._kind, self._rgb = mosaic, kind, None
        self._picture = None
        key = (mosaic.indices.shape, mosaic.tile_shape, mosaic.columns, mosaic.count, mosaic.gap)
        if key != self._key:
            self._key, self.tile_shape, self.columns = key, mosaic.tile_shape, mosaic.columns
            self.sources = [QRectF(x, y, w, h) for y, x, h, w in map(mosaic.tile_rect, range(mosaic.count))]

    def take_rgb(self, array: np.ndarray, tile_shape: tuple[int, int], columns: int, count: int, gap: int) -> None:
        """Hold colour tiles from ``array`` uint8 (H, W, 3)."""
        self._mosaic, self._rgb = None, np.ascontiguousarray(array, np.uint8)
        self._picture = None
        key = (array.shape, tile_shape, columns, count, gap)
        if key != self._key:
            self._key, self.tile_shape, self.columns = key, tile_shape, columns
            height, width = tile_shape
            corners = (divmod(tile, columns) for tile in range(count))
            self.sources = [QRectF(c * (width + gap), r * (height + gap), width, height) for r, c in corners]

    def recolour(self) -> None:
        """Look the colours up again, for another theme."""
        self._picture = None

    def picture(self) -> QPixmap:
        """All tiles in colour, made when first painted."""
        if self._picture is None:
            self._picture = QPixmap.fromImage(self._image())
        return self._picture

    def _image(self) -> QImage:
        array, form = (self._rgb, QImage.Format.Format_RGB888)
        if self._mosaic is not None:
            array, form = self._mosaic.indices, QImage.Format.Format_Indexed8
        if array is None:
            return QImage()
        data: Any = array.data  # PyQt's stubs know bytes alone, the binding takes every buffer
        borrowed = QImage(data, array.shape[1], array.shape[0], array.strides[0], form)
        if self._mosaic is not None:
            borrowed.setColorTable(theme().table(self._kind).tolist())
        # The conversion copies, so that the array may go. Qt looks colours up two to five times as fast as numpy,
        # which widens every index to eight bytes first.
        return borrowed.convertToFormat(QImage.Format.Format_RGB32)

    def has_light_ground(self) -> bool:
        """Whether "nothing" is bright in these tiles, so that dark figures read best on most of them."""
        if self._mosaic is None:
            return False
        nothing = theme().table(self._kind)[ZERO_INDEX if self._kind == "signed" else 0]
        return relative_luminance(int(nothing)) > 0.4
