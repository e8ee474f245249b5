"""``cnnviz screenshot``: pictures without a display."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cnnviz.panels
from cnnviz.cli import main
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.store import save_scene

PANELS = [spec.id for spec in cnnviz.panels.PANELS]


@pytest.fixture(autouse=True)
def environment(qapp, monkeypatch):
    """The command sets how Qt starts, which is done already here."""
    for name in ("QT_QPA_PLATFORM", "QT_LOGGING_RULES"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


def picture(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_the_window_is_pictured_without_a_display(tmp_path):
    out = tmp_path / "window.png"
    bare = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    bare.pop("QT_QPA_PLATFORM", None)
    run = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "cnnviz",
            "screenshot",
            "mnist-lenet",
            "--out",
            out,
            "--size",
            "1280x800",
        ],
        capture_output=True,
        text=True,
        env=bare,
        timeout=250,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    pixels = picture(out)
    assert pixels.shape == (800, 1280, 3)
    for part in (pixels[:, :300], pixels[:, 320:950], pixels[:, 980:]):
        assert len(np.unique(part.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("panel", PANELS)
def test_each_panel_alone_is_pictured(tmp_path, panel):
    out = tmp_path / "panel.png"
    assert main(["screenshot", "--out", str(out), "--panel", panel, "--size", "640x480"]) == 0
    pixels = picture(out)
    assert pixels.shape == (480, 640, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_a_size_in_which_the_window_has_no_room_is_refused(tmp_path, capsys):
    assert main(["screenshot", "--out", str(tmp_path / "a.png"), "--size", "320x240"]) == 2
    assert "at least" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


def test_the_same_call_makes_the_same_picture(tmp_path):
    for name in ("one.png", "two.png"):
        assert main(["screenshot", "--out", str(tmp_path / name), "--panel", "network", "--size", "640x480"]) == 0
    np.testing.assert_array_equal(picture(tmp_path / "one.png"), picture(tmp_path / "two.png"))


def test_a_saved_scene_is_pictured(tmp_path):
    document = Document(actions.first_scene())
    document.edit("input.edits.invert", True)
    document.edit("appearance.theme", "light")
    save_scene(document.scene, tmp_path / "scene.json")
    shots = {}
    for name, more in {"plain": (), "scene": ("--scene", str(tmp_path / "scene.json"))}.items():
        out = tmp_path / f"{name}.png"
        assert main(["screenshot", "--out", str(out), "--panel", "input", "--size", "640x480", *more]) == 0
        shots[name] = picture(out)
    assert np.median(shots["plain"]) < 60
    assert np.median(shots["scene"]) > 150


def test_an_image_and_a_layer_are_pictured(tmp_path):
    red = tmp_path / "red.png"
    Image.new("RGB", (50, 50), (255, 0, 0)).save(red)
    out = tmp_path / "out.png"
    arguments = [
        "screenshot",
        "cifar-net",
        "--input",
        str(red),
        "--out",
        str(out),
        "--panel",
        "input",
        "--size",
        "640x480",
    ]
    assert main(arguments) == 0
    pixels = picture(out).astype(int)
    assert ((pixels[..., 0] > 240) & (pixels[..., 1] < 15)).mean() > 0.1
    other = tmp_path / "other.png"
    base = ["screenshot", "--panel", "activations", "--size", "640x480", "--out"]
    assert main([*base, str(out)]) == 0
    assert main([*base, str(other), "--layer", "conv2"]) == 0
    assert (picture(out) != picture(other)).any()


def test_the_session_is_neither_read_nor_written(tmp_path):
    from cnnviz.commands.starting import state_folder

    state_folder().mkdir(parents=True)
    session = state_folder() / "session.json"
    session.write_text("damaged")
    out = tmp_path / "out.png"
    assert main(["screenshot", "--out", str(out), "--panel", "unit", "--size", "400x400"]) == 0
    assert session.read_text() == "damaged"
    assert list(state_folder().glob("session*")) == [session]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "a.jpg"], "does not end in .png"),
        (["--out", "nowhere/a.png"], "no folder"),
        (["--out", "a.png", "--panel", "kitchen"], "no panel 'kitchen'; give one of input"),
        (["--out", "a.png", "--layer", "conv99"], "no layer 'conv99'"),
        (["--out", "a.png", "--scene", "missing.json"], "missing.json"),
        (["--out", "a.png", "--input", "missing.png"], "missing.png"),
        (["missing-net", "--out", "a.png"], "missing-net"),
        (["--out", "a.png", "--scene", "folder"], "folder"),
    ],
)
def test_wrong_arguments_are_one_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert main(["screenshot", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("cnnviz: ")
    assert words in printed.err
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("size", ["big", "10x10", "1600", "99999x99999", "1600x", "-5x-5"])
def test_sizes_that_make_no_picture_are_refused(capsys, size):
    with pytest.raises(SystemExit) as left:
        main(["screenshot", "--out", "a.png", f"--size={size}"])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path, capsys):
    out = tmp_path / "taken.png"
    out.mkdir()
    assert main(["screenshot", "--out", str(out), "--panel", "unit", "--size", "400x400"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_leaves_the_one_before_it(tmp_path, capsys, monkeypatch):
    out = tmp_path / "panel.png"
    out.write_bytes(b"the picture before")

    def no_room(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    assert main(["screenshot", "--out", str(out), "--panel", "unit", "--size", "400x400"]) == 2
    words = f"cnnviz: {out} cannot be written (No space left on device); choose another place.\n"
    assert capsys.readouterr().err == words
    assert out.read_bytes() == b"the picture before"
    assert [path.name for path in tmp_path.iterdir()] == ["panel.png"]
