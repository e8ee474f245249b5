"""What is kept when the window closes, and what closing waits for."""

import os
import threading
from types import SimpleNamespace

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QMessageBox

from cnnviz.scene import actions
from cnnviz.scene.store import load_scene, restore_session


def test_the_session_is_saved_on_closing_and_restored(start, settle, scene_of, small, tmp_path, qtbot):
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 33)
    program.window.docks["samples"].close()
    qtbot.waitUntil(lambda: "samples" not in program.window.visible_panels())
    program.document.edit("pointer", {"layer": "conv", "channel": 0, "row": 0, "column": 0})
    settle(program)
    program.window.close()
    scene, notice = restore_session(tmp_path / "state" / "session.json")
    assert notice is None
    assert scene.input.edits.rotation == 33
    assert scene.pointer is None
    again = start(scene, keep_session=True)
    assert again.window.visible_panels() == set(again.window.workspace.panels) - {"samples"}


def test_the_session_is_saved_while_the_program_runs(start, scene_of, small, tmp_path, qtbot, monkeypatch):
    from cnnviz.ui import session

    monkeypatch.setattr(session, "SAVE_AFTER_MS", 10)
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 44)
    path = tmp_path / "state" / "session.json"
    qtbot.waitUntil(lambda: path.exists() and load_scene(path).input.edits.rotation == 44)


def test_a_session_still_being_saved_in_the_background_does_not_replace_the_last_one(
    start, scene_of, small, tmp_path, monkeypatch
):
    from cnnviz.scene.store import save_scene
    from cnnviz.ui import session

    begun, go_on = threading.Event(), threading.Event()

    def slow(scene, path):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            go_on.wait(30)
        save_scene(scene, path)

    monkeypatch.setattr(session, "save_scene", slow)
    monkeypatch.setattr(session, "SAVE_AFTER_MS", 0)
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 1)
    while not begun.is_set():
        QApplication.processEvents()
    program.document.edit("input.edits.rotation", 2)
    threading.Timer(0.1, go_on.set).start()
    program.window.close()
    assert load_scene(tmp_path / "state" / "session.json").input.edits.rotation == 2


@pytest.fixture
def disk(monkeypatch):
    """A disk that is full until ``room`` is True."""
    from cnnviz.scene.store import save_scene
    from cnnviz.ui import session

    def save(scene, path):
        if not disk.room and path.parent not in disk.others:
            raise OSError(28, "No space left on device")
        save_scene(scene, path)

    disk = SimpleNamespace(room=False, others=[])
    monkeypatch.setattr(session, "save_scene", save)
    return disk


@pytest.fixture
def answers():
    """Presses buttons of the box that is asked with, one after another, and notes what it says."""
    said, wanted = [], []

    def press():
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            return
        said.append(box.text())
        before, title = wanted.pop(0)
        before()
        next(button for button in box.buttons() if button.text() == title).click()

    timer = QTimer()
    timer.setInterval(20)
    timer.timeout.connect(press)
    timer.start()
    yield SimpleNamespace(said=said, wanted=wanted)
    timer.stop()


def test_a_session_that_cannot_be_saved_is_asked_about_when_the_window_has_gone(
    start, scene_of, small, disk, answers, tmp_path
):
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 7)
    path = tmp_path / "state" / "session.json"
    gone = []
    answers.wanted += [
        (lambda: gone.append(not program.window.isVisible()), "Try again"),
        (lambda: setattr(disk, "room", True), "Try again"),
    ]
    assert program.window.close()
    assert answers.said == [f"The session could not be saved as {path}: No space left on device."] * 2
    assert gone == [True]
    assert load_scene(path).input.edits.rotation == 7


def test_a_session_that_cannot_be_saved_is_saved_elsewhere(
    start, scene_of, small, disk, answers, tmp_path, monkeypatch
):
    program = start(scene_of(small), keep_session=True)
    program.document.edit("input.edits.rotation", 8)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    disk.others.append(elsewhere)
    monkeypatch.setattr(
        "cnnviz.ui.unsaved.QFileDialog.getSaveFileName", lambda *_: (str(elsewhere / "kept.json"), "Scenes")
    )
    answers.wanted.append((lambda: None, "Save elsewhere…"))
    assert program.window.close()
    assert load_scene(elsewhere / "kept.json").input.edits.rotation == 8
    assert not answers.wanted


def test_a_disk_that_is_full_does_not_keep_the_window_from_closing(start, scene_of, small, disk, answers):
    program = start(scene_of(small), keep_session=True)
    answers.wanted.append((lambda: None, "Close without saving"))
    assert program.window.close()
    assert not program.window.isVisible()


def test_a_run_that_cannot_be_saved_is_told_of_when_the_window_has_gone(start, scene_of, small, answers, tmp_path):
    program = start(scene_of(small), keep_session=True)
    program.training.unsaved = "Step 20 cannot be saved in runs/a."
    answers.wanted.append((lambda: None, "Close"))
    assert program.window.close()
    assert answers.said == ["Step 20 cannot be saved in runs/a."]
    assert (tmp_path / "state" / "session.json").exists()


def test_a_program_that_is_told_to_end_asks_nobody(start, scene_of, small, disk, answers, qtbot, capsys):
    program = start(scene_of(small), keep_session=True)
    program.close_soon()
    qtbot.waitUntil(lambda: not program.window.isVisible())
    assert answers.said == []
    assert "No space left on device" in capsys.readouterr().err


def test_a_program_that_is_told_to_end_takes_its_question_back(start, scene_of, small, disk):
    program = start(scene_of(small), keep_session=True)
    told = []
    timer = QTimer()
    timer.timeout.connect(
        lambda: QApplication.activeModalWidget() and (timer.stop(), told.append(program.close_soon()))
    )
    timer.start(20)
    assert program.window.close()
    assert len(told) == 1
    assert QApplication.activeModalWidget() is None


def test_closing_in_the_middle_of_a_pass(start, scene_of, gated, gate, tmp_path):
    program = start(scene_of(gated), keep_session=True)
    gate.hold()
    program.document.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    threading.Timer(0.2, gate.open.set).start()
    assert program.window.close()
    assert program.close(), "the engine has ended"
    assert "cnnviz-engine" not in {thread.name for thread in threading.enumerate() if thread.is_alive()}
    assert load_scene(tmp_path / "state" / "session.json").input.edits.brightness == 0.5


def test_a_pass_that_does_not_end_is_left_behind_with_the_process(start, scene_of, gated, gate, monkeypatch):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    program = start(scene_of(gated), owns_process=True)
    gate.hold()
    program.document.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    program.window.close()
    assert left == [0]
    gate.open.set()


def test_a_restored_sample_is_marked_in_the_strip(start, settle, named, tmp_path):
    program = start(actions.first_scene(), keep_session=True)
    strip = named(program.window.docks["samples"].view, "Samples")
    marked = strip.selected
    assert marked is not None
    program.window.close()
    scene, _ = restore_session(tmp_path / "state" / "session.json")
    again = start(scene, keep_session=True)
    assert named(again.window.docks["samples"].view, "Samples").selected == marked
    again.document.append("input.drawing.strokes", {"points": ((1.0, 1.0),)})
    settle(again)
    assert named(again.window.docks["samples"].view, "Samples").selected is None
