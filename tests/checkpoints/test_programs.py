"""TorchScript and exported programs: read without running them, and alive once the person trusts the file."""

import json
import warnings

import pytest
import torch
from torch import nn

from cnnviz.checkpoints import permissions
from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.permissions import permit, permitted
from cnnviz.checkpoints.traced_program import CannotBeTraced, traced_network
from cnnviz.cli import main
from cnnviz.core.trace import prepare
from cnnviz.engine.network_host import NetworkHost
from cnnviz.panels import checkpoint as checkpoint_panel
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.store import load_scene, save_scene


class Branching(nn.Module):
    """No architecture that is known, with what programs do: branches, sums in place, weights outside of layers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU6(inplace=True))
        self.left, self.right = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2), nn.Conv2d(4, 4, 1, bias=False)
        self.up = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)
        self.pool, self.average = nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(2)
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0, -1.0]).reshape(3, 1, 1))
        self.head = nn.Linear(3 * 8 * 8, 5)

    def forward(self, images):
        stem = self.stem(images)
        left = self.left(stem)
        left += stem
        joined = self.pool(self.up(torch.cat([left, torch.sigmoid(self.right(stem))], 1)) * self.scale)
        parts = torch.split(self.average(joined), 2, 1)
        return torch.log_softmax(self.head(torch.flatten(torch.cat([parts[1], parts[0]], 1), 1)), 1)


class Deciding(nn.Module):
    """Takes one of two ways, by what is in the image."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, images):
        if bool(images.mean() > 0.5):
            return self.conv(images)
        return self.conv(-images)


def moved(network):
    """Moments that are not those of a new layer."""
    torch.manual_seed(3)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture
def saved(tmp_path):
    """Writes a network in one of the three ways; returns its path."""

    def save(network, kind, size=(3, 32, 32)):
        image = torch.zeros(1, *size)
        path = tmp_path / ("program.pt2" if kind == "export" else "program.pt")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "export":
                torch.export.save(torch.export.export(network, (image,)), path)
            else:
                made = torch.jit.script(network) if kind == "script" else torch.jit.trace(network, image)
                torch.jit.save(made, str(path))
        return path

    return save


@pytest.fixture
def never_run(monkeypatch):
    """Torch's own loaders, which no test here may reach."""

    def fail(*_arguments, **_named):
        raise AssertionError("torch was asked to load a file that nobody trusts")

    for place, name in ((torch.jit, "load"), (torch.export, "load"), (torch, "load")):
        monkeypatch.setattr(place, name, fail)


@pytest.mark.parametrize("kind", ["script", "trace", "export"])
def test_a_program_shows_its_tensors_and_is_not_run(kind, saved, never_run):
    network = moved(Branching())
    path = saved(network, kind)
    found = open_checkpoint(path)
    assert (found.status, found.module, found.trustable) == ("partial", None, True)
    assert found.format == ("torch.export" if kind == "export" else "TorchScript")
    assert "which was not run: if you trust who made it, open it with --trust" in found.message
    for name, tensor in network.state_dict().items():
        assert torch.equal(found.contents.load(name), tensor)
    assert found.parameters == sum(weights.numel() for weights in network.parameters())


@pytest.mark.parametrize("kind", ["script", "trace", "export"])
def test_a_trusted_program_is_alive_layer_by_layer_and_computes_the_same(kind, saved):
    network = moved(Branching())
    opened = open_checkpoint(saved(network, kind), trust=True)
    assert (opened.status, opened.trustable, opened.refused) == ("opened", False, ())
    # The size is in an exported program; of a script it is found by running it.
    assert opened.input_size == (3, 32, 32)
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(opened.module(images), network(images))
    assert opened.parameters == sum(weights.numel() for weights in network.parameters())
    traced = prepare(opened.module, images[:1])
    assert traced.graph.method == "torch.fx"
    kinds = {layer.name: layer.kind for layer in traced.graph}
    for name, kind_of_layer in {
        "stem.0": "Conv2d",
        "stem.1": "BatchNorm2d",
        "left": "Conv2d",
        "right": "Conv2d",
        "up": "ConvTranspose2d",
        "head": "Linear",
    }.items():
        assert kinds[name] == kind_of_layer
    convolution = opened.module.get_submodule("left")
    assert (convolution.groups, convolution.dilation, convolution.padding) == (2, (2, 2), (2, 2))
    # Gradients come through, and are those of the network itself.
    given = images[:1].clone().requires_grad_()
    expected = images[:1].clone().requires_grad_()
    opened.module(given)[0, 2].backward()
    network(expected)[0, 2].backward()
    torch.testing.assert_close(given.grad, expected.grad)


def test_trust_is_kept_for_this_content_and_never_beside_the_file(saved, monkeypatch):
    network = moved(Branching())
    path = saved(network, "trace")
    open_checkpoint(path, trust=True)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert open_checkpoint(path).status == "opened"
    # Another content of the same length in the same place is not trusted.
    data, bias = path.read_bytes(), network.head.bias.detach().numpy().tobytes()
    assert data.count(bias) == 1
    path.write_bytes(data.replace(bias, bytes(len(bias))))
    monkeypatch.setattr(torch.jit, "load", None)
    assert permitted(path, "run its program") is None
    assert open_checkpoint(path).status == "partial"


def test_a_permission_that_was_sent_along_is_not_taken(saved, never_run):
    """Neither beside the file nor under the name of another deed."""
    path = saved(moved(Branching()), "trace")
    place = permit(path, "make large constants")
    content = place.read_text()
    for name in (f"{path.name}.cnnviz.json", "permission.json"):
        path.with_name(name).write_text(content.replace("make large constants", "run its program"))
    assert permitted(path, "run its program") is None
    assert open_checkpoint(path).status == "partial"
    ours, _ = permissions.places(path)
    ours.parent.mkdir(parents=True, exist_ok=True)
    for damaged in ("", "{}", "[]", content, content.replace('"sha256": "', '"sha256": "0')):
        ours.write_text(damaged)
        assert permitted(path, "run its program") is None
    ours.unlink()
    ours.mkdir()
    assert open_checkpoint(path).status == "partial"


def test_only_programs_can_be_trusted(tmp_path, never_run):
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "module.pt")
    with pytest.raises(CheckpointError, match="of the format PyTorch zip, in which nothing is ever run"):
        open_checkpoint(tmp_path / "module.pt", trust=True)


def test_a_program_that_decides_by_its_image_is_told(saved):
    network = Deciding().eval()
    found = open_checkpoint(saved(network, "script", (1, 8, 8)), trust=True)
    assert (found.status, found.module) == ("partial", None)
    assert "is not shown alive, since it cannot be followed step by step" in found.message
    assert found.parameters == 20


def test_what_writes_into_parts_of_its_values_is_not_shown_wrongly():
    def program(images):
        images = images.clone()
        images[:, 0] = 3
        return images * 2

    with pytest.raises(CannotBeTraced, match=r"as a whole|do not fit each other"):
        traced_network(program, {}, torch.zeros(1, 2, 3, 3))
    with pytest.raises(CannotBeTraced, match="does not depend on the image"):
        traced_network(lambda images: torch.ones(3), {}, torch.zeros(1, 2, 3, 3))


def test_a_program_that_torch_cannot_load_is_told(saved, monkeypatch):
    path = saved(moved(Branching()), "trace")
    monkeypatch.setattr(torch.jit, "load", lambda *_arguments, **_named: 1 / 0)
    with pytest.raises(CheckpointError, match=r"cannot be loaded by torch \(division by zero\)"):
        open_checkpoint(path, trust=True)
    assert permitted(path, "run its program") is None


def test_the_command_line_trusts_only_when_it_is_told_to(saved, capsys):
    path = saved(moved(Branching()), "export")
    assert main(["inspect", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["trustable"] is True
    assert main(["inspect", str(path), "--trust", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["trustable"], found["architecture"]) == ("opened", False, "the program in the file")
    assert main(["inspect", str(path)]) == 0
    assert main(["inspect", str(path), "--trust", "--accept"]) == 2
    assert "give neither --accept nor --model" in capsys.readouterr().err


def test_the_window_trusts_what_the_person_trusts_and_no_scene_on_disk(saved, tmp_path):
    path = saved(moved(Branching()), "trace")
    document = Document()
    actions.use_network(document, f"file:{path}", 3, trust=True)
    save_scene(document.scene, tmp_path / "scene.json")
    assert load_scene(tmp_path / "scene.json").network == document.scene.network.model_copy(update={"trust": False})
    not_trusted = document.scene.network.model_copy(update={"trust": False})
    assert NetworkHost().load(not_trusted).lacks
    document.edit("panels.checkpoint.path", str(path))
    assert next(checkpoint_panel.compute(document.scene, None, None)).trustable
    loaded = NetworkHost().load(document.scene.network)
    assert (loaded.lacks, loaded.card.input_size) == ("", (3, 32, 32))
    assert "mean and std" in loaded.asks
    # It is remembered: without the word of the scene it is alive from now on.
    assert NetworkHost().load(not_trusted).lacks == ""
    assert not next(checkpoint_panel.compute(document.scene, None, None)).trustable
