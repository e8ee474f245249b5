"""Draws the window's building blocks with made-up data, dark and light, into PNG files.

python tests/bench/gallery.py FOLDER [--scale 1.0] [--size 1600x1000] [--theme dark|light]
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QApplication, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cnnviz.ui.bar_list import BarList
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.colour_swatch import ColourSwatch
from cnnviz.ui.controls import ComboBox, IconButton, LabelledSlider, Segmented, Toggle, text_button
from cnnviz.ui.dock import Dock, DockWindow
from cnnviz.ui.histogram_view import HistogramView
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.menu_button import MenuButton
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.notices import NoticeStack
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import theme


@dataclass(frozen=True)
class MadeUpMosaic:
    indices: np.ndarray
    tile_shape: tuple[int, int]
    columns: int
    count: int
    gap: int
    low: float
    high: float
    signed: bool
    non_finite: int = 0

    def tile_rect(self, tile: int) -> tuple[int, int, int, int]:
        height, width = self.tile_shape
        row, column = divmod(tile, self.columns)
        return row * (height + self.gap), column * (width + self.gap), height, width


def stroke(size: int) -> np.ndarray:
    """Something like a drawn 5, (size, size) in [0, 1]."""
    points = [(0.22, 0.70), (0.24, 0.36), (0.48, 0.34), (0.46, 0.58), (0.62, 0.68), (0.76, 0.52), (0.78, 0.30)]
    rows, columns = np.mgrid[0:size, 0:size] / size
    image = np.zeros((size, size))
    for (r0, c0), (r1, c1) in pairwise(points):
        for t in np.linspace(0, 1, 24):
            distance = np.hypot(rows - (r0 + t * (r1 - r0)), columns - (c0 + t * (c1 - c0)))
            image = np.maximum(image, np.clip(1.6 - distance * 28, 0, 1))
    return image


def maps(count: int, size: int, signed: bool, seed: int = 0) -> np.ndarray:
    """Feature maps of the stroke under random 5x5 kernels, (count, size, size)."""
    random = np.random.default_rng(seed)
    image = np.pad(stroke(size), 2)
    windows = np.lib.stride_tricks.sliding_window_view(image, (5, 5))
    angles = random.uniform(0, 2 * np.pi, count)
    y, x = np.mgrid[-2:3, -2:3]
    kernels = np.stack([np.sin(1.4 * (np.cos(a) * x + np.sin(a) * y) + a) for a in angles])
    kernels += 0.5 * random.normal(size=kernels.shape) - (0.15 if signed else 0)
    result = np.einsum("ijkl,nkl->nij", windows, kernels)
    return result if signed else np.maximum(result, 0)


def quantise(values: np.ndarray, signed: bool) -> np.ndarray:
    high = np.nanmax(np.abs(values[np.isfinite(values)])) or 1.0
    scaled = np.nan_to_num(values, posinf=0, neginf=0) / high
    indices = np.round(126 + scaled * 126 if signed else scaled * 252).clip(0, 252).astype(np.uint8)
    indices[np.isnan(values)] = 253
    indices[np.isinf(values)] = 254
    return indices


def mosaic(values: np.ndarray, columns: int, signed: bool, gap: int = 1) -> MadeUpMosaic:
    count, height, width = values.shape
    rows = -(-count // columns)
    indices = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
    for tile, drawn in enumerate(quantise(values, signed)):
        row, column = divmod(tile, columns)
        y, x = row * (height + gap), column * (width + gap)
        indices[y : y + height, x : x + width] = drawn
    high = float(np.nanmax(np.abs(values[np.isfinite(values)])))
    bad = int((~np.isfinite(values)).sum())
    return MadeUpMosaic(indices, (height, width), columns, count, gap, -high if signed else 0.0, high, signed, bad)


class Panel(PanelView):
    """A panel of given parts."""

    def __init__(self, subtitle: str, *parts: QWidget, header: tuple[QWidget, ...] = ()) -> None:
        super().__init__(None)
        self._header = list(header)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().px(4))
        for part in parts:
            column.addWidget(part, 1 if isinstance(part, MosaicView) or part.property("grows") else 0)
        self.set_subtitle(subtitle)

    def header_controls(self) -> list[QWidget]:
        return self._header


def row(*parts: QWidget | None) -> QWidget:
    """Parts side by side; ``None`` takes the room left."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(theme().px(8))
    for part in parts:
        if part is None:
            layout.addStretch(1)
        else:
            layout.addWidget(part)
    return holder


def view_of(values: np.ndarray, kind: str, *, columns: int = 8, selected: int | None = None) -> MosaicView:
    view = MosaicView()
    view.set_mosaic(mosaic(values, columns, kind == "signed"), kind)
    view.set_selected(selected)
    return view


def build() -> DockWindow:
    window = DockWindow()
    left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
    canvas = view_of(stroke(28)[None], "grey")
    canvas.setMinimumHeight(theme().px(260))
    tools = Segmented(["brush", "erase", "fill", "move"])
    sliders = [
        LabelledSlider("brush", 0.5, 6, 2, step=0.1, digits=1, unit="px"),
        LabelledSlider("shift x", -14, 14, 0, step=0.5, digits=1, unit="px", sign=True),
        LabelledSlider("rotate", -180, 180, 0, step=1, digits=0, unit="°"),
        LabelledSlider("zoom", 0.25, 4, 1, step=0.01, digits=2, unit="×"),
        LabelledSlider("noise", 0, 1, 0, step=0.01),
    ]
    for slider, value in zip(sliders, (2.4, 1.5, -8, 1.6, 0.05), strict=True):
        slider.set_value(value)
    source = Dock("input", "Input", Panel("drawing · 28×28", canvas, row(tools, None, text_button("open")), *sliders))
    combo = ComboBox(["mnist-lenet", "cifar-net", "tiny-vgg"])
    toggle = Toggle("edges")
    toggle.set_value(True)
    more = row(
        combo,
        toggle,
        IconButton("undo", "Undo"),
        IconButton("redo", "Redo"),
        MenuButton("cpu", "Device", "device"),
        ColourSwatch((1.0, 0.7, 0.2)),
        None,
    )
    off = row(text_button("open", role="open"), text_button("run", role="play"), Toggle("off"), None)
    for button in (IconButton("undo", "Undo"), text_button("not now")):
        button.setEnabled(False)
        off.layout().insertWidget(off.layout().count() - 1, button)
    bars = BarList()
    bars.set_rows(["5", "6", "aeroplane and much more", "3", "0"], [0.9631, 0.021, 0.0123, 1e-9, float("nan")])
    bars.setMinimumHeight(theme().px(110))
    controls = Dock("controls", "Prediction", Panel("softmax", bars, more, off))

    network = Panel("114,314 weights · 4.2 M multiply-adds", QLabel("network"))
    net = Dock("network", "Network", network)
    scale = Segmented([("one", "one scale"), ("own", "each its own")])
    values = maps(32, 14, True)
    tiles = view_of(values, "signed", selected=6)
    bar, counts = ColourBar(), HistogramView()
    bar.set_scale("signed", -6.4, 6.4, nan=3)
    counts.set_histogram(*np.histogram(values, 64), signed=True)
    side = QWidget()
    side.setFixedWidth(theme().px(170))
    beside = QVBoxLayout(side)
    beside.setContentsMargins(0, 0, 0, 0)
    beside.setSpacing(theme().px(8))
    beside.addWidget(bar)
    beside.addWidget(counts)
    beside.addStretch(1)
    both = row(tiles, side)
    both.layout().setStretch(0, 1)
    both.setProperty("grows", True)
    activations = Panel("conv2 · 32 maps of 14×14", both, header=(scale,))
    acts = Dock("activations", "Activations", activations)
    relu = Dock("relu", "Unsigned", Panel("relu1 · 16 maps of 28×28", view_of(maps(16, 28, False), "unsigned")))
    random = np.random.default_rng(3)
    kernels = random.normal(size=(32, 5, 5))
    kernels[3, 2, 2], kernels[4, 1, 1] = np.nan, np.inf
    filters = Dock("filters", "Filters", Panel("conv2 · 32 × 16 × 5×5", view_of(kernels, "signed", selected=6)))
    field = Dock("field", "Receptive field", Panel("14×14 px, stride 2"))
    pooling = Dock("pooling", "Pooling", Panel("max 2×2"))
    grid, own = NumberGrid(), ColourBar(Qt.Orientation.Horizontal)
    grid.set_values(quantise(values[6], True), values[6], "signed", centre=(7, 8))
    grid.set_marked((7, 8))
    own.set_scale("unsigned", 0, 3.2, infinite=2)
    each = ColourBar(Qt.Orientation.Horizontal)
    each.set_scale("signed", np.full(3, -1), np.full(3, 2))
    unit = Dock("unit", "Unit", Panel("conv2, channel 6, row 7, column 8", grid, own, each))
    broken = Panel("a network of your own")
    trouble = Dock("trouble", "Gradients", broken)
    window.addDockWidget(left, source)
    window.addDockWidget(left, controls)
    window.addDockWidget(right, net)
    window.splitDockWidget(net, filters, Qt.Orientation.Horizontal)
    window.splitDockWidget(net, acts, Qt.Orientation.Vertical)
    window.splitDockWidget(acts, relu, Qt.Orientation.Vertical)
    window.splitDockWidget(filters, unit, Qt.Orientation.Vertical)
    window.splitDockWidget(unit, trouble, Qt.Orientation.Vertical)
    for other in (field, pooling):
        window.tabifyDockWidget(filters, other)
    filters.raise_()
    network.show_busy()
    broken.show_error(
        "The network takes 3 channels and the picture has 1. Choose a colour picture, or set Input to colour."
    )
    px = theme().px
    window.resizeDocks([source, net, filters], [px(300), px(910), px(370)], Qt.Orientation.Horizontal)
    window.resizeDocks([net, acts, relu], [px(140), px(420), px(320)], Qt.Orientation.Vertical)
    notices = NoticeStack(window)
    notices.show_message("An older notice")
    notices.show_message("Saved the scene as lesson.json.", "success")
    notices.show_message("The picture is 20,000 × 20,000 pixels; it was made smaller to 4,096 × 4,096.", "warning")
    for _ in range(3):
        notices.show_message("The network could not be run: relu() got an unexpected argument.", "error", "Traceback …")
    card = HoverCard(window)
    card.show_at(QPoint(px(740), px(560)), "conv2, channel 13", ["row 7, column 8", "−1.866"])
    return window


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--size", default="1600x1000")
    parser.add_argument("--theme", choices=("dark", "light"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    width, height = map(int, arguments.size.split("x"))
    for name in [arguments.theme] if arguments.theme else ["dark", "light"]:
        theme().set(name, arguments.scale)
        window = build()
        window.resize(width, height)
        window.show()
        for _ in range(5):
            app.processEvents()
        window.grab().save(str(arguments.folder / f"{name}.png"))
        window.close()


if __name__ == "__main__":
    main()
