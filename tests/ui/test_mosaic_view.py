import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QImage, QPainter

from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.theme import DARK, LIGHT, colour_table


def ramp(count: int, size: int) -> np.ndarray:
    """Tiles whose every pixel differs from its neighbours, (count, size, size)."""
    return (np.arange(count * size * size).reshape(count, size, size) * 37 % 253).astype(np.uint8)


@pytest.fixture
def view(shown):
    return shown(MosaicView(), 320, 200)


def bright(picture: np.ndarray) -> int:
    """How many pixels are nearly white: the numbers, which are antialiased."""
    return int(((picture & 0xFF) > 190).sum())


def inner(view: MosaicView, picture: np.ndarray, tile: int) -> np.ndarray:
    """The pixels of a tile as drawn."""
    rect = view.tile_rect(tile)
    return picture[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]


def test_every_map_pixel_is_one_square_of_its_colour(view, make_tiles, pixels):
    values = ramp(6, 3)
    view.set_labels([])
    view.set_mosaic(make_tiles(values, 3), "signed")
    scale = int(view.pixel_scale)
    assert scale >= 20
    picture, table = pixels(view), colour_table("signed", DARK)
    for tile in range(6):
        drawn = inner(view, picture, tile)
        expected = table[values[tile]].repeat(scale, 0).repeat(scale, 1)
        assert drawn.shape == expected.shape
        same = drawn == expected
        same[:4, :4] = same[-4:, :4] = same[:4, -4:] = same[-4:, -4:] = True  # the rounded corners
        assert same.all()


def test_around_the_tiles_lies_the_panel(view, make_tiles, pixels, argb):
    view.set_mosaic(make_tiles(ramp(6, 3), 3), "signed")
    picture = pixels(view)
    outside = np.ones(picture.shape, bool)
    for tile in range(6):
        inner(view, outside, tile)[:] = False
    assert (picture[outside] == argb(DARK.panel)).all()


def test_nan_and_infinity_are_seen(view, make_tiles, pixels, argb):
    values = np.zeros((1, 3, 3), np.uint8)
    values[0, 1, 0], values[0, 1, 2] = 253, 254
    view.set_mosaic(make_tiles(values, 1), "unsigned")
    drawn = inner(view, pixels(view), 0)
    scale = int(view.pixel_scale)
    assert drawn[scale * 3 // 2, scale // 2] == argb(DARK.nan)
    assert drawn[scale * 3 // 2, scale * 5 // 2] == argb(DARK.infinite)


def test_new_values_of_the_same_shape_are_drawn(view, make_tiles, pixels):
    view.set_mosaic(make_tiles(np.full((2, 4, 4), 10, np.uint8), 2), "unsigned")
    pixels(view)
    view.set_mosaic(make_tiles(np.full((2, 4, 4), 200, np.uint8), 2), "unsigned")
    drawn = inner(view, pixels(view), 1)
    assert drawn[drawn.shape[0] // 2, drawn.shape[1] // 2] == colour_table("unsigned", DARK)[200]


def test_new_values_of_the_same_shape_have_the_tiles_alone_painted(view, make_tiles, pixels, repainted):
    """What stands on the screen then is what painting everything anew gives."""
    values = ramp(5, 8)
    view.set_mosaic(make_tiles(values, 3), "signed")
    view.set_selected(4)
    area, picture = repainted(view, lambda: view.set_mosaic(make_tiles(values[::-1].copy(), 3), "signed"))
    assert area.contains(view.tile_rect(0).united(view.tile_rect(4)))
    assert area.width() < view.width()
    assert np.array_equal(picture, pixels(view))


def test_colours_follow_the_theme(view, make_tiles, pixels, hub):
    view.set_mosaic(make_tiles(np.full((1, 4, 4), 60, np.uint8), 1), "signed")
    hub.set("light")
    drawn = inner(view, pixels(view), 0)
    assert drawn[20, 20] == colour_table("signed", LIGHT)[60]


def test_colour_tiles(view, pixels):
    array = np.zeros((3, 7, 3), np.uint8)
    array[:, :3] = (200, 10, 30)
    array[:, 4:] = (5, 100, 250)
    view.set_labels([])
    view.set_rgb(array, (3, 3), columns=2, count=2, gap=1)
    picture = pixels(view)
    for tile, expected in ((0, 0xFFC80A1E), (1, 0xFF0564FA)):
        drawn = inner(view, picture, tile)
        assert (drawn[6:-6, 6:-6] == expected).all()


def test_the_selected_tile_has_a_ring_in_the_marks_colour(view, make_tiles, pixels, argb):
    view.set_mosaic(make_tiles(ramp(6, 3), 3), "signed")
    assert argb(DARK.mark) not in pixels(view)
    view.set_selected(4)
    rows, columns = np.nonzero(pixels(view) == argb(DARK.mark))
    rect = view.tile_rect(4).adjusted(-3, -3, 3, 3)
    assert rows.size > 100
    assert rect.contains(QPoint(int(columns.min()), int(rows.min())))
    assert rect.contains(QPoint(int(columns.max()), int(rows.max())))
    assert not view.tile_rect(4).contains(QPoint(int(columns.min()), int(rows.min())))


def test_the_same_pixels_of_every_tile_are_framed(view, make_tiles, pixels):
    view.set_labels([])
    view.set_mosaic(make_tiles(np.full((6, 4, 4), 40, np.uint8), 3), "signed")
    plain = pixels(view)
    view.set_lit((1, 2, 2, 3))
    changed, scale = pixels(view) != plain, int(view.pixel_scale)
    wanted = np.zeros((4 * scale, 4 * scale), bool)
    wanted[scale : 3 * scale, 2 * scale :] = True
    for tile in range(6):
        seen = inner(view, changed, tile)
        assert (seen == wanted)[4:-4, 4:-4].all()  # without the rounded corners
    view.set_lit(None)
    assert (pixels(view) == plain).all()


def test_a_ring_that_marks_no_unit_has_the_accent(shown, make_tiles, pixels, argb):
    view = shown(MosaicView(ring="accent"), 200, 100)
    view.set_mosaic(make_tiles(ramp(2, 4), 2), "grey")
    view.set_selected(1)
    picture = pixels(view)
    assert argb(DARK.accent) in picture
    assert argb(DARK.mark) not in picture


def test_numbers_stand_on_large_tiles_only(shown, make_tiles, pixels):
    view = shown(MosaicView(), 400, 200)
    flat = np.full((8, 4, 4), 126, np.uint8)
    view.set_mosaic(make_tiles(flat, 4), "signed")
    ground = colour_table("signed", DARK)[126]
    written = inner(view, pixels(view), 5)
    assert bright(written) > 5
    assert (written[40:-6, 40:-6] == ground).all()
    view.resize(90, 60)
    assert bright(inner(view, pixels(view), 5)) == 0


def test_numbers_are_dark_on_bright_maps(shown, make_tiles, pixels, hub):
    hub.set("light")
    view = shown(MosaicView(), 400, 200)
    view.set_mosaic(make_tiles(np.full((8, 4, 4), 126, np.uint8), 4), "signed")
    drawn = inner(view, pixels(view), 5)
    assert ((drawn >> 8 & 255) < 60).any()


def test_labels_of_ones_own(view, make_tiles, pixels):
    view.set_mosaic(make_tiles(np.full((2, 4, 4), 126, np.uint8), 2), "signed")
    numbers = pixels(view)
    view.set_labels(["sky", "grass"])
    words = pixels(view)
    view.set_labels([])
    nothing = pixels(view)
    assert (words != numbers).any()
    assert bright(words) > bright(numbers) > bright(nothing) == 0


def test_a_click_names_tile_row_and_column(view, make_tiles, qtbot):
    view.set_mosaic(make_tiles(ramp(6, 3), 3), "signed")
    rect, scale = view.tile_rect(4), int(view.pixel_scale)
    at = QPoint(rect.left() + 2 * scale + scale // 2, rect.top() + scale // 2)
    with qtbot.waitSignal(view.tile_clicked) as clicked:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)
    assert clicked.args == [4, 0, 2]
    assert view.selected == 4


def test_a_click_beside_the_tiles_does_nothing(view, make_tiles, qtbot):
    view.set_mosaic(make_tiles(ramp(6, 3), 3), "signed")
    with qtbot.assertNotEmitted(view.tile_clicked):
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))


def test_the_tile_under_the_pointer_is_told_and_outlined(view, make_tiles, qtbot, pixels, argb):
    view.set_mosaic(make_tiles(ramp(6, 3), 3), "signed")
    heard = []
    view.hovered.connect(heard.append)
    qtbot.mouseMove(view, view.tile_rect(2).center())
    assert heard[-1] == (2, 1, 1)
    assert argb(DARK.muted) in pixels(view)
    qtbot.mouseMove(view, QPoint(1, 1))
    assert heard[-1] is None
    assert argb(DARK.muted) not in pixels(view)


def test_arrow_keys_move_the_selection(view, make_tiles, qtbot):
    view.set_mosaic(make_tiles(ramp(8, 3), 4), "signed")
    columns = view.preferred_columns(8, (3, 3))
    reached = []
    view.tile_clicked.connect(lambda tile, row, column: reached.append((tile, row, column)))
    keys = [Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_End]
    for key in keys:
        qtbot.keyClick(view, key)
    assert reached == [(tile, 1, 1) for tile in (0, 1, 1 + columns, columns, 0, 7)]
    qtbot.keyClick(view, Qt.Key.Key_Right)  # past the end
    assert view.selected == 7
    with qtbot.waitSignal(view.tile_activated) as activated:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert activated.args == [7]


def test_the_focus_of_the_keyboard_is_seen(view, make_tiles, pixels, argb):
    view.set_mosaic(make_tiles(ramp(2, 3), 2), "signed")
    view.clearFocus()
    assert argb(DARK.accent) not in pixels(view)
    view.setFocus(Qt.FocusReason.TabFocusReason)
    assert argb(DARK.accent) in pixels(view)


def test_columns_are_asked_for_when_the_area_changes(view, make_tiles, qtbot):
    view.set_mosaic(make_tiles(ramp(12, 4), 4), "signed")
    with qtbot.waitSignal(view.columns_wanted) as wanted:
        view.resize(60, 500)
    assert wanted.args == [view.preferred_columns(12, (4, 4))]
    assert wanted.args[0] < 4


def test_a_meaningful_layout_is_kept(view, make_tiles):
    view.set_mosaic(make_tiles(ramp(8, 3), 2), "signed", reflow=False)
    assert view.tile_rect(2).left() == view.tile_rect(0).left()
    assert view.tile_rect(2).top() > view.tile_rect(0).bottom()
    view.set_mosaic(make_tiles(ramp(8, 3), 2), "signed")
    assert view.tile_rect(2).top() == view.tile_rect(0).top()


def test_more_than_fits_scrolls_and_drops_no_pixel(shown, make_tiles, qtbot, pixels):
    view = shown(MosaicView(), 200, 120)
    values = ramp(64, 40)
    view.set_mosaic(make_tiles(values, 8), "unsigned")
    assert view.pixel_scale == 1
    assert not view.rect().contains(view.tile_rect(63))
    view.set_selected(63)
    assert view.rect().contains(view.tile_rect(63))
    drawn = inner(view, pixels(view), 63)
    assert (drawn[4:-4, 4:-4] == colour_table("unsigned", DARK)[values[63]][4:-4, 4:-4]).all()
    with qtbot.waitSignal(view.tile_clicked) as clicked:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.tile_rect(63).topLeft() + QPoint(7, 5))
    assert clicked.args == [63, 5, 7]


def test_a_dense_screen_gets_whole_device_pixels(view, make_tiles):
    values = ramp(6, 3)
    view.set_labels([])
    view.set_mosaic(make_tiles(values, 3), "signed")
    image = QImage(640, 400, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(2)
    painter = QPainter(image)
    view.render(painter, QPoint())
    painter.end()
    rect, scale = view.tile_rect(5), int(view.pixel_scale) * 2
    table = colour_table("signed", DARK)
    for row in range(3):
        for column in range(3):
            x, y = rect.left() * 2 + column * scale, rect.top() * 2 + row * scale
            for inset in (8, scale - 9):
                assert image.pixel(x + inset, y + inset) == table[values[5, row, column]]


def test_an_empty_view_is_the_panel(view, make_tiles, pixels, argb):
    view.set_mosaic(make_tiles(ramp(2, 3), 2), "signed")
    view.clear()
    assert (pixels(view) == argb(DARK.panel)).all()
    assert view.place_at(QPointF(20, 20)) is None
