"""Every figure of the measuring panels: saved in every format, with the scene beside it, and with the numbers shown."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PyQt6.QtGui import QImage
from PyQt6.QtSvg import QSvgRenderer

from cnnviz.engine.failures import FailuresHub
from cnnviz.scene.store import load_scene
from cnnviz.ui.background import Background
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import CurveFigure, rendered
from cnnviz.ui.figure_export import FigureExport
from cnnviz.ui.main_window import MainWindow

SIZE = (1, 8, 8)
SETTINGS = {
    "shift": {"selection.layer": "pool", "panels.equivariance.shift": 2.0},
    "warp": {
        "selection.layer": "pool",
        "panels.invariance.subject": "warp",
        "panels.equivariance.transform": "rotate",
        "panels.pooling.view": "numbers",
        "panels.receptive-field.show": "curve",
    },
    "channels": {
        "selection.layer": "conv",
        "panels.invariance.subject": "channels",
        "panels.equivariance.transform": "zoom",
    },
    "pyramids": {
        "selection.layer": "relu",
        "panels.invariance.subject": "pyramids",
        "panels.equivariance.transform": "flip",
    },
    "size": {"selection.layer": "relu", "panels.invariance.subject": "size", "panels.equivariance.inside": True},
}
FIGURES = {
    "receptive-field": {"Receptive field over depth", "Effective receptive field"},
    "chain-builder": {"Field against depth", "Ways from each pixel to the unit"},
    "pooling": {"Detector and pooled stage before and after the shift"},
    "invariance": {"pool, every kind of pooling against shift"},
    "equivariance": {
        "Equivariance error of pool",
        "Equivariance error of every layer, shifted by +2.0 px to the right, wrapped",
        "Both sides of pool, shifted by +2.0 px to the right, wrapped",
    },
    "padding": {
        "Equivariance error of pool, before and after",
        "Cells that padding reaches",
        "Cells of pool that padding reaches",
    },
    "consistency": {"Consistency, image by image", "Consistency under shift"},
    "symmetry": {"The maximum of the image under translation", "Fourier transform under rotation"},
}


def rows_of(figure):
    return list(csv.reader(io.StringIO(rendered(figure, ".csv").decode())))


@pytest.fixture
def shown(measuring_views, small):
    def show(settings):
        torch.manual_seed(0)
        return measuring_views(small, SIZE, SETTINGS[settings])

    return show


def test_all_that_is_drawn_is_offered(shown):
    for panel, view in shown("shift").items():
        titles = [figure.title for figure in view.figures()]
        assert set(titles) == FIGURES[panel]
        assert len(set(titles)) == len(titles), "a menu tells them apart"
        for plot in view.findChildren(CurvePlot):
            if plot.isVisibleTo(view):
                assert plot.curves.title in titles


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_figure_opens_in_every_format(shown, settings):
    for panel, view in shown(settings).items():
        assert view.figures(), panel
        for figure in view.figures():
            picture = QImage.fromData(rendered(figure, ".png"))
            assert picture.width() > 1000, (panel, figure.title)
            ground = picture.pixel(0, 0)
            drawn = sum(
                picture.pixel(x, y) != ground
                for x in range(0, picture.width(), 16)
                for y in range(0, picture.height(), 16)
            )
            assert drawn > 25, (panel, figure.title)
            drawing = rendered(figure, ".svg")
            assert QSvgRenderer(drawing).isValid(), (panel, figure.title)
            words = " ".join("".join(each.itertext()) for each in ElementTree.fromstring(drawing).iter())
            assert figure.title in words or panel == "pooling", (panel, figure.title)
            rows = rows_of(figure)
            numbers = [cell for row in rows[1:] for cell in row if cell.replace(".", "").replace("-", "").isdigit()]
            assert numbers, (panel, figure.title)


def test_tables_have_the_numbers_that_are_shown(shown):
    views = shown("shift")
    for panel, view in views.items():
        for figure in view.figures():
            if isinstance(figure, CurveFigure):
                names, *rows = rows_of(figure)
                for each in figure.curves.series:
                    column = [row[names.index(each.name)] for row in rows][: len(each.y)]
                    values = [float(cell) if cell else np.nan for cell in column]
                    np.testing.assert_array_equal(values, each.y, err_msg=f"{panel}: {each.name}")
                for mark in figure.curves.marks:
                    if mark.axis == "y":
                        assert float(rows[0][names.index(mark.text)]) == mark.value
    for panel, title in (
        ("equivariance", "Equivariance error of every layer, shifted by +2.0 px to the right, wrapped"),
        ("padding", "Cells that padding reaches"),
        ("consistency", "Consistency under shift"),
    ):
        (bars,) = views[panel].findChildren(BarList)
        (figure,) = [each for each in views[panel].figures() if each.title == title]
        _, *rows = rows_of(figure)
        assert [row[0] for row in rows] == [name for name, _, _ in bars.rows]
        values = [float(row[1]) if row[1] else np.nan for row in rows]
        np.testing.assert_array_equal(values, [share for _, share, _ in bars.rows])


def test_the_maps_of_both_sides_are_saved_as_torch_gives_them(shown, small, seen, noisy):
    views = shown("shift")
    (figure,) = [each for each in views["equivariance"].figures() if each.title.startswith("Both sides")]
    rows = rows_of(figure)
    tables = {}
    for row in rows:
        if len(row) == 2 and row[0] == "channel 0":
            table = tables[row[1]] = []
        else:
            table.append([float(cell) if cell else np.nan for cell in row])
    image = seen(SIZE, noisy)
    with torch.no_grad():
        layers = torch.nn.Sequential(small.conv, small.relu, small.pool)
        moved = layers(image.roll(2, 3))[0, 0].numpy()
        expected = layers(image).roll(1, 3)[0, 0].numpy()
    np.testing.assert_allclose(tables["f(T(x))"], moved, atol=1e-5)
    found = np.array(tables["T(f(x))"])
    told = ~np.isnan(found)
    assert told.mean() > 0.5
    np.testing.assert_allclose(found[told], expected[told], atol=1e-5)
    np.testing.assert_allclose(np.array(tables["difference"])[told], (moved - expected)[told], atol=1e-5)


def test_each_is_saved_with_the_scene_that_made_it(shown, qtbot, tmp_path):
    window, background = MainWindow(), Background(FailuresHub())
    qtbot.addWidget(window)
    views = shown("shift")
    document = views["padding"].document
    export = FigureExport(window, document, background)
    paths = []
    for panel, view in views.items():
        for number, figure in enumerate(view.figures()):
            for suffix in (".png", ".svg", ".csv"):
                paths.append(tmp_path / f"{panel}-{number}{suffix}")
                export.write(figure, paths[-1])
    qtbot.waitUntil(lambda: len(list(tmp_path.iterdir())) == len(paths) + len(paths) // 3)
    background.close()
    for path in paths:
        scene = load_scene(path.with_name(f"{path.stem}.scene.json"))
        assert scene.panel("equivariance").shift == 2.0
        assert scene.selection.layer == "pool"
        assert path.stat().st_size > 20
    assert not [text for text in window.notices.texts() if "cannot" in text]
