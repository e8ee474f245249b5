"""What the person decides about a file in the window: to trust it, to correct what it is held for, to leave it."""

import subprocess
import threading

import pytest
import torch
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QMessageBox, QPushButton
from torch import nn

from cnnviz.checkpoints import reader, sandbox
from cnnviz.scene import actions
from cnnviz.ui import reader_ahead

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture
def program(start):
    return start(actions.first_scene())


@pytest.fixture
def script(tmp_path):
    """A program with a layer whose answer can be told from any other's."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 30 * 30, 5)).eval()
    path = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(module, torch.zeros(1, 3, 32, 32)), path)
    return path, module


def button(parent, text):
    found = [each for each in parent.findChildren(QPushButton) if each.text() == text and each.isVisible()]
    assert len(found) == 1, f"{len(found)} buttons say {text!r}"
    return found[0]


def click(widget):
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def question(program, qtbot):
    """The open question about trust, once it is there."""

    def there():
        assert [box for box in program.window.findChildren(QMessageBox) if box.isVisible()]

    qtbot.waitUntil(there)
    return next(box for box in program.window.findChildren(QMessageBox) if box.isVisible())


def test_a_program_runs_after_the_person_has_said_so_and_not_before(program, script, settle, latest, qtbot):
    path, module = script
    program.controller.open_path(path)
    settle(program)
    shown = latest["checkpoint"]
    assert (shown.status, shown.trustable) == ("partial", True)
    trust = "Trust this file and run it …"

    click(button(program.window, trust))
    box = question(program, qtbot)
    assert path.name in box.text()
    assert "whatever you can" in box.informativeText()
    assert box.defaultButton().text() == "Do not run"  # what Enter does
    click(box.defaultButton())
    settle(program)
    assert not program.document.scene.network.trust
    assert latest["checkpoint"].status == "partial"

    click(button(program.window, trust))
    box = question(program, qtbot)
    QTest.keyClick(box, Qt.Key.Key_Escape)
    settle(program)
    assert not program.document.scene.network.trust

    click(button(program.window, trust))
    click(button(question(program, qtbot), "Trust and run"))
    settle(program)
    assert (latest["checkpoint"].status, latest["checkpoint"].trustable) == ("opened", False)
    assert latest["checkpoint"].parameters == sum(each.numel() for each in module.parameters())
    assert program.stage.network.lacks == ""
    with torch.no_grad():
        images = torch.rand(2, 3, 32, 32)
        assert torch.allclose(program.stage.network.traced.run(images).output, module(images), atol=1e-5)
    assert not [each for each in program.window.findChildren(QPushButton) if each.text() == trust and each.isVisible()]


def test_an_answer_can_be_taken_to_where_it_is_corrected(program, tmp_path, settle, latest):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10))
    path = tmp_path / "nobody.pt"
    torch.save(module.state_dict(), path)
    program.controller.open_path(path)
    settle(program)
    assert latest["checkpoint"].proposal
    assert "guess" not in program.window.visible_panels()
    click(button(program.window, "Correct it …"))
    settle(program)
    assert "guess" in program.window.visible_panels()
    assert [layer.name for layer, _ in latest["guess"].rows] == ["0", "2"]


def test_a_file_that_is_being_opened_can_be_left(program, script, settle, latest, qtbot, monkeypatch):
    path, _ = script
    before = program.document.scene
    may_go_on = threading.Event()
    plan_of = reader.plan_of

    def slow(*arguments):
        assert may_go_on.wait(30)
        return plan_of(*arguments)

    monkeypatch.setattr(reader, "plan_of", slow)
    try:
        program.controller.open_path(path)
        cancel = next(each for each in program.window.statusBar().findChildren(QPushButton) if each.text() == "Cancel")
        qtbot.waitUntil(cancel.isVisible)
        assert program.document.scene.network.source == f"file:{path}"
        click(cancel)
        assert program.document.scene.network == before.network
        assert not cancel.isVisible()
    finally:
        may_go_on.set()
    settle(program)
    assert program.stage.network.name == "mnist-lenet"
    assert program.document.scene.input == before.input
    assert tuple(latest["filters"].shape) == tuple(program.stage.network.module.state_dict()["conv1.weight"].shape)
    assert program.document.scene.panel("checkpoint").path is None
    assert program.window.notices.texts() == []
    # it can be opened again
    program.controller.open_path(path)
    settle(program)
    assert latest["checkpoint"].path == str(path)


@pytest.fixture
def none_ahead(monkeypatch):
    """No reader is started before it is needed."""
    monkeypatch.setattr(reader_ahead, "start_ahead", lambda reader: None)
    sandbox.leave_none_ahead()


def test_leaving_a_file_ends_the_process_that_reads_it(none_ahead, program, script, settle, qtbot, monkeypatch):
    """One that would take an hour: only where it is ended can the window go on."""
    path, _ = script
    children, start, command = [], subprocess.Popen, sandbox.command

    def begun(*arguments, **named):
        children.append(start(*arguments, **named))
        return children[-1]

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", begun)
        patch.setattr(sandbox, "command", lambda reader: command(reader, "import time; time.sleep(3600)"))
        patch.setattr(sandbox, "_PATIENCE", 3600.0)
        program.controller.open_path(path)
        cancel = next(each for each in program.window.statusBar().findChildren(QPushButton) if each.text() == "Cancel")
        qtbot.waitUntil(lambda: bool(children) and cancel.isVisible())
        click(cancel)
        qtbot.waitUntil(lambda: children[0].poll() is not None)
        settle(program)
    assert program.stage.network.name == "mnist-lenet"
    assert program.window.notices.texts() == []
    program.controller.open_path(path)
    settle(program)
    assert program.stage.network.choice.source == f"file:{path}"
