"""Files and networks that cannot be used, in the real window: one sentence that helps, and the program goes on."""

import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.scene.store import save_scene


def png_header(width, height) -> bytes:
    """A PNG that says how large it is, and holds hardly anything."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def picture(path, mode="RGB", **named):
    array = np.zeros((40, 60, 3), np.uint8)
    array[:, 30:] = (200, 100, 50)
    Image.fromarray(array).convert(mode).save(path, **named)


def cut(path):
    picture(path)
    path.write_bytes(path.read_bytes()[:90])


UNUSABLE = {
    "text.png": lambda path: path.write_text("no image at all"),
    "empty.jpg": lambda path: path.write_bytes(b""),
    "cut.png": cut,
    "huge.png": lambda path: path.write_bytes(png_header(20_000, 20_000)),
    "folder.png": lambda path: path.mkdir(),
    "missing.png": lambda path: None,
    "damaged.json": lambda path: path.write_text('{"version": 1, "network": {"source": "nowhere"}}'),
    "damaged.safetensors": lambda path: path.write_bytes(b"\xff" * 100),
    "empty.pt": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_used_is_told_and_what_was_there_stays(start, settle, scene_of, small, tmp_path, qtbot, name):
    program = start(scene_of(small))
    before = program.document.scene
    path = tmp_path / name
    UNUSABLE[name](path)
    program.controller.open_path(path)
    qtbot.waitUntil(lambda: bool(program.window.notices.texts()))
    (text,) = program.window.notices.texts()
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) > 20
    settle(program)
    assert (program.document.scene.network, program.document.scene.input) == (before.network, before.input)
    program.document.edit("input.edits.brightness", 0.25)
    settle(program)
    seen = program.window.visible_panels() - {"checkpoint"}
    assert {program.window.docks[panel].view.state for panel in seen} == {"fresh"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(start, scene_of, small, tmp_path, qtbot):
    program = start(scene_of(small))
    path = tmp_path / "mine.png"
    picture(path)
    path.chmod(0)
    program.controller.open_path(path)
    qtbot.waitUntil(lambda: bool(program.window.notices.texts()))


UNUSUAL = {
    "grey16.png": lambda path: Image.fromarray((np.arange(2400).reshape(40, 60) * 27).astype(np.uint16)).save(path),
    "palette.png": lambda path: picture(path, "P"),
    "alpha.png": lambda path: picture(path, "RGBA"),
    "print.jpg": lambda path: picture(path, "CMYK"),
    "moving.gif": lambda path: picture(
        path, "P", save_all=True, append_images=[Image.new("P", (60, 40), 3)], duration=40
    ),
    "one-pixel.png": lambda path: Image.new("RGB", (1, 1), (255, 0, 0)).save(path),
    "ribbon.png": lambda path: Image.new("L", (3000, 2), 128).save(path),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_images_are_shown_to_networks_of_any_size_and_channels(
    start, settle, scene_of, tmp_path, qtbot, latest, name, channels
):
    module = torch.nn.Sequential(torch.nn.Conv2d(channels, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    program = start(scene_of(module.eval(), (channels, 12, 20), 2))
    path = tmp_path / name
    UNUSUAL[name](path)
    program.controller.open_path(path)
    qtbot.waitUntil(lambda: getattr(program.document.scene.input.base, "sha256", None) is not None)
    settle(program)
    assert latest["input"].rendered.edited.shape == (channels, 12, 20)
    assert {program.window.docks[panel].view.state for panel in program.window.visible_panels()} == {"fresh"}
    assert program.window.notices.texts() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("every", [False, True], ids=["one weight", "every weight"])
def test_weights_that_are_no_numbers_are_shown_and_counted(start, settle, scene_of, small, value, every, latest):
    with torch.no_grad():
        if every:
            small.conv.weight.fill_(value)
        else:
            small.conv.weight[2, 0, 1, 1] = value
    program = start(scene_of(small))
    program.document.edit("input.edits.brightness", 0.5)
    settle(program)
    assert {program.window.docks[panel].view.state for panel in program.window.visible_panels()} == {"fresh"}
    assert program.window.notices.texts() == []
    values = latest["activations"].values
    assert not np.isfinite(values).all()
    window = program.window.grab().toImage()
    assert not window.isNull()
    for layer in ("relu", "pool", "head"):
        program.document.edit("selection.layer", layer)
        settle(program)
        assert program.window.docks["unit"].view.state == "fresh"


def test_a_photo_that_is_gone_is_told_in_the_panels(start, settle, scene_of, small, tmp_path, qtbot):
    program = start(scene_of(small))
    path = tmp_path / "photo.png"
    picture(path)
    program.controller.open_path(path)
    qtbot.waitUntil(lambda: getattr(program.document.scene.input.base, "sha256", None) is not None)
    saved = tmp_path / "scene.json"
    save_scene(program.document.scene, saved)
    program.document.undo()
    path.unlink()
    for kept in (tmp_path / "state" / "images").iterdir():
        kept.unlink()
    again = start(program.document.scene)
    again.controller.open_path(saved)
    settle(again)
    assert "photo.png" in again.window.docks["network"].view.message
    again.document.undo()
    settle(again)
    assert again.window.docks["network"].view.state == "fresh"
