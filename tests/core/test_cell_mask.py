"""Cells that do not count are cleared as by a product with the mask, whatever their shape and the layout in memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.core.cell_mask import MOST_STRIPS, CellMask, Cells, even_strips

LAYOUTS = torch.contiguous_format, torch.channels_last


def strips_of_shifts(count: int, length: int, width: int, step: int) -> Cells:
    """What maps shifted further and further do not know: as many cells, a ``step`` further on each time."""
    cells = np.zeros((count, length), bool)
    for number in range(count):
        cells[number, (np.arange(width) + number * step) % length] = True
    return cells


@given(st.data())
def test_what_is_cleared_is_what_a_product_clears(data: st.DataObject) -> None:
    count, rows, columns, width = (data.draw(st.integers(1, most)) for most in (9, 7, 8, 3))
    unknown = [
        strips_of_shifts(count, length, data.draw(st.integers(0, width)), data.draw(st.integers(-2, 2)))
        for length in (rows, columns)
    ]
    if data.draw(st.booleans()):
        unknown[1] = np.random.default_rng(data.draw(st.integers(0, 9))).random((count, columns)) < 0.5
    known = ~unknown[0][:, :, None] & ~unknown[1][:, None, :]
    if data.draw(st.booleans()):
        known = np.random.default_rng(data.draw(st.integers(0, 9))).random((count, rows, columns)) < 0.5
    start, step = data.draw(st.integers(0, count - 1)), data.draw(st.integers(1, 3))
    places = slice(start, data.draw(st.integers(start + 1, count)), step)
    maps = torch.rand((len(range(count)[places]), 2, rows, columns)) + 1
    mask = CellMask(known, maps)
    expected = maps * torch.from_numpy(known[places])[:, None]
    for layout in LAYOUTS:
        given_maps = maps.clone(memory_format=layout)
        assert torch.equal(mask.clear(given_maps, places), expected)
        again = given_maps.fill_(3.0)
        assert torch.equal(mask.clear(again, places) == 0, expected == 0)


def test_strips_that_go_on_evenly_are_one() -> None:
    forth = strips_of_shifts(6, 20, 2, 3)
    for cells in (forth, forth[::-1], forth[:, ::-1]):
        assert len(even_strips(1, cells)) == 1
    # Maps that lie on the cells and between them take turns.
    turns = np.zeros((6, 12), bool)
    for number in range(6):
        turns[number, number : number + 2 + number % 2] = True
    assert [(strip.width, strip.map, strip.maps, strip.step) for strip in even_strips(0, turns)] == [
        (2, 0, 3, (2, 2)),
        (3, 1, 3, (2, 2)),
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_strips_are_cleared_too(layout: torch.memory_format) -> None:
    count = MOST_STRIPS + 2
    known = np.arange(count + 1) >= np.arange(count)[:, None]
    maps = torch.ones(count, 3, 4, count + 1).to(memory_format=layout)
    cleared = CellMask(np.repeat(known[:, None], 4, 1), maps).clear(maps, slice(0, count, 1))
    assert cleared.sum((1, 2, 3)).tolist() == [12 * (count + 1 - number) for number in range(count)]
