import numpy as np
import pytest
from PyQt6.QtGui import QIcon

from cnnviz.ui.icons import ROLES, application_icon, icon
from cnnviz.ui.theme import DARK, LIGHT


def ink(drawn: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal, state: QIcon.State = QIcon.State.Off) -> np.ndarray:
    """Alpha, red, green and blue of an icon at 32 pixels, (32, 32, 4)."""
    image = drawn.pixmap(32, 32, mode, state).toImage()
    return np.array([[image.pixelColor(x, y).getRgb() for x in range(32)] for y in range(32)])


def colour(drawn: np.ndarray) -> str:
    red, green, blue, _ = drawn[drawn[..., 3] > 250].mean(axis=0).round().astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_drawn(hub, role):
    drawn = ink(icon(role))
    rows, columns = np.nonzero(drawn[..., 3] > 128)
    assert rows.size > 12
    # in its middle, neither cut off nor pushed aside by the font's baseline
    assert abs(rows.min() + rows.max() - 31) <= 6
    assert abs(columns.min() + columns.max() - 31) <= 6


def test_roles_are_told_apart(hub):
    drawn = {role: ink(icon(role))[..., 3].tobytes() for role in ROLES}
    assert len(set(drawn.values())) == len(ROLES)


def test_an_icon_follows_the_theme_by_itself(hub):
    undo = icon("undo")
    assert colour(ink(undo)) == DARK.text
    hub.set("light")
    assert colour(ink(undo)) == LIGHT.text


def test_states_have_their_colours(hub):
    undo = icon("undo")
    assert colour(ink(undo, QIcon.Mode.Disabled)) == DARK.faint
    assert colour(ink(undo, state=QIcon.State.On)) == DARK.on_accent
    assert colour(ink(icon("undo", "mark"))) == DARK.mark


def test_an_unknown_role_is_an_error():
    with pytest.raises(KeyError, match="teapot"):
        icon("teapot")


@pytest.mark.parametrize("size", [16, 48, 256])
def test_the_programs_own_icon_has_its_mark_in_the_middle(qapp, size):
    image = application_icon().pixmap(size, size).toImage()
    ring = image.pixelColor(round(23.5 / 64 * size), size // 2)
    middle = image.pixelColor(size // 2, size // 2)
    assert ring.red() > 1.5 * ring.blue()
    assert ring.red() > 3 * middle.red()
    assert image.pixelColor(0, 0).alpha() < 128
