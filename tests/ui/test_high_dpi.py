"""On a screen with two device pixels to the logical one nothing is blurred, and the pointer finds what it points at."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

LOOK = """
import json, sys
import numpy as np
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QImage
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

application = QApplication([])
from cnnviz.ui import input_canvas
from cnnviz.ui.input_canvas import InputCanvas
from cnnviz.ui.mosaic_view import MosaicView

def look(widget):
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    memory = image.constBits().asarray(image.sizeInBytes())
    return np.frombuffer(memory, np.uint32).reshape(image.height(), -1)[:, : image.width()] & 0xFFFFFF

def squares(shown, left, top, side, values):
    "For each value whether it is one square of its grey, `side` device pixels wide, counted from (left, top)."
    height, width = values.shape
    block = shown[top : top + height * side, left : left + width * side].reshape(height, side, width, side)
    grey = values.astype(int)[:, None, :, None] * 0x010101
    return (block == grey).all((1, 3))

rng = np.random.default_rng(0)
grey = rng.integers(0, 256, (8, 8)).astype(np.uint8)
said = {}

mosaic = MosaicView()
mosaic.set_labels([])
mosaic.resize(200, 120)
mosaic.set_rgb(np.hstack([grey, grey.T])[..., None].repeat(3, 2), (8, 8), 2, 2, 0)
mosaic.show()
QTest.qWaitForWindowExposed(mosaic)
shown = look(mosaic)
rect = mosaic.tile_rect(1)
side = rect.width() * 2 // 8
right = squares(shown, rect.left() * 2, rect.top() * 2, side, grey.T)
right[::7, ::7] = True  # the rounded corners
said["ratio"] = mosaic.devicePixelRatioF()
said["shown"] = shown.shape
said["mosaic"] = [side, bool(right.all())]
places = []
mosaic.hovered.connect(places.append)
for row, column in ((0, 0), (3, 6), (7, 7)):
    step = rect.width() / 8
    QTest.mouseMove(mosaic, QPoint(int(rect.left() + (column + 0.5) * step), int(rect.top() + (row + 0.5) * step)))
said["places"] = places

canvas = InputCanvas()
canvas.resize(200, 200)
input_canvas.GRID_FROM = float("inf")  # the pixels alone
canvas.set_image((grey / 255).astype(np.float32)[None], paper=False)
canvas.show()
QTest.qWaitForWindowExposed(canvas)
rect = canvas.image_rect()
side = int(rect.width() * 2) // 8
said["canvas"] = [side, bool(squares(look(canvas), int(rect.x() * 2), int(rect.y() * 2), side, grey).all())]
pointed = []
canvas.pointed.connect(pointed.append)
QTest.mouseMove(canvas, canvas.point_of(5.5, 2.5).toPoint())
said["pointed"] = pointed
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    run = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=os.environ
        | {"QT_SCALE_FACTOR": "2", "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_the_screen_has_two_pixels_to_the_logical_one(said):
    assert said["ratio"] == 2
    assert said["shown"] == [240, 400]


def test_maps_and_canvas_are_drawn_as_squares_of_their_own_colour(said):
    for side, right in (said["mosaic"], said["canvas"]):
        assert side >= 8
        assert right


def test_the_pointer_finds_the_value_that_it_points_at(said):
    assert said["places"] == [[1, 0, 0], [1, 3, 6], [1, 7, 7]]
    assert said["pointed"] == [[5, 2]]


def test_a_screenshot_has_the_pixels_of_the_screen(tmp_path):
    from PIL import Image

    out = tmp_path / "window.png"
    command = [
        sys.executable,
        "-m",
        "cnnviz",
        "screenshot",
        "--panel",
        "activations",
        "--size",
        "640x480",
        "--out",
        out,
    ]
    run = subprocess.run(
        command, env=os.environ | {"QT_SCALE_FACTOR": "2"}, capture_output=True, text=True, timeout=250
    )
    assert run.returncode == 0, run.stderr
    picture = np.asarray(Image.open(out).convert("RGB"))
    assert picture.shape == (960, 1280, 3)
    # drawn at this size, not enlarged: neighbours of each pair of pixels differ somewhere
    assert (picture[::2] != picture[1::2]).any()
    assert (picture[:, ::2] != picture[:, 1::2]).any()
