"""The whole program: who computes, what it looks like in every theme and size, and errors from anywhere."""

import gc
import sys
import threading

import numpy as np
import pytest
import torch
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.app import Program, install_hooks, qt_application
from cnnviz.commands.starting import put_off_collecting
from cnnviz.core import trace
from cnnviz.engine import network_host
from cnnviz.engine.failures import FailuresHub
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ElidedLabel


def test_the_collector_that_was_put_off_begins_with_the_first_result(tmp_path, scene_of, small, settle, qtbot):
    program = Program(scene_of(small), tmp_path, keep_session=False, owns_process=False)
    try:
        put_off_collecting()
        program.leave_start_behind()
        assert not gc.isenabled()
        with qtbot.waitSignal(program.window.first_painted):
            program.show()
        settle(program)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()
        program.discard()
        gc.collect()
        gc.freeze()  # as it was before


def test_a_panel_that_cannot_be_seen_computes_nothing_until_it_is(start, settle, scene_of, gated, gate, latest, qtbot):
    program = start(scene_of(gated))
    for name in ("network", "activations", "unit", "prediction"):
        program.window.docks[name].close()
    qtbot.waitUntil(lambda: program.window.visible_panels() == {"input", "samples", "filters"})
    settle(program)
    passes = gate.passes
    latest.clear()
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert set(latest) == {"input"}
    assert gate.passes == passes
    program.window.docks["prediction"].show()
    qtbot.waitUntil(lambda: "prediction" in program.window.visible_panels())
    settle(program)
    assert "prediction" in latest
    assert gate.passes == passes + 1


def test_a_panel_behind_another_tab_computes_nothing(start, settle, scene_of, small, latest, qtbot):
    program = start(scene_of(small))
    docks = program.window.docks
    program.window.tabifyDockWidget(docks["filters"], docks["unit"])
    docks["filters"].raise_()
    qtbot.waitUntil(lambda: "unit" not in program.window.visible_panels())
    settle(program)
    latest.clear()
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert "unit" not in latest
    docks["unit"].raise_()
    qtbot.waitUntil(lambda: "unit" in program.window.visible_panels())
    settle(program)
    assert "unit" in latest


def test_the_other_theme_repaints_everything_in_its_colours(start, settle, scene_of, small, pixels):
    program = start(scene_of(small))
    dark = pixels(program.window)
    QTest.keyClick(program.window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    settle(program)
    light = pixels(program.window)
    assert program.document.scene.appearance.theme == "light"
    assert np.median(dark & 0xFF) < 60
    assert np.median(light & 0xFF) > 200
    QTest.keyClick(program.window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    settle(program)
    assert (pixels(program.window) == dark).mean() > 0.995


def test_the_font_grows_and_shrinks_within_its_bounds(start, settle, scene_of, small):
    program = start(scene_of(small))
    label = next(each for each in program.window.findChildren(ElidedLabel) if each.isVisible() and each.text())
    height = label.sizeHint().height()
    larger, smaller, normal = (program.controller.commands[name] for name in ("larger", "smaller", "normal"))
    larger.trigger()
    assert program.document.scene.appearance.font_scale == pytest.approx(1.1)
    program.document.edit("appearance.font_scale", 1.7)
    for _ in range(3):
        larger.trigger()
    assert program.document.scene.appearance.font_scale == 2.0
    settle(program)
    assert label.sizeHint().height() > 1.6 * height
    program.document.edit("appearance.font_scale", 0.9)
    for _ in range(3):
        smaller.trigger()
    assert program.document.scene.appearance.font_scale == 0.75
    normal.trigger()
    assert program.document.scene.appearance.font_scale == 1.0
    settle(program)
    assert label.sizeHint().height() == height
    assert not program.document.can_undo


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("network", ["shipped:mnist-lenet", "shipped:cifar-net", "small"])
def test_no_word_is_cut_off_at_1280_by_720(start, scene_of, small, network, theme):
    if network == "small":
        scene = scene_of(small)
    else:
        document = Document(actions.first_scene())
        actions.use_network(document, network, 1 if "mnist" in network else 3)
        scene = document.scene
    appearance = scene.appearance.model_copy(update={"theme": theme})
    program = start(scene.model_copy(update={"appearance": appearance}), size=(1280, 720))
    assert (program.window.width(), program.window.height()) == (1280, 720)
    labels = [each for each in program.window.findChildren(ElidedLabel) if not each.visibleRegion().isEmpty()]
    cut = {each.text(): each.shown_text() for each in labels if each.shown_text() != each.text()}
    assert len(labels) > 10
    assert cut == {}


def test_the_layout_is_reset_to_what_it_was_at_first(start, scene_of, small, settle, qtbot):
    program = start(scene_of(small), size=(1280, 720))
    window = program.window

    def places():
        settle(program)
        return {name: window.docks[name].geometry().getRect() for name in window.visible_panels()}

    at_first = places()
    window.tabifyDockWidget(window.docks["activations"], window.docks["unit"])
    window.docks["unit"].raise_()  # wide there, and needs more room than in its own place
    assert places() != at_first
    window.reset_layout()
    qtbot.waitUntil(lambda: places() == at_first)


def test_the_window_fits_a_projector_in_larger_type(start, scene_of, small, settle):
    program = start(scene_of(small), size=(1280, 720))
    program.document.edit("appearance.font_scale", 1.5)
    for workspace in ("explore", "pooling", "loss", "gradients"):
        program.window.use_workspace(workspace)
        settle(program)
        least = program.window.minimumSizeHint()
        assert (least.width() <= 1280, least.height() <= 720) == (True, True), f"{workspace} needs {least}"


def test_an_unforeseen_error_becomes_a_notice_with_its_traceback(start, scene_of, small, monkeypatch):
    program = start(scene_of(small))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    install_hooks(program.failures)
    error = KeyError("in a slot")
    sys.excepthook(KeyError, error, None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, ValueError("in a thread"), None, None)))
    QApplication.processEvents()
    texts = program.window.notices.texts()
    assert len(texts) == 2
    assert "in a slot" in texts[0]
    assert "in a thread" in texts[1]


def test_ctrl_c_ends_the_program_and_is_no_failure(qapp, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    quits = []
    monkeypatch.setattr(QApplication, "quit", lambda *_: quits.append(1))
    hub = FailuresHub()
    heard = []
    hub.listen(heard.append)
    install_hooks(hub)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert (quits, heard) == ([1], [])


def test_there_is_one_application(qapp):
    assert qt_application() is qapp


def test_a_module_that_raises_says_so_in_its_panels_and_the_next_input_works(
    start, settle, scene_of, gated, gate, latest
):
    program = start(scene_of(gated))
    gate.error = RuntimeError("the kernel has a hole")
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    docks = program.window.docks
    for name in ("network", "activations", "unit", "prediction"):
        assert docks[name].view.state == "error"
        assert "the kernel has a hole" in docks[name].view.message
    assert docks["input"].view.state == "fresh"
    assert any("the kernel has a hole" in text for text in program.window.notices.texts())
    gate.error = None
    program.document.edit("input.edits.brightness", 0.25)
    settle(program)
    assert {dock.view.state for dock in docks.values() if dock.isVisible()} == {"fresh"}
    assert latest["input"].rendered.edited.min() == pytest.approx(0.25)


def test_slow_work_is_said_and_the_saying_taken_back(start, settle, scene_of, gated, gate, qtbot):
    program = start(scene_of(gated))
    docks = program.window.docks
    gate.hold()
    program.document.edit("input.edits.brightness", 0.5)
    qtbot.waitUntil(lambda: docks["network"].view.state == "computing")
    gate.open.set()
    settle(program)
    assert {name: docks[name].view.state for name in program.window.visible_panels()} == dict.fromkeys(
        program.window.workspace.panels, "fresh"
    )


def test_a_device_that_runs_out_of_memory_is_left_in_scene_and_bar(start, settle, scene_of, small, monkeypatch):
    """The accelerator is feigned: the network claims to be on it and its pass runs out of memory."""
    accelerator = torch.device("meta")
    resolve, prepare, run = network_host.resolve_device, trace.prepare, trace.TracedNetwork.run

    def run_out(self, images, layers=None, **named):
        if images.device == accelerator:
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        return run(self, images, layers, **named)

    monkeypatch.setattr(network_host, "resolve_device", lambda name: accelerator if name == "cuda" else resolve(name))
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_: module)
    monkeypatch.setattr(trace, "prepare", lambda module, example: prepare(module, torch.zeros(example.shape)))
    monkeypatch.setattr(trace.TracedNetwork, "run", run_out)
    program = start(scene_of(small))
    program.document.edit("network.device", "cuda")
    settle(program)
    assert program.document.scene.network.device == "cpu"
    assert program.controller.bar.device.text() == "cpu"
    (notice,) = program.window.notices.texts()
    assert "ran out of memory" in notice
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert {dock.view.state for dock in program.window.docks.values() if dock.isVisible()} == {"fresh"}
    assert len(program.window.notices.texts()) == 1


def test_another_look_is_no_frame(start, scene_of, small, settle):
    program = start(scene_of(small))
    frames = []
    program.clock.framed.connect(lambda version, milliseconds: frames.append(version))
    program.document.edit("appearance.theme", "light")
    program.document.edit("appearance.font_scale", 1.2)
    settle(program)
    assert frames == []
    program.document.edit("input.edits.zoom", 1.1)
    settle(program)
    assert len(frames) == 1
