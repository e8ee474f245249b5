"""Files of weights from end to end: written by torch, opened by the program."""

import io
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import cnnviz
from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.chain_guess import table
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.layer_table import weights_among
from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.sidecar import sha256_of
from cnnviz.nets.registry import build


def resnet(**config):
    torch.manual_seed(0)
    return build("cifar-resnet20", config).eval()


@pytest.fixture
def unnamed(tmp_path):
    """A LeNet saved from an ``nn.Sequential``: its names are numbers, so that its shapes are all there is."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10)),
    )
    torch.save(network.state_dict(), tmp_path / "digits.pth")
    return network, tmp_path / "digits.pth"


def test_a_known_network_is_live_and_computes_the_same(tmp_path):
    network = resnet()
    path = tmp_path / "best.tar"
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
    opened = cnnviz.open_checkpoint(path)
    assert (opened.status, opened.architecture, opened.refused) == ("opened", "cifar-resnet20", ())
    image = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(opened.module(image), network(image))
    assert not opened.module.training
    assert opened.parameters == 269_722
    assert "'state_dict.module.' was taken off" in opened.message
    assert opened.layers[0].output_shape == (16, 32, 32)
    assert opened.layers[-1].type == "Linear"
    assert sum(layer.parameters for layer in opened.layers) == 269_722
    # He et al. count 41 million multiply-adds; akamaster's page says the same.
    assert round(sum(layer.macs for layer in opened.layers) / 1e6) == 41
    assert open_network(path).card == opened.card
    assert opened.card.labels[6] == "frog"


def test_what_is_not_known_of_the_images_is_asked_for(tmp_path):
    path = tmp_path / "ten classes.pth"
    torch.save(resnet(classes=4).state_dict(), path)
    opened = open_checkpoint(path)
    assert (opened.status, opened.card) == ("opened", None)
    assert "How are its images normalised?" in opened.message
    assert f"cnnviz inspect '{path}' --accept --set mean=M" in opened.message
    shown = open_network(path)
    assert shown.card.mean == (0.0, 0.0, 0.0)
    assert "Set mean and std" in shown.asks


def test_a_guess_is_not_live_until_it_is_accepted(unnamed):
    network, path = unnamed
    found = open_checkpoint(path)
    assert (found.status, found.module, found.architecture) == ("partial", None, "chain")
    assert [layer.type for layer in found.layers] == ["Conv2d", "Conv2d", "Linear", "Linear"]
    assert found.parameters == sum(weights.numel() for weights in network.parameters())
    with pytest.raises(CheckpointError, match="which only you can say"):
        open_network(path)
    best = found.candidates[0]
    guess = table(best).with_pooling("average").changed(mean=(0.5,), std=(0.25,), labels=tuple("abcdefghij"))
    accepted = open_checkpoint(path, accept=guess.applied_to(best))
    image = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(accepted.module(image), network(image))
    again = open_network(path)
    torch.testing.assert_close(again.module(image), network(image))
    assert (again.card.mean, again.card.std, again.card.labels[2]) == ((0.5,), (0.25,), "c")
    assert open_checkpoint(path).candidates[0].reasons == ("You accepted it for this file.",)


def test_accepting_takes_the_best_answer(unnamed):
    _, path = unnamed
    accepted = open_checkpoint(path, accept=True)
    assert (accepted.status, accepted.confidence) == ("opened", 1.0)
    kept = json.loads((path.parent / "digits.pth.cnnviz.json").read_text())
    assert kept["sha256"] == sha256_of(path)
    assert str(path.parent / "digits.pth.cnnviz.json") in accepted.message


def test_an_answer_for_another_file_is_ignored_and_that_is_said(unnamed):
    _, path = unnamed
    open_checkpoint(path, accept=True)
    other = path.with_name("other.pth")
    torch.save({name: tensor + 1 for name, tensor in torch.load(path).items()}, other)
    beside = path.with_name("digits.pth.cnnviz.json").rename(path.with_name("other.pth.cnnviz.json"))
    found = open_checkpoint(other)
    assert found.status == "partial"
    assert f"{beside} was written for a file of other content, and is ignored." in found.message
    for damaged in ("{", "[]", "\0", '{"cnnviz_answer": 2}'):
        beside.write_text(damaged)
        assert "is no answer that this program wrote, and is ignored" in open_checkpoint(other).message


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ([1, 9000, 28], "is no answer that this program wrote, and is ignored"),
        ([1, 0, 28], "is no answer that this program wrote, and is ignored"),
        ([1, 2**62, 2**62], "is no answer that this program wrote, and is ignored"),
        ([1, 8192, 8192], "its images of 1×8192×8192 are larger than any that are shown"),
        ([8192, 8192, 8192], "its images of 8192×8192×8192 are larger than any that are shown"),
        ([3, 28, 28], "it cannot be run"),
    ],
)
def test_a_kept_answer_with_impossible_images_is_refused_in_words(unnamed, size, said):
    """Whoever sends a file can send an answer along with it."""
    _, path = unnamed
    open_checkpoint(path, accept=True)
    beside = path.with_name("digits.pth.cnnviz.json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"input_size": size}))
    found = open_checkpoint(path)
    assert (found.status, found.module) == ("partial", None)
    assert said in found.message


def test_an_answer_goes_into_the_data_folder_where_the_files_folder_cannot_be_written(unnamed, monkeypatch):
    _, path = unnamed
    # A folder in the answer's place can be written by nobody, also not by root.
    path.with_name("digits.pth.cnnviz.json").mkdir()
    accepted = open_checkpoint(path, accept=True)
    assert accepted.status == "opened"
    assert str(path.parent) not in accepted.message.partition("The answer is kept in ")[2]
    assert open_checkpoint(path).status == "opened"
    path.with_name("copy.pth").write_bytes(path.read_bytes())
    assert open_checkpoint(path.with_name("copy.pth")).status == "partial"


def test_an_answer_that_does_not_fit_is_refused_and_not_kept(unnamed):
    _, path = unnamed
    best = open_checkpoint(path).candidates[0]
    guess = table(best).with_layer("0", padding=(0, 0))
    with pytest.raises(CheckpointError, match="cannot be opened as a chain of 4 layers"):
        open_checkpoint(path, accept=guess.applied_to(best))
    assert open_checkpoint(path).status == "partial"


def test_one_of_several_networks_is_selected(tmp_path):
    path = tmp_path / "gan.pt"
    first, second = resnet(classes=3), resnet(classes=5)
    torch.save(
        {"params": first.state_dict(), "params_ema": second.state_dict(), "optimizer": {"lr": torch.ones(1)}}, path
    )
    opened = open_checkpoint(path)
    assert opened.networks == ("params", "params_ema")
    assert "This is its network 'params'; it also holds 'params_ema', see --select." in opened.message
    assert opened.parameters == sum(weights.numel() for weights in first.parameters())
    assert open_checkpoint(path, select="params_ema").candidates[0].config["classes"] == 5
    with pytest.raises(CheckpointError, match="no network called 'ema'; it holds params, params_ema"):
        open_checkpoint(path, select="ema")


def test_tied_weights_are_counted_once_and_views_as_often_as_they_are(tmp_path):
    path = tmp_path / "tied.pt"
    weight, memory = torch.rand(4, 4), torch.rand(8)
    state = {
        "embed.weight": weight,
        "head.weight": weight,
        "a": memory[:4],
        "b": memory[4:],
        "n.running_mean": weight[0],
    }
    torch.save(state, path)
    assert open_checkpoint(path).parameters == 16 + 8


def test_many_parts_of_one_storage_are_told_apart_by_where_they_lie(tmp_path):
    """As in files whose weights were flattened: each tensor is looked at once, and equal values are not tied ones."""
    path = tmp_path / "flat.pt"
    memory = torch.zeros(400, 9)
    torch.save({f"c{index}.weight": memory[index].view(1, 1, 3, 3) for index in range(400)}, path)
    found = open_checkpoint(path)
    read = []
    load = found.contents.load
    counted = replace(found.contents, load=lambda name: read.append(name) or load(name))
    assert len(weights_among(counted, found.network.entries.values())) == 400
    assert len(read) == 400
    assert found.parameters == sum(layer.parameters for layer in found.layers) == 3600


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(tmp_path, dtype):
    network = resnet()
    path = tmp_path / "half.pt"
    torch.save({name: t.to(dtype) if t.is_floating_point() else t for name, t in network.state_dict().items()}, path)
    opened = open_checkpoint(path)
    assert opened.module.linear.weight.dtype == torch.float32
    torch.testing.assert_close(opened.module.linear.weight, network.linear.weight, atol=1e-2, rtol=0)
    assert opened.contents.entry("linear.weight").dtype == str(dtype).removeprefix("torch.")


def test_complex_weights_of_a_known_name_are_no_network(tmp_path):
    path = tmp_path / "complex.pt"
    torch.save(resnet().state_dict() | {"linear.bias": torch.zeros(10) * 1j}, path)
    found = open_checkpoint(path)
    assert found.status == "partial"
    assert "'linear.bias' holds torch.complex64, torch.float32 is expected" in found.message


def test_stored_arrays_beside_the_file_are_reproduced(tmp_path):
    network = resnet()
    torch.save(network.state_dict(), tmp_path / "net.pt")
    image = np.random.default_rng(0).normal(3, 2, (2, 3, 32, 32)).astype(np.float32)
    np.save(tmp_path / "test_input.npy", image)
    standardised = torch.tensor((image - image.mean()) / image.std(ddof=1))
    for given, said in ((torch.tensor(image), "."), (standardised, " (its input given mean 0")):
        with torch.no_grad():
            np.save(tmp_path / "test_output.npy", network(given).numpy())
        message = open_checkpoint(tmp_path / "net.pt").message
        assert "The output stored in test_output.npy is reproduced to " in message
        difference, rest = re.search(r"is reproduced to ([0-9.e+-]+\d)(.*)", message).groups()
        assert float(difference) < 1e-4
        assert rest.startswith(said)
    np.save(tmp_path / "test_input.npy", np.array([{"no": "array"}], dtype=object), allow_pickle=True)
    assert "stored in" not in open_checkpoint(tmp_path / "net.pt").message
    # 16 bytes that say they are 3 · 2**48 numbers, for which numpy would take the memory first
    claim = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (1, 3, 2**24, 2**24)}
    np.lib.format.write_array_header_1_0(claim, shape)
    (tmp_path / "test_input.npy").write_bytes(claim.getvalue() + bytes(16))
    assert "stored in" not in open_checkpoint(tmp_path / "net.pt").message
    torch.save(torch.empty(1, 3, 32, 32, device="meta"), tmp_path / "test_input.npy")
    assert "stored in" not in open_checkpoint(tmp_path / "net.pt").message


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "empty.pt").touch()
    found = open_checkpoint(tmp_path / "empty.pt")
    assert (found.status, found.parameters, found.layers, found.module) == ("refused", 0, (), None)
    assert "empty" in found.message
    assert open_checkpoint(tmp_path / "missing.pt").status == "refused"
    assert open_checkpoint(tmp_path).status == "refused"


def test_shipped_networks_open_by_name():
    opened = open_checkpoint("mnist-lenet")
    assert (opened.status, opened.architecture, opened.confidence) == ("opened", "lenet", 1.0)
    assert opened.card.dataset == "mnist"


class Branching(nn.Module):
    """Two heads: no chain."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Conv2d(3, 4, 3)
        self.one, self.two = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 5, 1)

    def forward(self, images):
        return torch.cat([self.one(self.trunk(images)), self.two(self.trunk(images))], 1)


CODE = """
import torch
from torch import nn
{mark}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Conv2d(3, 4, 3)
        self.one, self.two = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 5, 1)
    def forward(self, images):
        return torch.cat([self.one(self.trunk(images)), self.two(self.trunk(images))], 1)
def fails():
    raise RuntimeError("no such thing")
def nothing():
    return 3
def other():
    return nn.Conv2d(3, 4, 3)
"""


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    """A checkpoint in one folder, the code for it in another, in which the person works."""
    (tmp_path / "sent").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "their_nets.py").write_text(CODE.format(mark=""))
    monkeypatch.chdir(tmp_path / "work")
    path = tmp_path / "sent" / "heads.pt"
    torch.save({f"module.{name}": tensor for name, tensor in Branching().state_dict().items()}, path)
    yield path
    for name in ("their_nets", "sent_nets", "sent", "sent.sent_nets"):
        sys.modules.pop(name, None)


def test_a_network_of_the_persons_own_code_is_filled(own_code):
    assert "it branches" in open_checkpoint(own_code).message
    before = list(sys.path)
    opened = open_checkpoint(own_code, model="their_nets:Net")
    assert sys.path == before
    assert (opened.status, opened.architecture, opened.input_size) == ("opened", "their_nets:Net", (3, 224, 224))
    state = torch.load(own_code)
    torch.testing.assert_close(opened.module.two.weight, state["module.two.weight"])
    assert opened.layers[-1].output_shape == (7, 222, 222)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("their_nets", "not of the form package.module:callable"),
        ("no_such_nets:Net", "no module no_such_nets where Python looks"),
        ("their_nets.Net:Net", "cannot be found"),
        ("their_nets:Missing", "has no attribute 'Missing'"),
        ("their_nets:fails", "could not be called .no such thing."),
        ("their_nets:nothing", "gives a int; it has to give a torch.nn.Module"),
        ("their_nets:other", "does not fit what their_nets:other makes"),
    ],
)
def test_own_code_that_makes_no_fitting_network_is_told(own_code, spec, message):
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(own_code, model=spec)


@pytest.mark.parametrize("where", ["sent", "above"])
def test_code_beside_the_checkpoint_is_never_imported(own_code, monkeypatch, where):
    folder = own_code.parent
    mark = folder.parent / "was imported"
    (folder / "sent_nets.py").write_text(CODE.format(mark=f"open({str(mark)!r}, 'w').close()"))
    (folder / "__init__.py").write_text(f"open({str(mark)!r}, 'w').close()")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder if where == "sent" else folder.parent)
    spec = "sent_nets:Net" if where == "sent" else "sent.sent_nets:Net"
    with pytest.raises(CheckpointError, match="beside the checkpoint"):
        open_checkpoint(own_code, model=spec)
    assert not mark.exists()
