"""Images as the words that Qt paints."""

from __future__ import annotations

import numpy as np

from cnnviz.ui.theme import theme


def image_words(image: np.ndarray) -> np.ndarray:
    """RGB32 words ``(H, W)`` of an image ``(C, H, W)`` in [0, 1].

    One channel is painted by the theme's table for drawings, so that an empty canvas looks like the panel; three are
    painted as they are.
    """
    if image.shape[0] != 3:
        indices = np.clip(np.rint(image[0] * 252), 0, 252).astype(np.uint8)
        return np.ascontiguousarray(theme().table("grey")[indices])
    red, green, blue = np.clip(np.rint(image * 255), 0, 255).astype(np.uint32)
    return np.ascontiguousarray(0xFF000000 | red << 16 | green << 8 | blue)
