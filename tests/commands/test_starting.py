"""From arguments to the scene that the window begins with."""

import argparse
import hashlib

import pytest
from PIL import Image

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.checkpoints.shipped import shipped_path
from cnnviz.commands.errors import CommandError
from cnnviz.commands.starting import starting_scene, state_folder
from cnnviz.data.source import Photo, SamplePhoto
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.store import save_scene


def scene_for(network=None, **given):
    arguments = argparse.Namespace(**({"network": network, "input": None, "device": None, "scene": None} | given))
    return starting_scene(arguments, actions.first_scene())


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("L", (5, 5), 99).save(path)
    return path


def test_without_arguments_the_scene_is_the_given_one():
    assert scene_for() == actions.first_scene()


def test_a_network_that_ships_comes_with_an_input_that_suits_it():
    scene = scene_for("cifar-net")
    assert scene.network.source == "shipped:cifar-net"
    assert isinstance(scene.input.base, SamplePhoto)


def test_a_file_is_named_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "mine.safetensors").write_bytes(shipped_path("mnist-lenet").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert scene_for("mine.safetensors").network.source == f"file:{tmp_path / 'mine.safetensors'}"


@pytest.mark.parametrize("way", ["network", "input"])
def test_an_image_is_kept_and_shown(photo, way):
    scene = scene_for(str(photo)) if way == "network" else scene_for(input=photo)
    sha256 = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert scene.input.base == Photo(path=str(photo), sha256=sha256)
    assert not scene.example
    (kept,) = (state_folder() / "images").iterdir()
    assert kept.read_bytes() == photo.read_bytes()


def test_a_scene_and_a_device(tmp_path):
    document = Document()
    document.edit("input.edits.rotation", 12)
    save_scene(document.scene, tmp_path / "scene.json")
    scene = scene_for(scene=tmp_path / "scene.json", device="cpu")
    assert scene.input.edits.rotation == 12
    assert scene.network.device == "cpu"


@pytest.mark.parametrize("content", [b"", b"words"])
def test_what_is_no_image_is_told(tmp_path, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=r"broken\.png"):
        scene_for(input=path)


def test_a_damaged_scene_is_told(tmp_path):
    path = tmp_path / "scene.json"
    path.write_text("{")
    with pytest.raises(CommandError, match=r"scene\.json"):
        scene_for(scene=path)
