"""Checkpoints over time: what is told of a folder, and the slider, the player and the watch in the real window."""

import numpy as np
import pytest
import safetensors.torch
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest

from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.save import save_network
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.panels.epochs_view import EpochsView
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.metrics import EpochMetrics, StepMetrics
from cnnviz.training.run_folder import Curve
from cnnviz.ui.controls import ElidedLabel, IconButton
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.slider import SliderTrack


@pytest.fixture
def run(tmp_path):
    """A folder with four checkpoints of the digits' network, and its paths."""
    folder = tmp_path / "run"
    folder.mkdir()
    opened = open_network("mnist-lenet")
    torch.manual_seed(0)
    paths = [folder / f"step-{number}.safetensors" for number in (1, 2, 10, 20)]
    for path in paths:
        with torch.no_grad():
            for weights in opened.module.parameters():
                weights.add_(0.05 * torch.randn_like(weights))
        save_network(opened.module, opened.card, path)
    return paths


def scene_at(path, **edits):
    document = Document(actions.first_scene())
    document.edit_many({"panels.epochs.folder": str(path.parent), "network.source": f"file:{path}"} | edits)
    return document.scene


def test_the_names_come_first_and_what_is_in_the_files_after(run, tmp_path):
    (run[0].parent / "cut.pt").write_bytes(b"PK\x03\x04")
    scene = scene_at(run[0])
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    request = Request(scene, 1, frozenset({"epochs"}))
    results = [each.results["epochs"] for each in computation.run(request, lambda: False, lambda: False)]
    assert [file.path.name for file in results[0].files] == ["cut.pt", *(path.name for path in run)]
    assert [result.left for result in results] == [5, 4, 3, 2, 1, 0]
    assert [file.path for file in results[-1].files] == run
    assert [file.path.name for file in results[-1].others] == ["cut.pt"]


def test_the_losses_of_a_run_of_this_program_are_drawn_and_a_click_shows_the_checkpoint_that_is_nearest(
    run, tmp_path, qtbot
):
    steps = [StepMetrics(n, 1, 2, n, 20, 2 / n, 0.5, 0.1, 8 * n, 9.0) for n in range(1, 21)]
    Curve(run[0].parent).append([*steps[:10], EpochMetrics(1, 10, 0.5, 0.5, 0.25, 0.75), *steps[10:]])
    scene = scene_at(run[0])
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    *_, last = computation.run(Request(scene, 1, frozenset({"epochs"})), lambda: False, lambda: False)
    result = last.results["epochs"]
    train, test = result.curves.series
    np.testing.assert_allclose(train.y, [2 / n for n in range(1, 21)])
    assert (test.x.tolist(), test.y.tolist()) == ([10], [0.25])
    document = Document(scene)
    view = EpochsView(document)
    qtbot.addWidget(view)
    view.show_result(result)
    (plot,) = view.findChildren(CurvePlot)
    assert not plot.isHidden()
    for step, path in ((11.8, run[2]), (1.4, run[0]), (99.0, run[3])):
        plot.cursor_moved.emit(step)
        assert document.scene.network.source == f"file:{path}"


@pytest.fixture
def program(start, run, settle):
    program = start(scene_at(run[0]))
    program.window.show_panel("epochs")
    settle(program)
    return program


def view(program):
    return program.window.docks["epochs"].view


def track(program):
    (found,) = [each for each in view(program).findChildren(SliderTrack) if each.accessibleName() == "Checkpoints"]
    return found


def words(program):
    return [each.text() for each in view(program).findChildren(ElidedLabel)]


def source(program):
    return program.document.scene.network.source


def place(slider, index):
    slider_range = slider.maximum() - slider.minimum()
    return QPoint(round(7 + index / slider_range * (slider.width() - 14)), slider.height() // 2)


def test_a_drag_over_the_slider_is_one_undo_step_and_all_panels_follow(program, run, settle, latest, named):
    slider = track(program)
    assert "step 1" in words(program)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=place(slider, 1))
    QTest.mouseMove(slider, place(slider, 2))
    QTest.mouseMove(slider, place(slider, 3))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=place(slider, 3))
    assert source(program) == f"file:{run[3]}"
    settle(program)
    assert {"step 20", "4 of 4"} <= set(words(program))
    weights = safetensors.torch.load_file(run[3])["conv1.weight"][0, 0].numpy()
    np.testing.assert_allclose(latest["filters"].kernel_values, weights, rtol=1e-6)
    program.document.undo()
    assert source(program) == f"file:{run[0]}"
    settle(program)
    weights = safetensors.torch.load_file(run[0])["conv1.weight"][0, 0].numpy()
    np.testing.assert_allclose(latest["filters"].kernel_values, weights, rtol=1e-6)
    assert slider.value() == 0


def test_playing_goes_to_the_end_and_is_one_undo_step(program, run, qtbot):
    program.document.edit("panels.epochs.speed", 30)
    shown = []
    program.document.changed.connect(lambda old, new: shown.append(new.network.source))
    named_button(program, "Play").click()
    qtbot.waitUntil(lambda: named_button(program, "Play") is not None)
    assert list(dict.fromkeys(shown)) == [f"file:{path}" for path in run[1:]]
    program.document.undo()
    assert source(program) == f"file:{run[0]}"


def named_button(program, begin):
    found = [each for each in view(program).findChildren(IconButton) if each.toolTip().startswith(begin)]
    return found[0] if found else None


def test_what_brings_another_network_stops_the_player(program, run):
    program.document.edit("panels.epochs.speed", 0.5)
    named_button(program, "Play").click()
    assert named_button(program, "Pause") is not None
    actions.use_network(program.document, "shipped:tiny-vgg", 3)
    assert named_button(program, "Pause") is None
    assert "another network is shown" in words(program)


def test_a_checkpoint_that_comes_is_seen_and_followed(program, run, qtbot, settle):
    program.document.edit_many({"panels.epochs.follow": True, "network.source": f"file:{run[3]}"})
    settle(program)
    new = run[0].with_name("step-100.safetensors")
    new.write_bytes(run[1].read_bytes())
    qtbot.waitUntil(lambda: source(program) == f"file:{new}")
    settle(program)
    assert {"step 100", "5 of 5"} <= set(words(program))


def test_without_a_folder_it_says_how_to_open_one(start, scene_of, small, settle):
    program = start(scene_of(small))
    program.window.show_panel("epochs")
    settle(program)
    assert "Open the folder" in view(program).message


def test_a_folder_that_is_dropped_shows_its_last_checkpoint(start, scene_of, small, run, qtbot, settle):
    program = start(scene_of(small))
    program.controller.open_path(run[0].parent)
    qtbot.waitUntil(lambda: source(program) == f"file:{run[3]}")
    settle(program)
    assert "4 of 4" in words(program)
    program.document.undo()
    assert source(program).startswith("live:")
    assert program.document.scene.panel("epochs").folder is None
