import csv
import io
import math

import pytest
from PyQt6.QtCore import QSize
from PyQt6.QtGui import QImage

from cnnviz.ui.bars_figure import Bar, BarsFigure
from cnnviz.ui.figure import rendered
from cnnviz.ui.theme import DARK


def figure(values, **known):
    bars = tuple(Bar(f"layer{index}.conv", value, f"{value:.3f}") for index, value in enumerate(values))
    return BarsFigure("Error of every layer", "layer", "relative error", bars, **known)


def longest_run(picture: bytes, colour: str) -> int:
    """The longest row of pixels of one colour."""
    image, longest = QImage.fromData(picture), 0
    for y in range(image.height()):
        run = 0
        for x in range(image.width()):
            run = run + 1 if image.pixelColor(x, y).name() == colour else 0
            longest = max(longest, run)
    return longest


def test_bars_are_as_long_as_their_values(hub):
    full, half, quarter = (
        longest_run(rendered(figure([value], marked=0, full=2.0), ".png", QSize(300, 120)), DARK.accent)
        for value in (2.0, 1.0, 0.5)
    )
    assert full > 100
    assert half == pytest.approx(full / 2, abs=2)
    assert quarter == pytest.approx(full / 4, abs=2)


@pytest.mark.parametrize("count", [1, 20, 66, 400])
def test_all_rows_are_in_the_drawing_however_many(hub, count):
    drawing = rendered(figure([index / count for index in range(count)]), ".svg").decode()
    for index in range(count):
        assert f">{index / count:.3f}<" in drawing.replace(" ", "").replace("\n", "")


def test_the_table_has_every_value_and_what_goes_beside_it(hub):
    made = figure([0.5, math.nan, 0.125], beside=(("low", (0.25, math.nan, 0.0)),))
    assert list(csv.reader(io.StringIO(rendered(made, ".csv").decode()))) == [
        ["layer", "relative error", "low"],
        ["layer0.conv", "0.5", "0.25"],
        ["layer1.conv", "", ""],
        ["layer2.conv", "0.125", "0.0"],
    ]
