"""Pictures of the data sets that the program makes."""

import numpy as np
import pytest

from cnnviz.data.images import ImageError
from cnnviz.data.made_pictures import FIRST_OF, draw_made_picture
from cnnviz.data.shapes import load_shapes
from cnnviz.data.source import MadePicture


def test_a_picture_that_the_program_cannot_make_is_said_to_be_none():
    with pytest.raises(ImageError, match="only of shapes or dots"):
        draw_made_picture(MadePicture(dataset="stars", seed=0, label="red"))


def test_the_first_picture_is_new_to_the_network():
    pixels = draw_made_picture(FIRST_OF["shapes"]).pixels
    seen = load_shapes("test").images
    assert pixels.shape == seen.shape[1:]
    assert np.abs(seen / 255 - pixels).mean(axis=(1, 2, 3)).min() > 0.05
