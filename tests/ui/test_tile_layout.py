import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.ui.tile_layout import fit_tiles

counts = st.integers(1, 300)
tile_shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
areas = st.tuples(st.integers(40, 900), st.integers(40, 1400))


@given(counts, tile_shapes, areas)
def test_what_fits_is_drawn_as_large_as_whole_pixels_allow(count, tile_shape, area):
    layout = fit_tiles(count, tile_shape, area, gap=4, margin=3)
    height, width = layout.size
    fits = height <= area[0] and width <= area[1]
    if layout.scale < 1 or not fits:  # a single picture made smaller, or a long grid to scroll
        assert layout.scale <= 1
        return
    assert layout.scale == int(layout.scale) or layout.scale < 4
    assert layout.drawn_shape[1] == pytest.approx(round(layout.drawn_shape[1]))
    larger = int(layout.scale) + 1
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        across = columns * tile_shape[1] * larger + (columns - 1) * 4 + 6
        down = rows * tile_shape[0] * larger + (rows - 1) * 4 + 6
        assert across > area[1] or down > area[0]


@given(counts, tile_shapes, areas, st.data())
def test_every_pixel_of_a_tile_is_found_again(count, tile_shape, area, data):
    layout = fit_tiles(count, tile_shape, area, gap=4, margin=3)
    tile = data.draw(st.integers(0, count - 1))
    row, column = data.draw(st.integers(0, tile_shape[0] - 1)), data.draw(st.integers(0, tile_shape[1] - 1))
    left, top = layout.corner(tile)
    centre = left + (column + 0.5) * layout.scale, top + (row + 0.5) * layout.scale
    assert layout.at(*centre) == (tile, row, column)


@given(counts, tile_shapes, areas)
def test_gaps_and_margins_belong_to_no_tile(count, tile_shape, area):
    layout = fit_tiles(count, tile_shape, area, gap=4, margin=3)
    left, top = layout.corner(0)
    height, width = layout.drawn_shape
    assert layout.at(left - 1, top + height / 2) is None
    assert layout.at(left + width / 2, top - 1) is None
    assert layout.at(left + width + layout.gap / 2, top) is None
    assert layout.at(left, layout.size[0] + 1) is None


@given(counts, tile_shapes, areas, st.integers(0, 3000), st.integers(1, 900))
def test_a_band_names_all_tiles_that_meet_it(count, tile_shape, area, top, tall):
    layout = fit_tiles(count, tile_shape, area, gap=4, margin=3)
    height = layout.drawn_shape[0]
    met = {
        tile for tile in range(count) if layout.corner(tile)[1] < top + tall and layout.corner(tile)[1] + height > top
    }
    assert met <= set(layout.tiles_between(top, top + tall))


def test_a_small_window_is_not_left_half_empty():
    layout = fit_tiles(48, (32, 32), (290, 520), gap=4, margin=3)
    assert layout.drawn_shape[1] >= 40
    assert layout.size[0] <= 290
    assert layout.size[1] <= 520


def test_the_last_row_is_nearly_full():
    layout = fit_tiles(32, (14, 14), (400, 800), gap=4)
    assert layout.columns * layout.rows == 32


def test_prescribed_columns_are_kept():
    layout = fit_tiles(32, (5, 5), (400, 400), columns=16)
    assert (layout.columns, layout.rows) == (16, 2)


def test_a_picture_larger_than_the_area_is_made_smaller_whole():
    layout = fit_tiles(1, (448, 224), (100, 300))
    assert layout.size[0] <= 100
    assert layout.columns == 1


def test_many_large_maps_keep_every_pixel_and_grow_downward():
    layout = fit_tiles(512, (112, 112), (300, 500), gap=4)
    assert layout.scale == 1
    assert layout.size[1] <= 500
    assert layout.size[0] > 300


@given(
    st.integers(1, 5),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(st.integers(12, 200), st.integers(40, 400)),
)
def test_a_single_row_that_is_prescribed_never_grows_beyond_the_area(count, tile_shape, area):
    layout = fit_tiles(count, tile_shape, area, columns=count)
    assert layout.rows == 1
    assert layout.size[0] <= area[0] + 1e-6
    assert layout.size[1] <= area[1] + 1e-6
