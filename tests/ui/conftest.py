"""Widgets in the dark theme at scale 1, and a look at what they drew."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from PyQt6.QtWidgets import QLabel, QWidget

from cnnviz.ui.theme import theme


@pytest.fixture
def hub(qapp):
    """The theme, dark and at scale 1 before and after the test."""
    theme().set("dark", 1.0)
    yield theme()
    theme().set("dark", 1.0)


@pytest.fixture
def shown(qtbot, hub) -> Callable[..., QWidget]:
    """Shows a widget at a size and closes it after the test."""

    def show(widget: QWidget, width: int, height: int) -> QWidget:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        with qtbot.waitExposed(widget):
            widget.show()
        return widget

    return show


@pytest.fixture
def argb() -> Callable[[str], int]:
    """A colour ``#rrggbb`` as it stands in `pixels`."""
    return lambda colour: 0xFF000000 | int(colour[1:], 16)


@dataclass(frozen=True)
class Tiles:
    """A mosaic as a view needs it, one row of tiles after another."""

    indices: np.ndarray
    tile_shape: tuple[int, int]
    columns: int
    count: int
    gap: int

    def tile_rect(self, tile: int) -> tuple[int, int, int, int]:
        height, width = self.tile_shape
        row, column = divmod(tile, self.columns)
        return row * (height + self.gap), column * (width + self.gap), height, width


@pytest.fixture
def make_tiles() -> Callable[..., Tiles]:
    """A mosaic of index arrays (count, h, w)."""

    def make(values: np.ndarray, columns: int, gap: int = 1) -> Tiles:
        count, height, width = values.shape
        rows = -(-count // columns)
        indices = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
        tiles = Tiles(indices, (height, width), columns, count, gap)
        for tile, drawn in enumerate(values):
            y, x, _, _ = tiles.tile_rect(tile)
            indices[y : y + height, x : x + width] = drawn
        return tiles

    return make


@pytest.fixture
def repainted(qtbot, pixels, monkeypatch):
    """Change a widget, let it paint what it wants painted anew, and say which part that was and what it shows then."""

    def look(widget, change):
        screen = widget.grab()
        asked, paint = [], widget.paintEvent

        def note(event):
            asked.append(event.region())
            paint(event)

        with monkeypatch.context() as patch:
            patch.setattr(widget, "paintEvent", note)
            qtbot.wait(20)
            asked.clear()
            change()
            qtbot.waitUntil(lambda: asked != [])
        (part,) = asked
        widget.render(screen, part.boundingRect().topLeft(), part)
        shown = QLabel()
        shown.setPixmap(screen)
        qtbot.addWidget(shown)
        return part.boundingRect(), pixels(shown)

    return look
