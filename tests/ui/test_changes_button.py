"""What the window says of changes to the network, and how they are taken back."""

import pytest
from PyQt6.QtWidgets import QApplication

from cnnviz.core.network_changes import SwapPooling, SwitchPadding
from cnnviz.panels.network_diagram_view import NetworkDiagram
from cnnviz.scene import actions
from cnnviz.ui.changes_button import ChangesButton
from cnnviz.ui.controls import ElidedLabel


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def button(program) -> ChangesButton:
    QApplication.processEvents()
    return program.window.findChild(ChangesButton)


def entries(chip: ChangesButton) -> dict:
    chip.entries.aboutToShow.emit()
    return {action.text(): action for action in chip.entries.actions() if action.text()}


def test_the_bar_says_what_is_changed_and_takes_it_back(program, settle):
    chip, reset = button(program), program.controller.commands["reset-network"]
    assert (chip.isVisibleTo(program.window), reset.isEnabled()) == (False, False)
    actions.change_network(program.document, SwapPooling("average"))
    assert (button(program).text(), chip.isVisibleTo(program.window)) == ("pooling: average", True)
    settle(program)
    said = [label.text() for label in program.controller.status.findChildren(ElidedLabel)]
    assert any("pooling: average" in text for text in said)
    actions.change_network(program.document, SwitchPadding("circular", "conv"))
    assert button(program).text() == "2 changes"
    assert "conv: padding: periodic" in chip.toolTip()
    entries(chip)["Take back pooling: average"].trigger()
    assert program.document.scene.changes == (SwitchPadding("circular", "conv"),)
    reset.trigger()
    assert program.document.scene.changes == ()
    assert not button(program).isVisibleTo(program.window)
    program.document.undo()
    assert program.document.scene.changes == (SwitchPadding("circular", "conv"),)


def test_the_diagram_says_what_a_layer_is_now(program, settle, pixels):
    diagram = program.window.findChild(NetworkDiagram)
    before = pixels(diagram)
    actions.change_network(program.document, SwapPooling("l2_mean"))
    settle(program)
    heading = before.shape[0] // 4
    assert (pixels(diagram)[:heading] != before[:heading]).any()
    actions.reset_changes(program.document)
    settle(program)
    assert (pixels(diagram) == before).all()


def test_a_change_that_is_refused_is_said_and_leaves_the_scene(program, settle):
    actions.change_network(program.document, SwapPooling("max", "nowhere"))
    settle(program)
    assert "no layer called nowhere" in " | ".join(program.window.notices.texts())
    assert program.document.scene.changes == ()
    assert not button(program).isVisibleTo(program.window)
