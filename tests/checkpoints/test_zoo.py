"""Models of torchvision and timm: told by the shipped index, built by the packages where those are installed."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from cnnviz.checkpoints import zoo, zoo_index
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.fingerprints import without_counters
from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.prefixes import networks_in
from cnnviz.checkpoints.zoo_index import ZooModel, names_key, shapes_key, zoo_models
from cnnviz.nets import zoo as zoo_nets
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import ArchitectureError, build

from .hand_made import contents_of

# Those whose names and shapes are torchvision's own, although they are built here.
AS_TORCHVISION = [name for name, known in PUBLIC_ARCHITECTURES.items() if known.source == "torchvision"]


class Tiny(nn.Module):
    """A model of a package: with a tensor that is not saved with it, as many have."""

    def __init__(self, classes, channels):
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("gate", torch.arange(4.0).reshape(1, 4, 1, 1), persistent=False)
        self.head = nn.Linear(4, classes)

    def forward(self, images):
        return self.head((self.norm(self.stem(images)) * self.gate).mean((2, 3)))


def shapes_of(module):
    return without_counters({name: tuple(tensor.shape) for name, tensor in module.state_dict().items()})


def tiny_model(package, name, **changes):
    classes, channels = (("head.weight", 0), ("head.bias", 0)), (("stem.weight", 1),)
    key = shapes_key(shapes_of(Tiny(1000, 3)), [*classes, *channels])
    told = {"size": (3, 64, 64), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    return ZooModel(package, name, key, classes, channels, **(told | changes))


@pytest.fixture
def package(monkeypatch):
    """A timm with one model, under two names; yields what it was asked for."""
    asked = []

    def create_model(name, pretrained, num_classes=1000, in_chans=3):
        asked.append((name, pretrained, num_classes, in_chans))
        if name not in ("tiny", "tiny_twin"):
            raise RuntimeError(f"Unknown model ({name})")
        torch.manual_seed(0)
        return Tiny(num_classes, in_chans)

    made = ModuleType("timm")
    made.create_model = create_model
    monkeypatch.setitem(sys.modules, "timm", made)
    for room in (zoo, zoo_nets):
        monkeypatch.setattr(room, "is_installed", lambda name: name == "timm")
    index = {names_key(shapes_of(Tiny(2, 3))): (tiny_model("timm", "tiny"),)}
    monkeypatch.setattr(zoo_index, "_index", lambda: index)
    return asked


@pytest.fixture
def saved(tmp_path):
    def save(classes=1000, channels=3, prefix=""):
        torch.manual_seed(1)
        network = Tiny(classes, channels).eval()
        path = tmp_path / "tiny.pth"
        torch.save({f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}, path)
        return network, path

    return save


@pytest.mark.parametrize("prefix", ["", "module.", "encoder.body."])
def test_a_model_of_an_installed_package_is_alive(package, saved, prefix):
    network, path = saved(prefix=prefix)
    opened = open_checkpoint(path)
    assert (opened.status, opened.architecture, opened.input_size) == ("opened", "timm:tiny", (3, 64, 64))
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(opened.module(images), network(images))
    assert (opened.card.mean, opened.card.std) == ((0.5,) * 3, (0.25,) * 3)
    assert all(not pretrained for _, pretrained, _, _ in package)
    assert open_network(path).card.architecture == "timm:tiny"


def test_classes_and_channels_may_differ(package, saved):
    network, path = saved(classes=7, channels=1)
    opened = open_checkpoint(path)
    assert (opened.status, opened.input_size, opened.card) == ("opened", (1, 64, 64), None)
    assert package[-1] == ("tiny", False, 7, 1)
    assert "How are its images normalised?" in opened.message
    assert "7 classes and 1 channels" in opened.candidates[0].reasons[-1]
    torch.testing.assert_close(opened.module(torch.ones(1, 1, 64, 64)), network(torch.ones(1, 1, 64, 64)))


def test_models_with_the_same_names_and_shapes_are_all_listed_and_none_is_sure(package, saved, monkeypatch):
    twins = (tiny_model("timm", "tiny"), tiny_model("timm", "tiny_twin", mean=None, std=None))
    monkeypatch.setattr(zoo_index, "_index", lambda: {names_key(shapes_of(Tiny(2, 3))): twins})
    _, path = saved()
    found = open_checkpoint(path)
    assert found.status == "partial"
    assert [each.architecture for each in found.candidates] == ["timm:tiny", "timm:tiny_twin"]
    assert "timm's tiny_twin" in found.candidates[0].reasons[1]
    accepted = open_checkpoint(path, accept=found.candidates[1])
    assert (accepted.status, accepted.architecture) == ("opened", "timm:tiny_twin")
    assert open_checkpoint(path).architecture == "timm:tiny_twin"


def test_what_has_the_names_but_other_shapes_is_not_it(package, saved, tmp_path):
    network, path = saved()
    state = network.state_dict() | {"norm.weight": torch.ones(5)}
    torch.save(state, path)
    assert not any(each.rule == "names" for each in open_checkpoint(path).candidates)
    # A bias of other classes than its weight has.
    torch.save(network.state_dict() | {"head.bias": torch.ones(5)}, path)
    assert not any(each.rule == "names" for each in open_checkpoint(path).candidates)


def test_without_the_package_it_is_said_what_to_install(package, saved, monkeypatch):
    _, path = saved()
    for room in (zoo, zoo_nets):
        monkeypatch.setattr(room, "is_installed", lambda name: False)
    found = open_checkpoint(path)
    assert (found.status, found.module, package) == ("partial", None, [])
    assert "It has the names and shapes of timm's tiny; install timm to see it alive" in found.message
    assert "pip install cnnviz[zoo]" in found.message
    with pytest.raises(ArchitectureError, match="timm is not installed"):
        build("timm:tiny", {})


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("timm:hf-hub:evil/model", {}),
        ("timm:local-dir:/tmp/evil", {}),
        ("timm:../evil", {}),
        ("os:system", {}),
        ("timm:tiny\n", {}),
        ("timm:tiny", {"pretrained": True}),
        ("timm:tiny", {"classes": -1}),
        ("timm:tiny", {"classes": True}),
        ("timm:tiny", {"classes": 1 << 40}),
        ("timm:tiny", {"checkpoint_path": "evil.pth"}),
        ("torchvision:resnet50", {"channels": 3}),
    ],
)
def test_a_file_cannot_ask_a_package_for_more_than_a_model(package, name, config):
    with pytest.raises(ArchitectureError):
        build(name, config)
    assert package == []


def test_a_model_that_the_installed_version_lacks_is_told(package):
    with pytest.raises(ArchitectureError, match=r"does not make its model newest \(Unknown model"):
        build("timm:newest", {})


@pytest.mark.parametrize("name", AS_TORCHVISION)
def test_the_index_knows_the_architectures_that_are_built_here_too(name, monkeypatch):
    """Names and shapes of the program's own networks, against those that torchvision's models had in the index."""
    monkeypatch.setattr(zoo, "is_installed", lambda package: package == "torchvision")
    with torch.device("meta"):
        state = dict(build(name, {"classes": 7}).state_dict())
    (network,) = networks_in(contents_of({f"net.{key}": tensor for key, tensor in state.items()}))
    found = {candidate.architecture: candidate for candidate in zoo.by_zoo(network).candidates}
    assert f"torchvision:{name}" in found
    assert found[f"torchvision:{name}"].config == {"classes": 7}
    assert found[f"torchvision:{name}"].input_size == (3, 224, 224)


def test_the_index_is_small_and_whole():
    index = zoo_index._index()
    models = [model for models in index.values() for model in models]
    assert len([model for model in models if model.package == "torchvision"]) >= 80
    assert len([model for model in models if model.package == "timm"]) >= 1200
    assert len({(model.package, model.model) for model in models}) == len(models)
    assert all(zoo_nets.is_zoo_name(f"{model.package}:{model.model}") for model in models)
    assert all(len(model.size) == 3 and min(model.size) > 0 for model in models)
    assert sum(bool(model.classes) for model in models) > 0.85 * len(models)  # some of timm are made without a head
    assert (zoo_index.assets_folder() / "zoo.json.gz").stat().st_size < 200_000
    assert zoo_models(["no", "such", "names"]) == ()


@pytest.mark.parametrize(("name", "size"), [("timm:mobilenetv3_small_050", 224), ("torchvision:densenet121", 224)])
def test_a_real_model_of_an_installed_package_is_told_and_computes_the_same(name, size, tmp_path):
    package = pytest.importorskip(name.partition(":")[0], reason="torchvision and timm come with the extra 'zoo'")
    assert package is not None
    torch.manual_seed(0)
    network = build(name, {"classes": 5}).eval()
    torch.save(network.state_dict(), tmp_path / "net.pth")
    found = open_checkpoint(tmp_path / "net.pth")
    assert name in [each.architecture for each in found.candidates]
    chosen = next(each for each in found.candidates if each.architecture == name)
    opened = open_checkpoint(tmp_path / "net.pth", accept=chosen)
    images = torch.rand(1, 3, size, size)
    torch.testing.assert_close(opened.module(images), network(images))
