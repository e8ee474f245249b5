"""Networks that lack what the measuring panels measure: each panel says so in words, and leaves no picture empty."""

import re

import numpy as np
import pytest
import torch
from PyQt6.QtWidgets import QLabel
from torch import nn

from cnnviz.panels.network_paint_view import heading
from cnnviz.panels.network_view import NetworkView
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.mosaic_view import MosaicView


class ValueDependent(nn.Module):
    """Which layers run depends on what the first gives; the values cannot be followed by a graph."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(48, 2)

    def forward(self, x):
        maps = self.conv(x)
        maps = maps.relu() if maps.mean() > 0 else maps.tanh()
        return self.head(self.pool(maps).flatten(1))


class EitherWay(nn.Module):
    """The brighter half of the image decides which layers run: a shift takes another way."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.extra = nn.Conv2d(3, 3, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.other = nn.AvgPool2d(2)
        self.head = nn.Linear(48, 2)

    def forward(self, x):
        maps = self.conv(x)
        maps = self.pool(self.extra(maps)) if x[0, :, :, :4].mean() <= x[0, :, :, 4:].mean() else self.other(maps)
        return self.head(maps.flatten(1))


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(48, 2)

    def forward(self, x):
        maps = self.pool(self.conv(x))
        return self.head(maps.flatten(1)), maps


class TwoInputs(TwoOutputs):
    def forward(self, x, other):
        return self.head(self.pool(self.conv(x) + self.conv(other)).flatten(1))


def broken():
    module = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 2))
    nn.init.constant_(module[0].weight, float("nan"))
    return module


def wider_than_its_input():
    return nn.Sequential(
        nn.Conv2d(1, 3, 5, padding=4, dilation=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 3, 3, padding=2, dilation=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, 2),
    )


SIZE = (1, 8, 8)
BRIGHT_LEFT = {
    "input.edits.occlude": True,
    "input.edits.occluder_row": 4.0,
    "input.edits.occluder_column": 0.0,
    "input.edits.occluder_value": 1.0,
}
NETWORKS = {
    "no maps": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 2)), SIZE),
    "a convolution alone": (lambda: nn.Conv2d(1, 3, 3), SIZE),
    "a pooling alone": (lambda: nn.MaxPool2d(2), SIZE),
    "a dense layer alone": (lambda: nn.Linear(8, 3), (1, 1, 8)),
    "smaller than the field": (wider_than_its_input, (1, 4, 4)),
    "value dependent": (ValueDependent, SIZE, {"selection.layer": "pool"}),
    "another way": (EitherWay, SIZE, {"selection.layer": "pool", "panels.receptive-field.over": "samples"}),
    "not on its way": (EitherWay, SIZE, {"panels.pooling.layer": "pool", **BRIGHT_LEFT}),
    "two outputs": (TwoOutputs, SIZE),
    "two inputs": (TwoInputs, SIZE),
    "not finite": (broken, SIZE),
}
WAY = "The network's way may depend on the values: its layers are those of one run"
SAID = {
    "no maps": {
        "receptive-field": "no layer of .* open a network with convolutions",
        "pooling": "no feature maps.* open another network",
        "invariance": "no pooling with a window",
        "equivariance": "there is no map",
        "padding": "no layer of this network has a map",
    },
    "a convolution alone": {
        "pooling": "no pooling.* open a network that pools",
        "invariance": "no pooling with a window",
        "padding": "no padding: there is nothing to switch",
    },
    "a pooling alone": {"padding": "no padding", "consistency": r"shape \(1, 4, 4\).* open a classifier"},
    "a dense layer alone": {
        "pooling": "no feature maps",
        "equivariance": "no error to be told",
        "consistency": "open a classifier",
        "symmetry": "at least 2×2 pixels",
    },
    "smaller than the field": {
        "receptive-field": "larger than the input, 4×4 px",
        "padding": "reaches every cell",
    },
    "value dependent": {
        "receptive-field": f"computes something that the graph does not show.*{WAY}",
        "pooling": f"between conv and pool the network computes something that the graph does not show.*{WAY}",
        "invariance": f"between conv and pool the network computes something.* these are the layers.*{WAY}",
        "equivariance": f"computes something that the graph does not show.*{WAY}",
        "padding": f"not known.*{WAY}",
        "consistency": WAY,
    },
    "another way": {
        "receptive-field": f"{WAY}.*pool is not reached by every image: another way through the network was taken",
        "pooling": WAY,
        "invariance": WAY,
        "equivariance": WAY,
        "padding": WAY,
        "consistency": f"50.0 %.*{WAY}",
    },
    "not on its way": {
        "pooling": "This input does not reach pool: another way through the network was taken. Choose another input",
        "invariance": WAY,
        "equivariance": WAY,
    },
    "two outputs": dict.fromkeys(
        ("receptive-field", "pooling", "invariance", "equivariance", "padding", "consistency"),
        "gives 2 outputs: the first is its answer",
    ),
    "two inputs": "takes more than one image: hand over a module",
    "not finite": {
        "receptive-field": "not a number on this input",
        "pooling": "not finite",
        "invariance": "not finite",
        "equivariance": "not finite",
        "padding": "not finite",
        "consistency": "not finite: it agrees with none",
    },
}


def words_of(view):
    labels = [*view.findChildren(QLabel), *view.findChildren(ElidedLabel)]
    return " ".join([view.message, *(each.text() for each in labels if each.isVisibleTo(view))])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_panel_says_what_it_cannot_show(measuring_views, name):
    torch.manual_seed(0)
    make, size, *edits = NETWORKS[name]
    told = SAID[name]
    for panel, view in measuring_views(make(), size, dict(*edits)).items():
        said = words_of(view)
        assert re.search(told if isinstance(told, str) else told.get(panel, "."), said, re.IGNORECASE), (panel, said)
        if view.message:
            continue  # it covers the whole panel
        for plot in view.findChildren(CurvePlot):
            if plot.isVisibleTo(view):
                assert any(np.isfinite(each.y).any() for each in plot.curves.series), panel
        for picture in view.findChildren(MosaicView):
            if picture.isVisibleTo(view):
                assert picture.tile_rect(0).isValid(), (panel, picture.accessibleName())


def test_layers_that_an_input_does_not_come_to_are_told_and_the_others_shown(delivered, qapp, on_screen):
    drawn = {"input.drawing.strokes": ({"diameter": 4.0, "points": ((14.0, 4.0),)},)}  # the left half is the brighter
    edits = drawn | {"selection.layer": "extra"}
    delivery = delivered(EitherWay().eval(), (1, 8, 8), edits, ("network", "activations", "filters", "unit"))
    columns = {column.node.layer.name: column for column in delivery.results["network"].columns}
    assert [name for name, column in columns.items() if not column.reached] == ["extra", "pool"]
    assert all("does not come to the layer extra" in delivery.errors[panel] for panel in ("activations", "unit"))
    assert "filters" in delivery.results  # weights are there without a pass
    view = on_screen(NetworkView(Document()), 600, 400)
    view.show_result(delivery.results["network"])
    view.grab()
    assert [text for text, _, _ in heading(columns["extra"])][2] == "not reached"
