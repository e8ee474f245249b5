import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PyQt6.QtCore import QRectF, QSize
from PyQt6.QtGui import QImage, QPainter

from cnnviz.core.curves import Curves, Mark, series
from cnnviz.ui.curve_painter import curve_colours
from cnnviz.ui.figure import CurveFigure, rendered

X = np.arange(9.0)
CURVES = Curves(
    "Error against shift",
    "shift (px)",
    "relative error",
    (series("conv1", X, X / 8), series("conv2", X, 1 - X / 8)),
    (Mark("y", 0.8, "chance"),),
)


def colours_in(picture: bytes) -> set[str]:
    image = QImage.fromData(picture)
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(0, image.height(), 3)}


def test_a_picture_has_the_size_asked_for_twofold_and_every_curve(qapp):
    picture = rendered(CurveFigure(CURVES), ".png", QSize(300, 200))
    image = QImage.fromData(picture)
    assert (image.width(), image.height()) == (600, 400)
    assert {colour.name() for colour in curve_colours(2)} <= colours_in(picture)


def test_a_hidden_curve_is_not_in_the_picture(qapp):
    found = colours_in(rendered(CurveFigure(CURVES, frozenset({"conv2"})), ".png", QSize(300, 200)))
    first, second = (colour.name() for colour in curve_colours(2))
    assert first in found
    assert second not in found


def test_a_drawing_holds_its_words_and_lines(qapp):
    root = ElementTree.fromstring(rendered(CurveFigure(CURVES), ".svg"))
    words = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
    for word in ("Error against shift", "conv1", "conv2", "shift (px)", "relative error", "chance", "0.4"):
        assert word in words
    lines = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) >= 2
    assert not list(root.iter("{http://www.w3.org/2000/svg}image"))


def test_a_table_has_the_numbers_of_the_curves(qapp):
    rows = list(csv.reader(io.StringIO(rendered(CurveFigure(CURVES), ".csv").decode())))
    assert rows[0] == ["shift (px)", "conv1", "conv2", "chance"]
    assert [float(cell) for cell in rows[3]] == [2, 0.25, 0.75, 0.8]
    assert {row[3] for row in rows[1:]} == {"0.8"}


def test_what_cannot_be_saved_is_said(qapp):
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.csv"):
        rendered(CurveFigure(CURVES), ".pdf")

    class Picture:
        title = "A picture"

        def paint(self, painter: QPainter, box: QRectF) -> None: ...

        def csv(self) -> None:
            return None

    with pytest.raises(ValueError, match="A picture"):
        rendered(Picture(), ".csv")
