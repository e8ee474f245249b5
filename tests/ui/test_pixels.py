"""Images as words for Qt."""

import numpy as np
import pytest

from cnnviz.ui.pixels import image_words, words_image


@pytest.mark.parametrize("paper", [True, False])
def test_colours_are_exact_and_held_in_range(hub, paper):
    image = np.array([[[0.0, 1.0, 2.0]], [[0.5, 0.0, -1.0]], [[1.0, 0.25, 0.0]]], np.float32)
    words = image_words(image, paper=paper)
    assert [f"{word:08x}" for word in words[0]] == ["ff0080ff", "ffff0040", "ffff0000"]


def greys(image, *, paper):
    """The red of each word, which is that of green and blue as well up to a tint."""
    words = image_words(image, paper=paper)
    assert words.dtype == np.uint32
    reds, blues = (words >> 16 & 255).astype(int), (words & 255).astype(int)
    assert (abs(reds - blues) < 30).all()
    return reds[0].tolist()


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_other_images_are_shown_by_their_first_channel_in_grey(hub, channels, theme):
    hub.set(theme, 1.0)
    image = np.zeros((channels, 1, 3), np.float32)
    image[0, 0] = (0.0, 0.5, 1.0)
    black, grey, white = greys(image, paper=False)
    assert (black, white) == (0, 255)
    assert grey == pytest.approx(128, abs=2)


def test_the_light_theme_shows_a_drawing_as_ink_on_paper(hub):
    image = np.array([[[0.0, 0.5, 1.0]]], np.float32)
    background, middle, ink = greys(image, paper=True)
    assert background < 60 < middle < ink
    hub.set("light", 1.0)
    background, middle, ink = greys(image, paper=True)
    assert background > 200 > middle > ink


def test_words_are_a_picture_without_a_copy(hub):
    words = np.array([[0xFF102030, 0xFF405060], [0xFFFFFFFF, 0xFF000000]], np.uint32)
    picture = words_image(words)
    assert (picture.width(), picture.height()) == (2, 2)
    assert [[picture.pixel(column, row) for column in range(2)] for row in range(2)] == words.tolist()
    words[0, 0] = 0xFFABCDEF
    assert picture.pixel(0, 0) == 0xFFABCDEF
