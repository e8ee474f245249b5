from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtWidgets import QFileDialog, QMenu

from cnnviz.core.curves import Curves, series
from cnnviz.engine.failures import FailuresHub
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.scene.store import load_scene
from cnnviz.ui.background import Background
from cnnviz.ui.dock import Dock
from cnnviz.ui.figure import CurveFigure
from cnnviz.ui.figure_export import FigureExport
from cnnviz.ui.main_window import MainWindow
from cnnviz.ui.panel_view import PanelView

FIGURE = CurveFigure(Curves("Error of conv1/2", "x", "y", (series("a", np.arange(3.0), np.arange(3.0)),)))


class Plotted(PanelView):
    def figures(self):
        return [FIGURE]


@pytest.fixture
def background(qapp):
    background = Background(FailuresHub())
    yield background
    background.close()


@pytest.fixture
def export(qtbot, background):
    window = MainWindow()
    qtbot.addWidget(window)
    document = Document(Scene())
    document.edit("selection.channel", 5)
    return FigureExport(window, document, background)


def test_a_figure_is_saved_with_the_scene_that_made_it(export, qtbot, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *args: (asked.append(args) or str(tmp_path / "curve.csv"), "Table of numbers (*.csv)"),
    )
    export.save(FIGURE)
    qtbot.waitUntil(lambda: (tmp_path / "curve.scene.json").exists())
    assert asked[0][2] == "error-of-conv1-2.png"
    assert (tmp_path / "curve.csv").read_text().splitlines() == ["x,a", "0,0", "1,1", "2,2"]
    assert load_scene(tmp_path / "curve.scene.json").selection.channel == 5


def test_the_name_that_is_proposed_tells_figures_apart(export, monkeypatch):
    asked = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (asked.append(args[2]) or "", ""))
    for shift in ("+4.0", "−4.0"):
        export.save(CurveFigure(replace(FIGURE.curves, title=f"Error of conv1, shifted by {shift} px, wrapped")))
    assert asked == [
        "error-of-conv1-shifted-by-plus-4-0-px-wrapped.png",
        "error-of-conv1-shifted-by-minus-4-0-px-wrapped.png",
    ]


def test_a_name_without_an_ending_gets_that_of_the_kind_chosen(export, qtbot, tmp_path, monkeypatch):
    kind = "Drawing of lines and letters (*.svg)"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "curve"), kind))
    export.save(FIGURE)
    qtbot.waitUntil(lambda: (tmp_path / "curve.svg").exists())


def test_an_unknown_ending_is_told_and_nothing_is_written(export, tmp_path):
    export.write(FIGURE, tmp_path / "curve.doc")
    assert ".png" in export._window.notices.texts()[-1]
    assert not list(tmp_path.iterdir())


def test_the_menu_of_a_panel_offers_its_figures(qtbot):
    dock = Dock("p", "Panel", Plotted(None))
    qtbot.addWidget(dock)
    offered = []
    dock.figure_offered.connect(offered.append)
    (menu,) = dock.title_bar.findChildren(QMenu)
    for _ in range(2):  # also when it is opened again, each is there once
        menu.aboutToShow.emit()
    (entry,) = [action for action in menu.actions() if "Error of conv1/2" in action.text()]
    entry.trigger()
    assert offered == [FIGURE]
