import subprocess
import sys

import numpy as np
import pytest
from cmap import Colormap
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QPushButton

from cnnviz.ui.stylesheet import stylesheet
from cnnviz.ui.theme import DARK, LIGHT, colour_table, relative_luminance, text_is_black_on

THEMES = [DARK, LIGHT]
KINDS = ["signed", "unsigned", "grey", "photo"]


def channels(table: np.ndarray) -> np.ndarray:
    return np.stack([table >> shift & 255 for shift in (16, 8, 0)], -1).astype(int)


@pytest.mark.parametrize("tokens", THEMES, ids=lambda tokens: tokens.name)
def test_zero_is_the_middle_of_the_diverging_map(tokens):
    table = channels(colour_table("signed", tokens))
    name = {"dark": "crameri:berlin", "light": "colorbrewer:RdBu_r"}[tokens.name]
    for index, place in ((126, 0.5), (0, 0.0), (252, 1.0)):
        expected = np.array(Colormap(name)(place).rgba[:3]) * 255
        np.testing.assert_allclose(table[index], expected, atol=2)


@pytest.mark.parametrize("tokens", THEMES, ids=lambda tokens: tokens.name)
def test_nothing_looks_like_the_ground(tokens):
    ground = relative_luminance(int(colour_table("photo", tokens)[255]))
    for kind, zero in (("signed", 126), ("grey", 0)):
        assert abs(relative_luminance(int(colour_table(kind, tokens)[zero])) - ground) < 0.1


@pytest.mark.parametrize("tokens", THEMES, ids=lambda tokens: tokens.name)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_has_a_colour_of_its_own(kind, tokens):
    table = channels(colour_table(kind, tokens))
    values, nan, infinite = table[:253], table[253], table[254]
    for special in (nan, infinite):
        assert np.linalg.norm(values - special, axis=1).min() > 90
    assert np.linalg.norm(nan - infinite) > 150
    assert colour_table(kind, tokens)[255] == 0xFF000000 | int(tokens.panel[1:], 16)


@pytest.mark.parametrize("tokens", THEMES, ids=lambda tokens: tokens.name)
@pytest.mark.parametrize("kind", KINDS)
def test_text_on_any_value_is_legible(kind, tokens):
    black = text_is_black_on(kind, tokens)
    for colour, is_black in zip(colour_table(kind, tokens), black, strict=True):
        bright = relative_luminance(int(colour)) + 0.05
        contrast = bright / 0.05 if is_black else 1.05 / bright
        assert contrast >= 4.5


@pytest.mark.parametrize("tokens", THEMES, ids=lambda tokens: tokens.name)
def test_the_words_of_the_window_are_legible(tokens):
    def contrast(one: str, other: str) -> float:
        bright, dark = sorted((relative_luminance(int(c[1:], 16)) + 0.05 for c in (one, other)), reverse=True)
        return bright / dark

    for ground in (tokens.panel, tokens.raised):
        assert contrast(tokens.text, ground) >= 7
        assert contrast(tokens.muted, ground) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5


def test_a_drawing_turns_with_the_theme_and_a_photo_does_not():
    assert colour_table("grey", DARK)[0] == 0xFF000000
    assert colour_table("grey", LIGHT)[0] == 0xFFFFFFFF
    assert (colour_table("photo", DARK)[:253] == colour_table("photo", LIGHT)[:253]).all()


def test_the_whole_application_follows(hub, shown, pixels, argb):
    button = shown(QPushButton("press"), 80, 26)
    told = []
    hub.changed.connect(lambda: told.append(hub.name))
    assert argb(DARK.raised) in pixels(button)
    hub.set("light")
    assert argb(LIGHT.raised) in pixels(button)
    assert hub.current is LIGHT
    assert button.palette().color(QPalette.ColorRole.WindowText).name() == LIGHT.text
    assert told == ["light"]


def test_what_is_so_already_is_not_styled_anew(hub, qapp, monkeypatch):
    styled = []
    monkeypatch.setattr(qapp, "setStyleSheet", styled.append)
    hub.set("dark", 1.0)
    assert styled == []
    hub.set("light")
    hub.set(scale=1.25)
    assert len(styled) == 2
    hub.set("dark", 1.0)


def test_everything_grows_with_the_scale(hub, shown):
    button = shown(QPushButton("press"), 80, 26)
    small = button.sizeHint()
    hub.set(scale=1.5)
    assert button.sizeHint().height() == pytest.approx(1.5 * small.height(), abs=2)
    assert hub.font("title").pixelSize() == 18
    assert hub.px(8) == 12


@pytest.mark.parametrize(("asked", "given"), [(0.1, 0.75), (9, 2.0), (1.25, 1.25)])
def test_the_scale_stays_within_reason(hub, asked, given):
    hub.set(scale=asked)
    assert hub.scale == given


def test_an_unknown_theme_is_refused(hub):
    with pytest.raises(ValueError, match="no theme 'pink'"):
        hub.set("pink")
    assert hub.current is DARK


def test_the_system_theme_is_one_of_the_two(hub):
    hub.set("system")
    assert hub.name == "system"
    assert hub.current in (DARK, LIGHT)


@pytest.mark.parametrize("tokens", THEMES, ids=lambda tokens: tokens.name)
def test_the_style_sheet_is_filled_in(tokens):
    assert "$" not in stylesheet(tokens, 1.0)
    assert stylesheet(tokens, 1.0) != stylesheet(tokens, 1.5)


MODULES = [
    *("bar_list", "colour_bar", "colour_swatch", "controls", "dock", "histogram_view", "hover_card", "icons"),
    *("mosaic_view", "notices", "number_grid", "numbers", "panel_view", "slider", "stylesheet", "theme"),
]


def test_the_building_blocks_load_without_anything_slow():
    code = "\n".join(
        [
            "import sys",
            *(f"import cnnviz.ui.{module}" for module in MODULES),
            "slow = {'torch', 'skimage', 'sklearn', 'matplotlib', 'scipy', 'qtpy', 'pyqtgraph', 'cmap'}",
            "print(sorted(slow & set(sys.modules)))",
        ]
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
