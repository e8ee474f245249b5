"""Training in the real window with its real process: what a person sees, and what is left when either of them ends."""

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QMessageBox

from cnnviz.checkpoints.open import open_network
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.client import TrainingClient
from cnnviz.training.run_folder import network_path, pending_runs, read_record, saved_steps
from cnnviz.training.run_label import RunLabel, read_label
from cnnviz.ui import training_session
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.slider import SliderTrack

pytestmark = pytest.mark.timeout(900)

PATH = "panels.training.settings"
LONG_MS = 400_000


@pytest.fixture
def in_training(start, qtbot, monkeypatch):
    """Opens the window in the workspace Training; a run there has small batches and no end unless told otherwise."""
    # beside other programs one that leaves the processor to them would hardly come on
    monkeypatch.setattr(training_session, "TrainingClient", partial(TrainingClient, niceness=0))

    def open_window(scene=None, **settings):
        document = Document(scene or actions.first_scene())
        for field, value in {"device": "cpu", "threads": 1, **settings}.items():
            document.edit(f"{PATH}.{field}", value)
        program = start(document.scene)
        program.window.use_workspace("training")
        qtbot.waitUntil(lambda: "training" in program.window.visible_panels())
        return program

    return open_window


@pytest.fixture
def endless(in_training):
    def open_window(scene=None):
        return in_training(scene, epochs=100_000, test_every=0, save_every=20, schedule="constant")

    return open_window


@pytest.fixture
def click(qtbot):
    def press(program, name):
        def ready():
            widgets = program.window.findChildren(QAbstractButton)
            return [each for each in widgets if each.isVisible() and name in (each.accessibleName(), each.text())]

        qtbot.waitUntil(lambda: any(button.isEnabled() for button in ready()), timeout=LONG_MS)
        (button,) = ready()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    return press


def shown_filters(program):
    """The first convolution's weights, as they are in the module that every panel is computed from."""
    network = program.stage.network
    layer = next(layer for layer in network.graph if layer.kind == "Conv2d")
    return network.weight(layer).clone()


def folder_of(program):
    return Path(program.training.run.folder) if program.training.run is not None else Path("nowhere")


def reaches(program, qtbot, step):
    qtbot.waitUntil(lambda: program.training.curve.last_step is not None, timeout=LONG_MS)
    qtbot.waitUntil(lambda: program.training.curve.last_step.step >= step, timeout=LONG_MS)


def phase_is(program, qtbot, phase):
    qtbot.waitUntil(lambda: program.training.phase == phase, timeout=LONG_MS)


def status_words(program):
    """What stands at the left of the status line."""
    return " ".join(label.text() for label in program.controller.status.findChildren(ElidedLabel))


def test_start_trains_digits_while_the_filters_move(in_training, click, qtbot, pixels):
    program = in_training(epochs=100_000, schedule="constant")  # how soon what is waited for comes, nobody knows
    filters = program.window.docks["filters"]
    seen, pictures = set(), {}

    def look():
        if program.training.is_shown and "filters" in program.window.visible_panels():
            seen.add(torch.sum(shown_filters(program)).item())
            picture = pixels(filters.widget())
            pictures.setdefault(picture.shape, set()).add(picture.tobytes())

    program.training.changed.connect(look)
    click(program, "Start")
    qtbot.waitUntil(lambda: len(seen) > 2, timeout=LONG_MS)
    qtbot.waitUntil(lambda: any(len(of_a_size) > 1 for of_a_size in pictures.values()), timeout=LONG_MS)
    program.training.changed.disconnect(look)
    curve = program.training.curve
    qtbot.waitUntil(lambda: curve.last_test is not None and curve.last_test.test_accuracy > 0.9, timeout=LONG_MS)
    assert "digits" in status_words(program)
    assert program.training.run.folder not in status_words(program)


@pytest.mark.slow
def test_what_start_begins_ends_by_itself_and_well(in_training, click, qtbot):
    program = in_training()
    click(program, "Start")
    phase_is(program, qtbot, "finished")
    assert program.training.curve.last_test.test_accuracy > 0.97


@pytest.mark.slow
def test_the_last_weights_are_shown_in_every_panel(in_training, click, qtbot, settle):
    program = in_training(epochs=2, save_every=10)
    click(program, "Start")
    phase_is(program, qtbot, "finished")
    folder = folder_of(program)
    saved = open_network(network_path(folder, saved_steps(folder)[-1])).module.state_dict()
    qtbot.waitUntil(lambda: _equal(program.stage.network.module.state_dict(), saved), timeout=LONG_MS)
    settle(program)
    assert _equal(program.stage.network.module.state_dict(), saved)
    assert program.document.scene.network.source == f"training:{folder}"
    assert program.document.scene.panel("epochs").folder == str(folder)


def _equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name].cpu(), other[name]) for name in one)


@pytest.mark.slow
def test_pause_step_continue_and_stop(endless, click, qtbot):
    program = endless()
    click(program, "Start")
    reaches(program, qtbot, 3)
    click(program, "Pause")
    phase_is(program, qtbot, "paused")
    step = program.training.state.step
    click(program, "One step")
    qtbot.waitUntil(lambda: program.training.state.step == step + 1, timeout=LONG_MS)
    assert program.training.phase == "paused"
    click(program, "Continue")
    reaches(program, qtbot, step + 5)
    click(program, "Stop and save")
    phase_is(program, qtbot, "idle")
    folder = folder_of(program)
    last = saved_steps(folder)[-1]
    assert last >= step + 5
    assert not pending_runs()
    click(program, "Continue")
    reaches(program, qtbot, last + 3)
    assert folder_of(program) == folder


@pytest.mark.slow
def test_the_learning_rate_changes_in_mid_run(endless, click, qtbot):
    program = endless()
    click(program, "Start")
    reaches(program, qtbot, 3)
    program.document.edit(f"{PATH}.learning_rate", 1.5e-5)
    qtbot.waitUntil(lambda: program.training.curve.last_step.learning_rate == 1.5e-5, timeout=LONG_MS)
    program.document.edit(f"{PATH}.batch_size", 60_000)
    qtbot.waitUntil(lambda: bool(program.training.trouble), timeout=LONG_MS)
    assert "batch" in program.training.trouble
    qtbot.waitUntil(lambda: program.training.settings.batch_size == 64, timeout=LONG_MS)
    reaches(program, qtbot, program.training.curve.last_step.step + 3)  # it goes on as before
    assert program.training.phase == "training"


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_window_and_weights(endless, click, qtbot, settle):
    program = endless()
    click(program, "Start")
    qtbot.waitUntil(lambda: len(saved_steps(folder_of(program))) > 2, timeout=LONG_MS)
    qtbot.waitUntil(lambda: program.training.is_shown, timeout=LONG_MS)
    os.kill(program.training.process_id, signal.SIGKILL)
    qtbot.waitUntil(lambda: "training process" in program.training.trouble, timeout=LONG_MS)
    assert program.training.phase == "idle"
    settle(program)
    before = shown_filters(program)
    program.document.edit("input.edits.brightness", 0.2)
    settle(program)
    assert torch.equal(shown_filters(program), before)
    assert any("go on from its last checkpoint" in text for text in program.window.notices.texts())
    run = pending_runs()[0]
    step = program.training.curve.last_step.step
    click(program, f"Go on with lenet on digits, step {run.step}")
    reaches(program, qtbot, step + 10)
    assert program.training.run.folder == str(run.folder)
    settle(program)


@pytest.mark.slow
def test_a_window_that_is_closed_saves_the_run_and_the_next_offers_it(endless, click, qtbot):
    program = endless()
    click(program, "Start")
    reaches(program, qtbot, 5)
    qtbot.waitUntil(lambda: program.training.is_shown, timeout=LONG_MS)
    process, step = program.training.process_id, program.training.curve.last_step.step
    scene = program.document.scene
    program.window.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    run = pending_runs()[0]
    assert run.step >= step
    again = endless(scene)
    saved = open_network(network_path(run.folder, run.step)).module.state_dict()
    assert _equal(again.stage.network.module.state_dict(), saved)
    click(again, f"Go on with lenet on digits, step {run.step}")
    reaches(again, qtbot, run.step + 1)


@pytest.mark.slow
def test_while_a_hand_draws_the_run_waits(endless, click, qtbot):
    program = endless()
    click(program, "Start")
    reaches(program, qtbot, 10)
    rates = []
    for _ in range(20):
        program.document.edit("input.edits.brightness", 0.01 * (len(rates) % 7))
        rates.append(program.training.curve.last_step.step)
        qtbot.wait(100)
    busy = rates[-1] - rates[5]
    qtbot.wait(600)
    before = program.training.curve.last_step.step
    qtbot.wait(1400)
    assert busy < (program.training.curve.last_step.step - before) / 3
    assert np.all(np.diff(rates) >= 0)


@pytest.mark.slow
def test_the_slider_goes_back_and_forth_over_a_run_that_is_still_training(endless, click, qtbot, settle, named):
    program = endless()
    click(program, "Start")
    qtbot.waitUntil(lambda: len(saved_steps(folder_of(program))) > 3, timeout=LONG_MS)
    qtbot.waitUntil(lambda: program.training.is_shown, timeout=LONG_MS)
    program.window.show_panel("epochs")
    qtbot.waitUntil(lambda: bool(program.window.docks["epochs"].findChildren(SliderTrack)))
    slider = named(program.window.docks["epochs"], "Checkpoints")
    folder = folder_of(program)
    live = program.document.scene.network.source
    # while the run itself is shown the slider is at its end
    qtbot.waitUntil(lambda: 3 <= slider.value() == slider.maximum() < 99, timeout=LONG_MS)
    for index in (0, 2, 1):
        before = program.training.curve.last_step.step
        slider.setValue(index)
        path = network_path(folder, saved_steps(folder)[index])
        qtbot.waitUntil(lambda path=path: program.document.scene.network.source == f"file:{path}", timeout=LONG_MS)
        saved = safetensors.torch.load_file(path)  # no module is made here: the engine may be tracing one
        qtbot.waitUntil(lambda saved=saved: _equal(program.stage.network.module.state_dict(), saved), timeout=LONG_MS)
        reaches(program, qtbot, before + 5)
        assert _equal(program.stage.network.module.state_dict(), saved), (
            "what trains on takes the place of what is shown"
        )
    grown = slider.maximum()
    qtbot.waitUntil(lambda: slider.maximum() > grown, timeout=LONG_MS)
    assert slider.value() == 1, "checkpoints that come move the slider"
    click(program, "Live")
    assert program.document.scene.network.source == live
    reaches(program, qtbot, program.training.curve.last_step.step + 5)
    settle(program)
    newest = torch.cat([tensor.flatten() for tensor in saved.values()])
    now = torch.cat([tensor.flatten().cpu() for tensor in program.stage.network.module.state_dict().values()])
    assert not torch.equal(newest, now)


@pytest.mark.slow
def test_a_comparison_is_trained_in_turn_and_what_a_killed_window_left_is_offered(in_training, click, qtbot, settle):
    program = in_training(epochs=3)
    program.window.show_panel("runs")
    settle(program)
    click(program, "Train Normalisation")
    queue = program.training.queue
    qtbot.waitUntil(lambda: len(queue.runs) == 4, timeout=LONG_MS)
    reaches(program, qtbot, 1)
    waiting = [run.id for run in queue.runs]
    program.window.close()
    again = in_training()
    again.window.show_panel("runs")
    settle(again)
    assert [run.id for run in again.training.queue.runs] == waiting
    assert not again.training.queue.goes
    click(again, "Train them")
    qtbot.waitUntil(lambda: not again.training.queue.runs and again.training.phase == "finished", timeout=LONG_MS)
    folder = again.training.queue.folder
    names = [read_label(each).name for each in sorted(folder.iterdir()) if each.is_dir()]
    assert names == [
        f"{place}, rate {rate}" for rate in (0.03, 0.3) for place in ("without", "before ReLU", "after ReLU")
    ]
    seeds = {read_record(each).settings.seed for each in folder.iterdir() if each.is_dir()}
    assert seeds == {0}


@pytest.mark.slow
def test_a_queued_run_whose_images_are_gone_is_passed_over_until_they_are_back(in_training, qtbot, tmp_path):
    program = in_training(epochs=1)
    queue, settings = program.training.queue, program.training.settings
    gone = settings.changed({"dataset": f"folder:{tmp_path / 'gone'}"})
    first, *others = queue.add([(gone, RunLabel()), (settings, RunLabel()), (gone.changed({"seed": 1}), RunLabel())])
    qtbot.waitUntil(lambda: not queue.goes, timeout=LONG_MS)
    assert program.training.phase == "idle"
    assert read_record(queue.folder / others[0]).status == "finished"
    assert [run.id for run in queue.runs] == [first, others[1]]
    assert all("is not there; bring it back" in run.trouble for run in queue.runs)
    assert sorted(each.name for each in queue.folder.iterdir() if each.is_dir()) == [others[0]]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_and_is_deleted_from_the_table(endless, click, qtbot, settle):
    program = endless()
    click(program, "Start")
    reaches(program, qtbot, 3)
    click(program, "Stop and save")
    phase_is(program, qtbot, "idle")
    folder = folder_of(program)
    step = saved_steps(folder)[-1]
    program.window.show_panel("runs")
    click(program, "Go on with the selected run from its last checkpoint")
    reaches(program, qtbot, step + 3)
    assert folder_of(program) == folder
    program.training.stop()
    phase_is(program, qtbot, "idle")
    click(program, "Delete the selected run, or let it wait no more (Del)")
    view = program.window.docks["runs"].view
    qtbot.waitUntil(lambda: not folder.exists() or bool(view.findChildren(QMessageBox)), timeout=LONG_MS)
    for box in view.findChildren(QMessageBox):  # where the system has no trash
        next(button for button in box.buttons() if "Delete" in button.text()).click()
    qtbot.waitUntil(lambda: not folder.exists(), timeout=LONG_MS)
    settle(program)
    assert program.training.run is None
