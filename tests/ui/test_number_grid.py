import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt

from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.theme import DARK, LIGHT, colour_table, relative_luminance


@pytest.fixture
def grid(shown):
    return shown(NumberGrid(), 360, 240)


def filled(rows: int, columns: int, index: int = 126) -> tuple[np.ndarray, np.ndarray]:
    return np.full((rows, columns), index, np.uint8), np.zeros((rows, columns))


def cell(grid: NumberGrid, picture: np.ndarray, row: int, column: int) -> np.ndarray:
    rect = grid.cell_rect(row, column)
    return picture[rect.top() + 2 : rect.bottom() - 2, rect.left() + 2 : rect.right() - 2]


def test_each_cell_has_its_colour(grid, pixels):
    indices = (np.arange(42).reshape(6, 7) * 6).astype(np.uint8)
    grid.set_values(indices, np.zeros((6, 7)), "signed")
    picture, table = pixels(grid), colour_table("signed", DARK)
    for row in range(6):
        for column in range(7):
            drawn = cell(grid, picture, row, column)
            assert drawn[0, 0] == drawn[-1, -1] == table[indices[row, column]]


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=lambda tokens: tokens.name)
@pytest.mark.parametrize("index", [0, 126, 200, 252, 253, 254])
def test_numbers_stand_out_from_their_cell(grid, pixels, hub, tokens, index):
    hub.set(tokens.name)
    indices, values = filled(3, 3, index)
    grid.set_values(indices, values, "signed")
    drawn = cell(grid, pixels(grid), 1, 1)
    ground = relative_luminance(int(drawn[0, 0])) + 0.05
    written = [relative_luminance(int(colour)) + 0.05 for colour in np.unique(drawn)]
    assert max(max(written) / ground, ground / min(written)) >= 4.4  # 4.5 but for antialiasing


def test_other_numbers_are_other_pixels(grid, pixels):
    indices, values = filled(3, 3)
    grid.set_values(indices, values, "signed")
    before = cell(grid, pixels(grid), 1, 1)
    values[1, 1] = -1.87
    grid.set_values(indices, values.copy(), "signed")
    assert (cell(grid, pixels(grid), 1, 1) != before).any()


def test_cells_too_small_for_numbers_show_colours_alone(shown, pixels):
    grid = shown(NumberGrid(), 200, 200)
    indices, values = filled(24, 24, 40)
    grid.set_values(indices, values + 1.25, "signed", window=None)
    picture = pixels(grid)
    rect = grid.cell_rect(12, 12)
    drawn = picture[rect.top() : rect.bottom(), rect.left() : rect.right()]
    assert set(np.unique(drawn)) <= {int(colour_table("signed", DARK)[40])}


@pytest.mark.parametrize(
    ("centre", "window"),
    [((7, 8), (4, 5, 7, 7)), ((0, 0), (0, 0, 7, 7)), ((13, 13), (7, 7, 7, 7)), ((3, 10), (0, 7, 7, 7))],
)
def test_the_window_stays_inside_the_map(grid, centre, window):
    grid.set_values(*filled(14, 14), "signed", centre=centre)
    assert grid.window_rect() == window
    assert not grid.cell_rect(*centre).isEmpty()


def test_a_map_smaller_than_the_window_is_shown_whole(grid):
    grid.set_values(*filled(3, 2), "signed", centre=(2, 1))
    assert grid.window_rect() == (0, 0, 3, 2)


def test_the_marked_cell_has_a_ring(grid, pixels, argb):
    grid.set_values(*filled(14, 14), "signed", centre=(7, 8))
    assert argb(DARK.mark) not in pixels(grid)
    grid.set_marked((7, 8))
    rows, columns = np.nonzero(pixels(grid) == argb(DARK.mark))
    rect = grid.cell_rect(7, 8).adjusted(-2, -2, 2, 2)
    assert rect.contains(QPoint(int(columns.min()), int(rows.min())))
    assert rect.contains(QPoint(int(columns.max()), int(rows.max())))
    grid.set_marked((0, 0))  # outside the window
    assert argb(DARK.mark) not in pixels(grid)


def test_clicks_and_hover_name_the_cell_of_the_whole_map(grid, qtbot):
    grid.set_values(*filled(14, 14), "signed", centre=(7, 8))
    with qtbot.waitSignal(grid.cell_clicked) as clicked:
        qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=grid.cell_rect(9, 6).center())
    assert clicked.args == [9, 6]
    with qtbot.waitSignal(grid.hovered) as hovered:
        qtbot.mouseMove(grid, grid.cell_rect(5, 11).center())
    assert hovered.args == [(5, 11)]
    assert grid.cell_at(QPointF(1, 1)) is None


def test_arrow_keys_go_from_the_mark_and_stay_inside(grid, qtbot):
    grid.set_values(*filled(14, 14), "signed", centre=(0, 8))
    grid.set_marked((0, 8))
    reached = []
    grid.cell_clicked.connect(lambda row, column: reached.append((row, column)))
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Down):
        qtbot.keyClick(grid, key)
    assert reached == [(0, 7), (0, 8), (1, 8)]


def test_shapes_must_agree(grid):
    with pytest.raises(ValueError, match="must be one matrix"):
        grid.set_values(np.zeros((3, 3), np.uint8), np.zeros((3, 4)), "signed")


def test_other_numbers_of_the_same_size_do_not_lay_the_window_out_anew(shown, qapp):
    """Numbers run while one draws or plays, and a layout of the whole window takes longer than their paint."""
    grid = shown(NumberGrid(), 200, 160)
    asked = []
    grid.updateGeometry = lambda: asked.append(1)
    for window in (None, (3, 3)):
        grid.set_values(np.zeros((5, 5), np.uint8), np.zeros((5, 5)), "signed", window=window)
        asked.clear()
        grid.set_values(np.ones((5, 5), np.uint8), np.ones((5, 5)), "signed", window=window)
        assert not asked


def test_new_numbers_in_the_same_cells_are_all_that_is_painted(grid, pixels, repainted):
    """What stands on the screen then is what painting everything anew gives."""
    random = np.random.default_rng(0)
    maps = [(random.integers(0, 253, (9, 9)).astype(np.uint8), random.normal(size=(9, 9))) for _ in range(2)]
    grid.set_values(*maps[0], "signed", window=(5, 5), centre=(0, 0))
    grid.set_marked((0, 0))
    area, picture = repainted(grid, lambda: grid.set_values(*maps[1], "signed", window=(5, 5)))
    assert area == grid.cell_rect(0, 0).united(grid.cell_rect(4, 4))
    assert np.array_equal(picture, pixels(grid))


@pytest.mark.parametrize(("width", "height"), [(360, 90), (150, 240), (140, 70)])
def test_where_there_is_little_room_the_window_is_smaller_and_its_numbers_are_read(shown, pixels, width, height):
    grid = shown(NumberGrid(), width, height)
    indices, values = filled(20, 20)
    grid.set_values(indices, values - 1.25, "signed", centre=(10, 10))
    _, _, rows, columns = grid.window_rect()
    assert 3 <= min(rows, columns) < 7
    grid.set_marked(None)
    drawn = cell(grid, pixels(grid), 10, 10)
    assert len(np.unique(drawn)) > 3, "there is a number in the cell"
