"""Tiles in a row: each with its words below it, none of them cut off while there is room for it."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QSizeF

from cnnviz.core.mosaic import mosaic
from cnnviz.ui.theme import theme
from cnnviz.ui.tile_strip import TileStrip
from cnnviz.ui.tiles_figure import TileRow, tile_scale


@pytest.fixture
def strip(qtbot):
    view = TileStrip()
    qtbot.addWidget(view)
    return view


def row(labels=(), sizes=(), side=8, count=3):
    tiles = torch.zeros(count, side, side)
    tiles[:, 0, 0] = 1
    return TileRow("maps", mosaic(tiles, columns=count, signed=False, gap=1), "unsigned", labels, sizes=sizes)


def columns_with(image, colour):
    """Where a colour is, as runs of columns: first and last."""
    hit = np.flatnonzero((image == colour).any(0))
    parts = np.split(hit, np.flatnonzero(np.diff(hit) > 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts if len(part)]


def pixels(view):
    image = view.grab().toImage()
    raw = image.constBits().asarray(image.sizeInBytes())
    return np.frombuffer(raw, np.uint32).reshape(image.height(), image.width())


def test_tiles_are_as_large_as_the_width_allows_and_the_strip_no_higher_than_they_are(strip):
    strip.resize(300, 400)
    strip.set_row(row())
    strip.show()
    bright = int(theme().table("unsigned")[252])
    starts = columns_with(pixels(strip), bright)
    scale = (300 - 2 * theme().px(4)) // (3 * 8)
    assert [last - first + 1 for first, last in starts] == [scale] * 3
    assert starts[1][0] - starts[0][0] == 8 * scale + theme().px(4)
    assert strip.maximumHeight() < 8 * scale + 40


def test_tiles_that_are_smaller_take_less_room_so_that_all_are_larger(strip):
    sizes = ((8, 8), (4, 4), (2, 2))
    room = QSizeF(300, 1000)
    equal, halved = tile_scale(row(), room), tile_scale(row(sizes=sizes), room)
    assert halved == pytest.approx((300 - 2 * theme().px(4)) / (8 + 4 + 2), rel=1e-3)
    assert halved > equal
    strip.resize(300, 400)
    strip.set_row(row(sizes=sizes))
    strip.show()
    first, second, third = (start for start, _ in columns_with(pixels(strip), int(theme().table("unsigned")[252])))
    scale = int(halved)
    assert (second - first, third - second) == (8 * scale + theme().px(4), 4 * scale + theme().px(4))


def test_long_words_make_room_for_themselves_and_are_told_whole(strip):
    labels, sizes = ("a", "b", "filter 31\nby 150°, r 0.62"), ((8, 8), (4, 4), (2, 2))
    assert tile_scale(row(labels, sizes), QSizeF(300, 1000)) < tile_scale(row(sizes=sizes), QSizeF(300, 1000))
    strip.set_row(row(labels))
    assert "filter 31: by 150°, r 0.62" in strip.toolTip()
