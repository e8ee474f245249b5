"""Loss landscape: the paths of the panel against closed forms and the trainer, words, and the person's hand."""

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel

from cnnviz.core.surfaces import SURFACES
from cnnviz.engine.panel import Rest
from cnnviz.panels import landscape_paths
from cnnviz.panels.landscape import LandscapeParams
from cnnviz.panels.landscape_looks import LOOKS, TITLES
from cnnviz.training.choices import OPTIMIZERS
from cnnviz.ui.controls import IconButton
from cnnviz.ui.plot_legend import PlotLegend
from cnnviz.ui.surface_plot import SurfacePlot

PATH = "panels.landscape"


def results_of(**params):
    landscape_paths._walks.clear()
    found = [
        each for each in landscape_paths.paths_on_function(LandscapeParams(**params)) if not isinstance(each, Rest)
    ]
    return [each for each in found if each.words != "Loading the optimisers."]


def path(result, name):
    (found,) = [each for each in result.paths if each.name == name]
    return found.points


def test_every_optimiser_has_a_name_and_a_look_of_its_own():
    assert set(TITLES) == set(LOOKS) == set(OPTIMIZERS)
    assert len(set(LOOKS.values())) == len(OPTIMIZERS)


def test_paths_grow_until_they_are_whole():
    results = results_of(optimizers=("sgd",), learning_rate=0.03, steps=100)
    assert [len(path(each, "SGD")) for each in results] == [41, 81, 101]
    steps = np.arange(101)
    np.testing.assert_allclose(path(results[-1], "SGD")[:, 0], -4.5 * 0.97**steps, atol=1e-12)
    assert results[-1].curves.series[0].y[0] == pytest.approx(0.5 * (4.5**2 + 20 * 1.8**2))


def test_a_path_that_was_walked_is_walked_on_and_not_anew(monkeypatch):
    results_of(optimizers=("sgd", "adam"), steps=50)
    made = []
    monkeypatch.setattr(
        landscape_paths, "_function", lambda *about: made.append(about) or (lambda x, y, s: (0.0, (0, 0)))
    )
    params = LandscapeParams(optimizers=("sgd", "adam"), steps=90, shown=3)
    (result,) = landscape_paths.paths_on_function(params)
    assert made == []
    assert len(path(result, "Adam")) == 91
    (shorter,) = landscape_paths.paths_on_function(params.model_copy(update={"steps": 20}))
    assert len(path(shorter, "Adam")) == 21


def test_too_high_a_rate_diverges_and_too_low_a_one_crawls():
    said = lambda **params: results_of(optimizers=("sgd",), **params)[-1].words  # noqa: E731
    assert said(learning_rate=0.5).endswith("SGD diverged after 1 step.")
    assert "SGD diverged after 4 steps" in said(learning_rate=0.12)  # 1.4ⁿ is above √10 from n = 4 on
    assert "SGD crawls at" in said(learning_rate=1e-5)
    assert "halved" in said(learning_rate=0.5, halve=True)
    assert "Click a name" in results_of(optimizers=())[-1].words


def test_mini_batches_are_shown_against_the_full_gradient():
    result = results_of(surface="least-squares", optimizers=("sgd",), batch=4, learning_rate=0.1)[-1]
    noisy, full = path(result, "SGD"), path(result, "SGD, full gradient")
    alone = results_of(surface="least-squares", optimizers=("sgd",), learning_rate=0.1)[-1]
    np.testing.assert_array_equal(full, path(alone, "SGD"))
    assert np.abs(noisy - full).max() > 0.05
    assert "4 of 64 points a step, 16 steps an epoch" in result.note
    assert [each.stroke for each in result.curves.series] == ["solid", "dotted"]


@pytest.mark.parametrize("name", SURFACES)
def test_every_function_can_be_gone_down_from_where_one_begins(name):
    """With its own rate the best of the optimisers leaves less than half of the loss, and none diverges."""
    result = results_of(surface=name, learning_rate=SURFACES[name].learning_rate)[-1]
    assert "diverged" not in result.words
    assert min(np.nan_to_num(series.y[-1]) / series.y[0] for series in result.curves.series) < 0.5
    shown = result.surface
    row, column = np.unravel_index(int(shown.values.argmin()), shown.values.shape)
    least = np.linspace(*shown.x, shown.values.shape[1])[column], np.linspace(*shown.y, shown.values.shape[0])[row]
    assert min(np.hypot(*np.subtract(least, minimum)) for minimum in shown.minima) < 0.08


# in the window


@pytest.fixture
def panel(start, scene_of, small, settle):
    program = start(scene_of(small))
    program.window.use_workspace("loss")
    settle(program)
    return program, program.window.docks["landscape"].view


def test_dragging_the_beginning_moves_all_paths_in_one_undo_step(panel, drag, settle, latest):
    program, view = panel
    (plot,) = view.findChildren(SurfacePlot)
    before = program.document.scene
    points = [plot.pixel_of(*place) for place in ((3.0, 1.0), (3.5, 1.5), (4.0, -2.0))]
    drag(plot, [(point.x(), point.y()) for point in points])
    settle(program)
    start = program.document.scene.panel("landscape").start
    assert start == pytest.approx((4, -2), abs=0.03)
    for each in latest["landscape"].paths:
        assert tuple(each.points[0]) == start
        assert len(each.points) == 151
    program.document.undo()
    assert program.document.scene.panels == before.panels


def test_names_steps_and_play(panel, settle, latest, qtbot):
    program, view = panel
    params = lambda: program.document.scene.panel("landscape")  # noqa: E731
    (names,) = [each for each in view.findChildren(PlotLegend) if "Adadelta" in each.accessibleName()]
    box = names.boxes()[list(LOOKS).index("nadam")]
    QTest.mouseClick(names, Qt.MouseButton.LeftButton, pos=box.center().toPoint())
    settle(program)
    assert params().optimizers == ("sgd", "momentum", "rmsprop", "adam", "nadam")
    assert "NAdam" in " ".join(label.text() for label in view.findChildren(QLabel))
    program.document.edit(f"{PATH}.shown", 147)
    (play,) = [each for each in view.findChildren(IconButton) if each.toolTip() == "Play through the steps"]
    can_undo = program.document.can_undo
    play.click()
    qtbot.waitUntil(lambda: params().shown == 150)
    assert program.document.can_undo == can_undo
    qtbot.waitUntil(lambda: not view._player.playing)
    play.click()
    qtbot.waitUntil(lambda: params().shown > 0)
    play.click()
    assert params().shown < 150
    assert len(view.figures()) == 2
