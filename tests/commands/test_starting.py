"""From arguments to the scene that the window begins with."""

import argparse
import hashlib
import sys

import pytest
import torch
from PIL import Image

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.formats import image_channels
from cnnviz.checkpoints.shipped import shipped_path
from cnnviz.commands.errors import CommandError
from cnnviz.commands.starting import starting_scene, state_folder
from cnnviz.data.source import Blank, Photo, SamplePhoto
from cnnviz.engine.live import handed_over
from cnnviz.engine.network_host import NetworkHost
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.store import save_scene


def scene_for(network=None, **given):
    nothing = {"network": network, "input": None, "device": None, "scene": None, "model": None}
    return starting_scene(argparse.Namespace(**(nothing | given)), actions.first_scene())


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


def test_a_file_from_elsewhere_comes_with_an_input_that_suits_its_first_layer(tmp_path):
    for channels, kind in ((1, Blank), (3, SamplePhoto)):
        path = tmp_path / f"{channels}.pth"
        torch.save({"conv.weight": torch.zeros(4, channels, 3, 3), "head.weight": torch.zeros(2, 4)}, path)
        assert image_channels(path) == channels
        scene = scene_for(str(path))
        assert scene.network.source == f"file:{path}"
        assert isinstance(scene.input.base, kind)
    torch.save({"w": torch.zeros(4, 7, 3, 3)}, tmp_path / "7.pth")
    assert image_channels(tmp_path / "7.pth") is None


def test_a_file_that_nobody_can_read_is_told_before_there_is_a_window(tmp_path):
    (tmp_path / "words.pt").write_text("words")
    with pytest.raises(CheckpointError, match=r"words\.pt cannot be read: it is of no kind that this program knows"):
        scene_for(str(tmp_path / "words.pt"))


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    """A checkpoint in one folder, the person's code in the one that they work in."""
    (tmp_path / "sent").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "their_heads.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self, outputs=5):\n"
        "        super().__init__(nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, outputs))\n"
        "class Bare(nn.Linear):\n"
        "    def __init__(self):\n"
        "        super().__init__(7, 2)\n"
    )
    monkeypatch.chdir(tmp_path / "work")
    path = tmp_path / "sent" / "net.pt"
    convolution, linear = torch.nn.Conv2d(3, 4, 3).state_dict(), torch.nn.Linear(4, 5).state_dict()
    named = {f"0.{name}": tensor for name, tensor in convolution.items()}
    torch.save(named | {f"3.{name}": tensor for name, tensor in linear.items()}, path)
    yield path
    sys.modules.pop("their_heads", None)


def test_a_network_of_the_persons_own_code_is_handed_to_the_window(own_code):
    scene = scene_for(str(own_code), model="their_heads:Net")
    module, card = handed_over(scene.network.source.removeprefix("live:"))
    assert torch.equal(module[0].weight, torch.load(own_code)["0.weight"])
    assert (len(card.labels), card.input_size[0], module.training) == (5, 3, False)
    assert isinstance(scene.input.base, SamplePhoto)
    loaded = NetworkHost().load(scene.network)
    assert [layer.kind for layer in loaded.graph if layer.parameters] == ["Conv2d", "Linear"]


@pytest.mark.parametrize(
    ("network", "spec", "message"),
    [
        (True, "their_heads:Bare", "does not fit what their_heads:Bare makes: it lacks the weights|holds weights"),
        (True, "no_such_module:Net", "no module no_such_module where Python looks"),
        (True, "their_heads", "not of the form package.module:callable"),
        (False, "their_heads:Net", "give the file as well"),
    ],
)
def test_own_code_that_does_not_fit_is_told(own_code, network, spec, message):
    with pytest.raises((CommandError, CheckpointError), match=message):
        scene_for(str(own_code) if network else None, model=spec)


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


def test_a_folder_begins_with_the_last_checkpoint_of_its_run(tmp_path):
    for number in (2, 10):
        (tmp_path / f"step-{number}.safetensors").write_bytes(shipped_path("tiny-vgg").read_bytes())
    scene = scene_for(str(tmp_path))
    assert scene.network.source == f"file:{tmp_path / 'step-10.safetensors'}"
    assert scene.panel("epochs").folder == str(tmp_path)
    assert isinstance(scene.input.base, SamplePhoto)  # the network sees colour
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CheckpointError, match="holds no checkpoints"):
        scene_for(str(empty))
