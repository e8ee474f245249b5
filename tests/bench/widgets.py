"""Milliseconds to take a new value and paint it, of the building blocks that repaint with every stroke.

python tests/bench/widgets.py
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from gallery import mosaic
from PyQt6.QtWidgets import QApplication, QWidget

from cnnviz.ui.bar_list import BarList
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.histogram_view import HistogramView
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.theme import theme


def measure(name: str, widget: QWidget, size: tuple[int, int], update: Callable[[int], None]) -> None:
    widget.resize(*size)
    widget.show()
    QApplication.processEvents()  # only what is exposed is painted
    times = []
    for number in range(200):
        start = time.perf_counter()
        update(number)
        widget.repaint()
        times.append(time.perf_counter() - start)
    print(f"{name:28} {np.median(times) * 1e3:.3f} ms, fastest {min(times) * 1e3:.3f} ms")
    widget.close()


def main() -> None:
    app = QApplication([])
    theme().set("dark")
    random = np.random.default_rng(0)
    for count, side, size in (
        (32, 14, (720, 400)),
        (64, 28, (720, 400)),
        (512, 28, (1280, 800)),
        (512, 112, (1280, 800)),
    ):
        pair = [mosaic(random.normal(size=(count, side, side)), 32, True) for _ in range(2)]
        view = MosaicView()
        measure(
            f"mosaic {count} x {side}x{side}", view, size, lambda k, v=view, p=pair: v.set_mosaic(p[k % 2], "signed")
        )
    bars, grid, histogram, bar = BarList(), NumberGrid(), HistogramView(), ColourBar()
    shares = np.sort(random.dirichlet(np.ones(5), 200))[:, ::-1]
    measure("bars, 5 rows", bars, (280, 110), lambda k: bars.set_rows(list("56830"), shares[k]))
    values = random.normal(size=(200, 14, 14))
    indices = (values * 40 + 126).clip(0, 252).astype(np.uint8)
    measure("number grid 7x7", grid, (360, 240), lambda k: grid.set_values(indices[k], values[k], "signed"))
    edges, counts = np.linspace(-6, 6, 65), random.integers(0, 100, (200, 64))
    measure(
        "histogram, 64 bins", histogram, (180, 70), lambda k: histogram.set_histogram(counts[k], edges, signed=True)
    )
    measure("colour bar", bar, (60, 150), lambda k: bar.set_scale("signed", -1 - k, 1 + k))
    del app


if __name__ == "__main__":
    main()
