"""Scenes on disk: round trips, and every kind of damage."""

import errno
import json
import os

import pytest

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.data.source import Photo
from cnnviz.data.strokes import Stroke
from cnnviz.scene import store
from cnnviz.scene.document import Document, SceneError
from cnnviz.scene.models import Scene
from cnnviz.scene.store import load_scene, parse_scene, restore_session, save_scene


def full_scene() -> Scene:
    document = Document()
    document.edit_many(
        {
            "network.source": "file:/tmp/ä net.safetensors",
            "network.device": "cpu",
            "input.base": Photo(path="cat.png", sha256="0" * 64),
            "input.drawing.strokes": (Stroke(tool="fill", colour=(0.1, 0.2, 0.3), points=((1.5, -2.25),)),),
            "input.edits.rotation": 0.1 + 0.2,
            "input.fit.size": "pad",
            "selection.layer": "layer1.0.conv",
            "selection.row": 3,
            "example": True,
            "panels.activations.scale": "own",
            "panels.filters.input_channel": "all",
            "panels.network.folded": ("block1",),
            "appearance.theme": "light",
            "layout.state": "AAAA",
        }
    )
    return document.scene


def test_a_saved_scene_is_read_back_to_the_last_digit(tmp_path):
    scene = full_scene()
    save_scene(scene, tmp_path / "deep" / "scene.json")
    assert load_scene(tmp_path / "deep" / "scene.json") == scene


def test_panels_that_the_program_does_not_have_are_kept_as_they_are(tmp_path):
    strange = {"window": 3, "deep": {"list": [1, 2.5, None, "x", True]}, "text": "ä"}
    tree = json.loads(full_scene().model_dump_json())
    tree["panels"].append({"id": "from-the-future", "params": strange})
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(tree), encoding="utf-8")

    document = Document(load_scene(path))
    document.edit("panels.activations.scale", "shared")
    document.undo()
    save_scene(document.scene, path)

    kept = {entry["id"]: entry["params"] for entry in json.loads(path.read_text(encoding="utf-8"))["panels"]}
    assert kept["from-the-future"] == strange
    assert kept["activations"] == {"scale": "own"}


DEEP = '{"version": 1, "network": ' + "[" * 200_000 + "]" * 200_000 + "}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b'{"version": 1,', "damaged"),
        (b"[1, 2]", "no scene"),
        (b'"version"', "no scene"),
        (b"{}", "no scene"),
        (b'{"version": 2}', "newer cnnviz"),
        (b'{"version": 0}', "damaged at version"),
        (b'{"version": "one"}', "damaged at version"),
        (b'{"version": 1, "colour": 1}', "damaged at colour"),
        (b'{"version": 1, "input": {"edits": {"rotation": 9000}}}', r"damaged at input\.edits\.rotation"),
        (b'{"version": 1, "input": {"edits": {"rotation": NaN}}}', r"damaged at input\.edits\.rotation"),
        (b'{"version": 1, "panels": [{"id": "unit", "params": {"window": 99}}]}', r"damaged at panels\.0"),
        (b'{"version": 1, "panels": [{"params": {}}]}', r"damaged at panels\.0"),
        (b'{"version": 1, "panels": [{"id": "unit", "params": {}}, {"id": "unit", "params": {}}]}', "listed twice"),
        (b'{"version": 1, "panels": 7}', "damaged at panels"),
        (b"\xff\xfe\x00 no text", "no scene"),
        (b"\x89PNG\r\n\x1a\n", "no scene"),
        (DEEP.encode(), "damaged"),
        (b'{"version": ' + b"9" * 10_000 + b"}", "damaged|newer"),
    ],
    ids=lambda value: value[:60] if isinstance(value, bytes) else None,
)
def test_damage_is_told_in_one_sentence(tmp_path, content, words):
    path = tmp_path / "scene.json"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=words) as refused:
        load_scene(path)
    message = str(refused.value)
    assert "scene.json" in message
    assert "\n" not in message
    assert len(message) < 300
    assert message.endswith(".")


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(SceneError, match=r"cannot be read: .*directory"):
        load_scene(tmp_path)
    with pytest.raises(SceneError, match="No such file"):
        load_scene(tmp_path / "missing.json")


def test_a_file_too_large_for_a_scene_is_not_read(tmp_path):
    path = tmp_path / "scene.json"
    with path.open("wb") as file:
        file.truncate(store.MAX_BYTES + 1)
    with pytest.raises(SceneError, match="larger"):
        load_scene(path)


def test_text_is_read_without_a_file():
    assert parse_scene(full_scene().model_dump_json(), "pasted text") == full_scene()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_scene_that_was_there(tmp_path, monkeypatch, failing):
    path = tmp_path / "scene.json"
    save_scene(full_scene(), path)
    before = path.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        save_scene(Scene(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_last_session_comes_back(tmp_path):
    path = tmp_path / "session.json"
    assert restore_session(path) == (None, None)
    save_scene(full_scene(), path)
    assert restore_session(path) == (full_scene(), None)


def test_a_damaged_session_is_kept_aside_and_told(tmp_path):
    path = tmp_path / "session.json"
    path.write_bytes(b"\x00\x01 not a scene")
    scene, notice = restore_session(path)
    assert scene is None
    assert not path.exists()
    (aside,) = tmp_path.iterdir()
    assert aside.read_bytes() == b"\x00\x01 not a scene"
    assert aside.name in notice


def test_a_damaged_session_that_cannot_be_kept_aside_is_told_too(tmp_path, monkeypatch):
    path = tmp_path / "session.json"
    path.write_text("{")

    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(type(path), "rename", refuse)
    scene, notice = restore_session(path)
    assert scene is None
    assert "Permission denied" in notice
    assert path.exists()


def test_two_damaged_sessions_within_a_second_are_both_kept(tmp_path):
    path = tmp_path / "session.json"
    for content in ("{first", "{second"):
        path.write_text(content)
        restore_session(path)
    assert sorted(kept.read_text() for kept in tmp_path.iterdir()) == ["{first", "{second"]
