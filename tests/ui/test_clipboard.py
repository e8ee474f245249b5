"""Pictures from the clipboard."""

import io

import numpy as np
from PIL import Image
from PyQt6.QtGui import QColor, QImage

from cnnviz.ui.clipboard import encoded


def test_a_pasted_picture_is_a_png_of_its_pixels(qapp):
    picture = QImage(3, 2, QImage.Format.Format_ARGB32)
    picture.fill(QColor(10, 20, 30))
    picture.setPixelColor(2, 1, QColor(200, 100, 50, 128))
    read = Image.open(io.BytesIO(encoded(picture)))
    assert read.format == "PNG"
    values = np.asarray(read.convert("RGBA"))
    assert values.shape == (2, 3, 4)
    assert values[0, 0].tolist() == [10, 20, 30, 255]
    assert values[1, 2].tolist() == [200, 100, 50, 128]
