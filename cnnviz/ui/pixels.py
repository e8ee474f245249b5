"""Images as the words that Qt paints."""

from __future__ import annotations

from typing import Any

import numpy as np
from PyQt6.QtGui import QImage

from cnnviz.ui.theme import theme


def image_words(image: np.ndarray, *, paper: bool) -> np.ndarray:
    """RGB32 words ``(H, W)`` of an image ``(C, H, W)`` in [0, 1].

    ``paper`` paints one channel by the theme's table for drawings, so that an empty canvas looks like the panel;
    photos, and three channels, are painted as they are.
    """
    if image.shape[0] != 3:
        indices = np.clip(np.rint(image[0] * 252), 0, 252).astype(np.uint8)
        return np.ascontiguousarray(theme().table("grey" if paper else "photo").take(indices))
    red, green, blue = np.clip(np.rint(image * 255), 0, 255).astype(np.uint32)
    return np.ascontiguousarray(0xFF000000 | red << 16 | green << 8 | blue)


def words_image(words: np.ndarray, *, see_through: bool = False) -> QImage:
    """A picture over ``words``, uint32 ``(H, W)``, C-contiguous, read in place: keep them while it lives.

    ``see_through``: the words are ARGB with their colours multiplied by alpha, as Qt blends them.
    """
    height, width = words.shape
    # PyQt's stubs know bytes alone, the binding takes every buffer
    data: Any = words.data
    kind = QImage.Format.Format_ARGB32_Premultiplied if see_through else QImage.Format.Format_RGB32
    return QImage(data, width, height, width * 4, kind)
