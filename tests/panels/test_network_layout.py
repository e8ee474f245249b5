"""The diagram's arithmetic: everything in its place, for any network and any window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.panels.network_layout import SMALLEST_OF_MANY, ColumnShape, lay_out, rows_that_fit

sizes = st.integers(1, 64)
shapes = st.lists(
    st.one_of(
        st.builds(ColumnShape, st.just(1), kind=st.just("image"), text_width=st.floats(10, 200)),
        st.builds(ColumnShape, st.integers(1, 32), sizes, sizes, text_width=st.floats(10, 200)),
        st.builds(ColumnShape, st.integers(1, 128), kind=st.just("strip"), text_width=st.floats(10, 200)),
        st.builds(ColumnShape, st.integers(2, 12), kind=st.just("bars"), text_width=st.floats(10, 200)),
    ),
    min_size=1,
    max_size=12,
)
layouts = st.builds(
    lay_out, shapes, st.floats(260, 3000), st.floats(160, 2000), st.floats(1, 8), st.sampled_from([0.75, 1.0, 1.5, 2.0])
)
SLACK = 1e-6


@given(layouts)
def test_columns_stand_side_by_side_and_hold_their_tiles(layout):
    right = 0.0
    for column in layout.columns:
        frame = column.frame
        assert frame.x >= right - SLACK
        right = frame.right
        assert right <= layout.width
        assert frame.y + frame.height <= layout.height
        for tile in column.tiles:
            assert tile.width > 0
            assert tile.height > 0
            assert frame.x - SLACK <= tile.x
            assert tile.right <= frame.right + SLACK
            assert frame.y - SLACK <= tile.y
            assert tile.y + tile.height <= frame.y + frame.height + SLACK


@given(layouts)
def test_tiles_of_a_column_do_not_overlap(layout):
    for column in layout.columns:
        for above, below in zip(column.tiles, column.tiles[1:], strict=False):
            assert above.y + above.height <= below.y + SLACK


@given(layouts, st.floats(-500, 500), st.floats(-500, 500), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_what_is_found_at_a_place_is_what_was_put_there(layout, dx, dy, down, across):
    layout = layout.shifted(dx, dy)
    for number, column in enumerate(layout.columns):
        for index, tile in enumerate(column.tiles):
            found = layout.tile_at(tile.x + across * tile.width, tile.y + down * tile.height)
            assert found is not None
            assert found[:2] == (number, index)
            assert found[2:] == (pytest.approx(down, abs=1e-6), pytest.approx(across, abs=1e-6))


@given(layouts)
def test_nothing_is_found_beside_the_diagram(layout):
    last = layout.columns[-1].frame
    assert layout.column_at(last.right + 1, 5) is None
    assert layout.tile_at(-5, 5) is None
    assert layout.tile_at(last.x + 1, last.y + last.height + 1) is None
    assert layout.tile_at(last.x + last.width / 2, last.y + 1) is None, "there is a heading, not a tile"


@given(st.integers(1, 64), st.integers(1, 64))
def test_maps_keep_their_proportion(height, width):
    (column,) = lay_out([ColumnShape(3, height, width)], 600, 400, 1, 1).columns
    for tile in column.tiles:
        assert tile.height / tile.width == pytest.approx(height / width)


def test_the_tallest_column_fits_the_height_at_zoom_1_and_grows_with_it():
    columns = [ColumnShape(1, kind="image"), ColumnShape(8, 28, 28), ColumnShape(10, kind="bars")]
    plain = lay_out(columns, 900, 500, 1, 1)
    assert plain.height <= 500 + SLACK
    assert plain.width <= 900 + SLACK
    zoomed = lay_out(columns, 900, 500, 3, 1)
    assert zoomed.columns[1].tiles[0].width > 2 * plain.columns[1].tiles[0].width
    assert zoomed.height > 2 * 500 - 200


def test_a_long_network_is_not_squeezed_below_its_words():
    columns = [ColumnShape(4, 8, 8, text_width=90) for _ in range(40)]
    layout = lay_out(columns, 900, 500, 1, 1)
    assert layout.width > 40 * 90
    assert all(column.frame.width >= 90 for column in layout.columns)


@given(st.floats(160, 2000), st.floats(1, 8), st.sampled_from([0.75, 1.0, 1.5, 2.0]))
def test_as_many_maps_as_are_said_to_fit_are_large_enough_and_in_sight(height, zoom, scale):
    rows = rows_that_fit(height, zoom, scale)
    layout = lay_out([ColumnShape(rows)], 600, height, zoom, scale)
    if rows > 2:
        assert min(tile.height for tile in layout.columns[0].tiles) >= min(SMALLEST_OF_MANY * scale, 56 * scale) - SLACK
    if zoom == 1 and height > 300:
        assert layout.height <= height + SLACK
