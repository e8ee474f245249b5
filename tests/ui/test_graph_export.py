"""File menu: the graph as SVG, and what the shown network is compared with."""

from xml.etree import ElementTree

import pytest
from PyQt6.QtWidgets import QFileDialog, QMenu

from cnnviz.ui.other_choice import fill_with_others


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def test_the_graph_is_saved_with_all_its_layers(program, tmp_path, monkeypatch, qtbot):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "net"), ""))
    program.controller.commands["save-graph"].trigger()
    target = tmp_path / "net.svg"
    qtbot.waitUntil(target.exists)
    root = ElementTree.parse(target).getroot()
    drawn = [group.get("data-layer") for group in root.iter() if group.get("class") == "layer"]
    assert drawn == list(program.stage.network.graph.names)


def test_a_file_to_compare_with_is_asked_for(program, tmp_path, monkeypatch, settle):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "other.pt"), ""))
    program.document.edit("network.device", "cpu")
    program.controller.commands["compare"].trigger()
    other = program.document.scene.panel("compare").other
    assert (other.source, other.device) == (f"file:{tmp_path / 'other.pt'}", "cpu")
    settle(program)
    assert "other.pt" in program.window.docks["compare"].view.message
    program.document.undo()
    assert program.document.scene.panel("compare").other is None


def test_the_menu_offers_the_shipped_networks_and_nothing(program, settle):
    menu = QMenu(program.window)
    fill_with_others(menu, program.window, program.document)
    entries = {action.text(): action for action in menu.actions() if action.text()}
    assert "Nothing" not in entries
    entries["tiny-vgg"].trigger()
    assert program.document.scene.panel("compare").other.source == "shipped:tiny-vgg"
    fill_with_others(menu, program.window, program.document)
    entries = {action.text(): action for action in menu.actions() if action.text()}
    assert entries["tiny-vgg"].isChecked()
    entries["Nothing"].trigger()
    assert program.document.scene.panel("compare").other is None
