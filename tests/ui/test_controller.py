"""What menus, keys and files do in the real window."""

import os

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QMimeData, Qt, QUrl
from PyQt6.QtGui import QColor, QImage, QKeySequence
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QDialog, QFileDialog

from cnnviz.data.source import Blank, Photo, SamplePhoto
from cnnviz.data.strokes import Stroke
from cnnviz.nets.table_file import write_table
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.scene import actions
from cnnviz.scene.store import load_scene, save_scene


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def press(program, keys: str) -> None:
    """Type a key sequence as a person does, on the window."""
    combination = QKeySequence(keys)[0]
    QTest.keyClick(program.window, combination.key(), combination.keyboardModifiers())


def notices(program) -> str:
    QApplication.processEvents()
    return " | ".join(program.window.notices.texts())


def test_a_table_of_layers_is_opened_in_its_panel(program, tmp_path):
    path = tmp_path / "mine.json"
    write_table(TABLE_PRESETS["perceptron"].table, path)
    program.controller.open_path(path)
    assert program.document.scene.panel("architecture").table == TABLE_PRESETS["perceptron"].table
    assert program.window.docks["architecture"].isVisible()
    path.write_text('{"cnnviz_layer_table": 2}')
    program.controller.open_path(path)
    assert "holds no table of layers" in notices(program)


@pytest.fixture
def red(tmp_path):
    """A file with a picture that is red at the left and black at the right."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20, 0] = 255
    path = tmp_path / "red ä.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("keys", "tool"), [("B", "brush"), ("E", "eraser"), ("F", "fill"), ("M", "move"), ("b", "brush")]
)
def test_keys_choose_the_tool(program, keys, tool):
    program.document.edit("panels.input.tool", "fill" if tool != "fill" else "brush")
    press(program, keys)
    assert program.document.scene.panel("input").tool == tool


def test_undo_and_redo_by_keys_and_only_where_there_is_something(program):
    undo, redo = program.controller.commands["undo"], program.controller.commands["redo"]
    assert (undo.isEnabled(), redo.isEnabled()) == (False, False)
    program.document.edit("input.edits.rotation", 10)
    assert (undo.isEnabled(), redo.isEnabled()) == (True, False)
    press(program, "Ctrl+Z")
    assert program.document.scene.input.edits.rotation == 0
    assert (undo.isEnabled(), redo.isEnabled()) == (False, True)
    press(program, "Ctrl+Y")
    assert program.document.scene.input.edits.rotation == 10
    press(program, "Ctrl+Z")
    press(program, "Ctrl+Shift+Z")
    assert program.document.scene.input.edits.rotation == 10


def test_delete_clears_the_drawing_and_ctrl_n_the_canvas(program):
    program.document.edit("input.base", Blank(value=0.5))
    press(program, "Del")
    assert program.document.scene.input.drawing.strokes == ()
    assert program.document.scene.input.base.value == 0.5
    press(program, "Ctrl+N")
    assert program.document.scene.input.base.value == 0
    program.document.undo()
    program.document.undo()
    assert program.document.scene.input.drawing.strokes


@pytest.mark.parametrize(("keys", "scale"), [("Ctrl++", 1.1), ("Ctrl+=", 1.1), ("Ctrl+-", 1 / 1.1), ("Ctrl+0", 1.0)])
def test_keys_change_the_size_of_the_words(program, keys, scale):
    press(program, keys)
    assert program.document.scene.appearance.font_scale == pytest.approx(scale, abs=0.001)


def test_f11_fills_the_screen_and_escape_goes_back(program, qtbot):
    press(program, "F11")
    qtbot.waitUntil(program.window.isFullScreen)
    press(program, "Esc")
    qtbot.waitUntil(lambda: not program.window.isFullScreen())
    press(program, "F11")
    qtbot.waitUntil(program.window.isFullScreen)
    press(program, "F11")
    qtbot.waitUntil(lambda: not program.window.isFullScreen())


def test_f1_lists_the_keys(program):
    press(program, "F1")
    (dialog,) = program.window.findChildren(QDialog)
    assert dialog.isVisible()
    dialog.close()


def test_ctrl_q_closes_the_window(program):
    press(program, "Ctrl+Q")
    assert not program.window.isVisible()


def test_ctrl_shift_l_lays_out_afresh(program, qtbot):
    program.window.docks["unit"].close()
    press(program, "Ctrl+Shift+L")
    qtbot.waitUntil(lambda: "unit" in program.window.visible_panels())


def test_no_two_commands_share_a_key(program):
    actions_ = [action for action in program.window.actions() if not action.shortcut().isEmpty()]
    keys = [keys.toString() for action in actions_ for keys in action.shortcuts()]
    assert len(keys) == len(set(keys)) >= 15


def entries(menu):
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if not action.isSeparator()}


def test_the_network_menu_opens_a_network_that_ships(program, settle, latest):
    menu = entries(program.controller.bar.network.entries)
    (text,) = [text for text in menu if text.startswith("cifar-net")]
    assert "3×32×32" in text
    assert "%" in text
    menu[text].trigger()
    settle(program)
    assert program.document.scene.network.source == "shipped:cifar-net"
    assert latest["input"].channels == 3
    assert program.controller.bar.network.text() == "cifar-net"
    checked = {text for text, action in entries(program.controller.bar.network.entries).items() if action.isChecked()}
    assert checked == {text}
    program.document.undo()
    settle(program)
    assert latest["input"].channels == 1
    assert program.controller.bar.network.text().startswith("Small")


def test_the_input_menu_offers_every_sample(program, settle, latest):
    bar = program.controller.bar
    submenus = [action.menu() for action in bar.input.entries.actions() if action.menu() is not None]
    offered = {action.text(): action for menu in submenus for action in menu.actions()}
    assert len(offered) == 28
    offered["Rocket"].trigger()
    settle(program)
    assert program.document.scene.input.base == SamplePhoto(name="rocket")
    assert latest["input"].rendered.edited.std() > 0.02


def test_the_device_menu_edits_the_device(program, settle):
    menu = entries(program.controller.bar.device.entries)
    assert [text for text, action in menu.items() if action.isChecked()] == ["auto: CUDA, then MPS, then CPU"]
    menu["CPU"].trigger()
    settle(program)
    assert program.document.scene.network.device == "cpu"
    assert program.controller.bar.device.text() == "cpu"


def test_a_device_that_is_not_there_is_told_and_the_scene_goes_back(program, settle, monkeypatch, latest):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    entries(program.controller.bar.device.entries)["CUDA (NVIDIA)"].trigger()
    settle(program)
    assert "no CUDA device" in notices(program)
    assert program.document.scene.network.device == "auto"
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert latest["input"].rendered.edited.min() == 0.5


def test_the_layout_menu_hides_and_shows_panels(program, qtbot):
    panels = entries(program.controller.bar.layout_menu.entries)["Panels"].menu()
    entries(panels)["Unit"].trigger()
    qtbot.waitUntil(lambda: "unit" not in program.window.visible_panels())
    entries(panels)["Unit"].trigger()
    qtbot.waitUntil(lambda: "unit" in program.window.visible_panels())


def test_an_image_that_is_dropped_is_shown(program, settle, latest, red, qtbot):
    program.window.files_dropped.emit([str(red)])
    qtbot.waitUntil(lambda: isinstance(program.document.scene.input.base, Photo))
    settle(program)
    image = latest["input"].rendered.edited
    assert image.shape == (1, 8, 8)
    np.testing.assert_allclose(image[0, :, :3], 0.299, atol=0.1)
    np.testing.assert_allclose(image[0, :, 5:], 0, atol=0.02)
    red.unlink()
    program.document.edit("input.edits.flip_horizontal", True)
    settle(program)
    assert latest["input"].rendered.edited[0, 0, 7] > 0.2, "the picture is kept though its file is gone"
    program.document.undo()
    program.document.undo()
    assert isinstance(program.document.scene.input.base, Blank)


BROKEN = {
    "empty.png": b"",
    "cut.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "words.jpg": b"these are words",
    "noise": os.urandom(500),
}


@pytest.mark.parametrize("name", [*BROKEN, "missing.png", "folder"])
def test_what_is_no_image_is_told_and_the_program_goes_on(program, settle, latest, tmp_path, qtbot, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name in BROKEN:
        path.write_bytes(BROKEN[name])
    before = program.document.scene
    program.controller.open_path(path)
    qtbot.waitUntil(lambda: name in notices(program))
    assert program.document.scene is before
    latest.clear()
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert latest["input"].rendered.edited.min() == 0.5


@pytest.mark.parametrize(
    ("name", "content"), [("net.safetensors", b"broken"), ("net.pt", b"PK\x03\x04 pickled"), ("missing.pth", None)]
)
def test_a_wrong_network_file_is_told_and_the_program_goes_on(program, settle, qtbot, tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    before = program.document.scene
    program.controller.open_path(path)
    qtbot.waitUntil(lambda: name in notices(program))
    settle(program)
    assert program.document.scene.network == before.network
    assert program.window.docks["prediction"].view.state == "fresh"


def test_a_network_that_turns_out_broken_gives_way_to_the_one_shown(program, settle, latest):
    shown = program.document.scene.network
    program.document.edit("network.source", "file:/nowhere/net.safetensors")
    settle(program)
    assert "net.safetensors" in notices(program)
    assert program.document.scene.network == shown
    assert {dock.view.state for dock in program.window.docks.values()} == {"fresh"}


def test_a_refusal_that_comes_late_leaves_the_choice_made_since(program, settle, scene_of, gated):
    program.document.edit("network.source", "file:/nowhere/net.safetensors")
    chosen = scene_of(gated).network
    program.document.edit("network", chosen)
    settle(program)
    assert program.document.scene.network == chosen


def test_a_session_with_a_module_that_is_gone_begins_with_a_network_that_ships(start):
    scene = actions.first_scene()
    gone = scene.network.model_copy(update={"source": "live:Gone-1", "device": "cpu"})
    program = start(scene.model_copy(update={"network": gone}))
    assert "cnnviz.show" in notices(program)
    assert program.document.scene.network.source == "shipped:mnist-lenet"
    assert program.window.docks["prediction"].view.state == "fresh"


def test_opening_a_file_asks_for_it(program, settle, red, monkeypatch, qtbot):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(red), ""))
    press(program, "Ctrl+O")
    qtbot.waitUntil(lambda: isinstance(program.document.scene.input.base, Photo))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    before = program.document.scene
    press(program, "Ctrl+O")
    assert program.document.scene is before


def test_a_scene_is_saved_and_opened(program, settle, tmp_path, monkeypatch, qtbot):
    path = tmp_path / "mine.json"
    program.document.edit("input.edits.rotation", 20)
    program.document.edit("pointer", {"layer": "conv", "channel": 0, "row": 0, "column": 0})
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    press(program, "Ctrl+S")
    qtbot.waitUntil(lambda: "mine.json" in notices(program))
    saved = load_scene(path)
    assert saved.input.edits.rotation == 20
    assert saved.pointer is None
    assert saved.layout.state
    program.document.edit("input.edits.rotation", 0)
    program.controller.open_path(path)
    assert program.document.scene.input.edits.rotation == 20
    program.document.undo()
    assert program.document.scene.input.edits.rotation == 0


def test_a_scene_that_cannot_be_saved_is_told(program, tmp_path, monkeypatch, qtbot):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "mine.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    press(program, "Ctrl+S")
    qtbot.waitUntil(lambda: "Saving mine.json failed" in notices(program))


def test_a_damaged_scene_is_told_and_nothing_changes(program, tmp_path):
    path = tmp_path / "damaged.json"
    path.write_text('{"version": 1, "input": 5}')
    before = program.document.scene
    program.controller.open_path(path)
    assert "damaged.json" in notices(program)
    assert program.document.scene is before


def test_a_picture_is_pasted(program, settle, latest, qtbot):
    picture = QImage(10, 10, QImage.Format.Format_RGB32)
    picture.fill(QColor(255, 255, 255))
    QApplication.clipboard().setImage(picture)
    press(program, "Ctrl+V")
    qtbot.waitUntil(lambda: isinstance(program.document.scene.input.base, Photo))
    settle(program)
    assert latest["input"].rendered.edited.min() == pytest.approx(1)
    QApplication.clipboard().clear()


def test_a_copied_file_is_pasted(program, red, qtbot):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(red))])
    QApplication.clipboard().setMimeData(data)
    press(program, "Ctrl+V")
    qtbot.waitUntil(lambda: isinstance(program.document.scene.input.base, Photo))
    assert program.document.scene.input.base.path == str(red)
    QApplication.clipboard().clear()


def test_a_clipboard_without_a_picture_says_so(program):
    QApplication.clipboard().setText("only words")
    before = program.document.scene
    press(program, "Ctrl+V")
    assert "no image in the clipboard" in notices(program)
    assert program.document.scene is before
    QApplication.clipboard().clear()


def test_the_theme_button_switches(program, settle):
    from cnnviz.ui.controls import IconButton

    (button,) = [each for each in program.controller.bar.findChildren(IconButton) if "theme" in each.toolTip().lower()]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert program.document.scene.appearance.theme == "light"


def test_the_time_of_a_frame_and_of_the_pass_are_said(program, settle, qtbot):
    for step in range(3):
        program.document.append("input.drawing.strokes", Stroke(points=((step, step),)))
        settle(program)
    qtbot.waitUntil(lambda: "ms per frame" in program.controller.bar.frame.text())
    assert 0 < float(program.controller.bar.frame.text().split()[0]) < 5000


def test_a_scene_with_a_lost_picture_says_so_and_undo_brings_all_back(program, settle, latest, tmp_path):
    scene = program.document.scene
    lost = scene.model_copy(
        update={"input": scene.input.model_copy(update={"base": Photo(path="lost.png", sha256="0" * 64)})}
    )
    save_scene(lost, tmp_path / "lost.json")
    program.controller.open_path(tmp_path / "lost.json")
    settle(program)
    views = [program.window.docks[panel].view for panel in program.window.visible_panels()]
    assert all("lost.png" in view.message for view in views)
    program.document.undo()
    settle(program)
    assert {view.state for view in views} == {"fresh"}
