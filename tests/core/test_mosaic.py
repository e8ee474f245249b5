"""Mosaics, against each pixel computed on its own in plain Python."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cnnviz.core.mosaic import GAP, INFINITE, NAN, columns_for, mosaic, mosaics_together, quantise


def index_of(value: float, high: float, signed: bool) -> float:
    """The index before rounding; NaN and infinity have their own."""
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return INFINITE
    if high == 0:
        return 126 if signed else 0
    return 126 + 126 * (value / high) if signed else 252 * (max(value, 0.0) / high)


def assert_pixels(maps: Tensor, columns: int, scale: str, signed: bool | None, gap: int) -> None:
    made = mosaic(maps, columns, scale, signed, gap)
    values = maps.double().tolist()
    finite = [[v for row in tile for v in row if math.isfinite(v)] for tile in values]
    if signed is None:
        signed = any(v < 0 for tile in finite for v in tile)
    assert made.signed is signed
    assert made.non_finite == sum(not math.isfinite(v) for tile in values for row in tile for v in row)
    assert made.indices.dtype == np.uint8
    assert made.indices.flags.c_contiguous
    everything = [v for tile in finite for v in tile]
    seen = 0
    for row in range(made.indices.shape[0]):
        for column in range(made.indices.shape[1]):
            at = made.tile_at(row, column)
            if at is None:
                assert made.indices[row, column] == GAP
                continue
            tile, r, c = at
            seen += 1
            top, left, height, width = made.tile_rect(tile)
            assert (row, column) == (top + r, left + c)
            assert r < height
            assert c < width
            pool = finite[tile] if scale == "own" else everything
            high = max((abs(v) if signed else max(v, 0.0) for v in pool), default=0.0)
            assert made.range_of(tile) == (-high if signed else 0.0, high)
            expected = index_of(values[tile][r][c], high, signed)
            assert abs(made.indices[row, column] - expected) <= 0.5 + 1e-3
    assert seen == maps.numel()


kinds = st.sampled_from(["normal", "positive", "zero", "constant", "holes", "bool", "half", "integer"])


@settings(max_examples=120, deadline=None)
@given(
    kind=kinds,
    shape=st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(1, 5)),
    columns=st.integers(1, 9),
    scale=st.sampled_from(["shared", "own"]),
    signed=st.sampled_from([None, True, False]),
    gap=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_every_pixel(
    kind: str, shape: tuple[int, ...], columns: int, scale: str, signed: bool | None, gap: int, seed: int
) -> None:
    normal = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    holes = normal.clone()
    holes.view(-1)[::3] = torch.tensor([math.nan, math.inf, -math.inf])[seed % 3]
    maps = {
        "normal": normal,
        "positive": normal.abs() + 0.5,
        "zero": torch.zeros(shape),
        "constant": torch.full(shape, -3.0),
        "holes": holes,
        "bool": normal > 0,
        "half": normal.half(),
        "integer": (normal * 10).long(),
    }[kind]
    assert_pixels(maps, columns, scale, signed, gap)


@pytest.mark.parametrize("scale", ["shared", "own"])
@pytest.mark.parametrize("size", [1e-45, 1e-38, 1e-30, 1e30, 3e38])
def test_sizes_at_the_ends_of_float32(size: float, scale: str) -> None:
    maps = torch.tensor([[[size, -size, 0.0, size / 2]], [[0.0, size, size, 0.0]]])
    assert_pixels(maps, 2, scale, None, 1)
    assert_pixels(maps.abs(), 2, scale, None, 1)


def test_zero_is_exactly_in_the_middle_and_the_ends_are_reached() -> None:
    maps = torch.tensor([[[-0.3, 0.0, 0.3, -0.0]], [[0.1, -0.1, 0.0, 0.2]]])
    assert mosaic(maps, 2, "shared").indices.tolist() == [[0, 126, 252, 126, GAP, 168, 84, 126, 210]]
    assert mosaic(maps, 2, "own").indices.tolist() == [[0, 126, 252, 126, GAP, 189, 63, 126, 252]]
    assert str(mosaic(torch.zeros(1, 1, 1), 1, signed=True).low) == "0.0"


def test_the_layout_of_an_incomplete_last_row() -> None:
    maps = torch.arange(3.0).add(1)[:, None, None].expand(3, 1, 2)
    made = mosaic(maps, 2)
    assert made.indices.tolist() == [[84, 84, GAP, 168, 168], [GAP] * 5, [252, 252, GAP, GAP, GAP]]
    assert made.tile_at(2, 3) is None
    assert made.tile_at(-1, 0) is None
    assert made.tile_at(0, 5) is None
    with pytest.raises(IndexError, match="no tile 3"):
        made.tile_rect(3)
    assert mosaic(maps, 50).indices.shape == (1, 8)


@pytest.mark.parametrize("shape", [(0, 3, 3), (4, 0, 3), (2, 3, 0)])
@pytest.mark.parametrize("scale", ["shared", "own"])
def test_nothing_to_show(shape: tuple[int, ...], scale: str) -> None:
    made = mosaic(torch.zeros(shape), 2, scale)
    assert made.count == shape[0]
    assert (made.indices == GAP).all()
    assert made.tile_at(0, 0) is None


def test_all_values_broken() -> None:
    made = mosaic(torch.full((2, 2, 2), math.nan), 2, "own")
    assert set(made.indices.reshape(-1)) == {NAN, GAP}
    assert made.range_of(1) == (0.0, 0.0)
    assert made.non_finite == 8


def test_maps_in_other_memory_layouts_are_left_alone() -> None:
    maps = torch.randn(6, 5, 4)
    before = maps.clone()
    turned = mosaic(maps.permute(1, 2, 0), 3).indices
    assert np.array_equal(turned, mosaic(maps.permute(1, 2, 0).contiguous(), 3).indices)
    assert torch.equal(maps, before)
    assert quantise(maps.requires_grad_()).indices.shape == (6, 5, 4)


def test_shapes_that_are_no_maps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(C, h, w\), not \(3, 4\)"):
        mosaic(torch.zeros(3, 4), 1)
    with pytest.raises(ValueError, match="0 columns"):
        mosaic(torch.zeros(1, 3, 4), 0)


@given(count=st.integers(1, 60), tile=st.tuples(st.integers(1, 9), st.integers(1, 9)), aspect=st.floats(0.1, 10))
def test_no_other_number_of_columns_makes_larger_tiles(count: int, tile: tuple[int, int], aspect: float) -> None:
    def size(columns: int) -> float:
        picture = mosaic(torch.zeros(count, *tile), columns).indices.shape
        return min(aspect / picture[1], 1 / picture[0])

    best = columns_for(count, tile, aspect)
    assert all(size(best) >= size(columns) - 1e-12 for columns in range(1, count + 1))


def test_columns_for_known_areas() -> None:
    assert columns_for(32, (14, 14), 2.0) == 8
    assert columns_for(16, (10, 10), 1.0) == 4
    assert columns_for(0, (10, 10), 1.0) == 1


def test_stacks_of_any_sizes_share_one_scale():
    first = torch.tensor([[[1.0, -2.0]], [[0.5, 0.0]]])
    second = torch.tensor([[[4.0], [float("nan")], [float("inf")]]])
    one, two = mosaics_together([first, second], gap=0)
    assert (one.low, one.high, one.signed) == (two.low, two.high, two.signed) == (-4.0, 4.0, True)
    for made, stack in ((one, first), (two, second)):
        for tile, values in enumerate(stack.tolist()):
            top, left, height, width = made.tile_rect(tile)
            pixels = made.indices[top : top + height, left : left + width]
            expected = [[index_of(value, 4.0, True) for value in row] for row in values]
            assert np.abs(pixels - np.array(expected)).max() <= 0.5 + 1e-3
    assert (one.non_finite, two.non_finite) == (0, 2)
