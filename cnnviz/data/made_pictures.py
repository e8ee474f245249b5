"""Pictures of the data sets that the program makes: drawn anew from a number whenever they are wanted."""

from __future__ import annotations

import numpy as np

from cnnviz.data.images import ImageError, Picture
from cnnviz.data.source import MadePicture

FIRST_OF = {
    "shapes": MadePicture(dataset="shapes", seed=13, label="ring"),
    "dots": MadePicture(dataset="dots", seed=2, label="row 2, column 2"),
}
"""What a network begins with that learned from such a data set; it is trained and tested on others."""


def draw_made_picture(made: MadePicture) -> Picture:
    """The picture, (C, H, W).

    Raises
    ------
    ImageError
        The program makes no such data set.
    """
    if made.dataset == "shapes":
        from cnnviz.data.shapes import draw_shapes

        images = draw_shapes(1, made.seed).images
    elif made.dataset == "dots":
        from cnnviz.data.dots import draw_dots

        images = draw_dots(1, made.seed).images
    else:
        known = " or ".join(FIRST_OF)
        raise ImageError(f"The program makes no pictures of “{made.dataset}”, only of {known}: choose another input.")
    return Picture(images[0].astype(np.float32) / 255, f"{made.label}, of the data set {made.dataset}")
