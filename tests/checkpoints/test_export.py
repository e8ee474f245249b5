import csv
import os

import pytest
import safetensors
import safetensors.torch
import torch

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.export import save_as_csv, save_as_safetensors
from cnnviz.checkpoints.open import open_network
from cnnviz.nets.registry import build


@pytest.fixture
def saved(tmp_path):
    """A pickled file of a known network with everything that a plain format does not have."""
    torch.manual_seed(0)
    network = build("cifar-resnet20", {}).eval()
    path = tmp_path / "net.pt"
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}, "epoch": 1}, path)
    return network, path


def test_a_live_network_becomes_one_of_the_programs_own(saved, tmp_path):
    network, path = saved
    out = tmp_path / "out.safetensors"
    assert save_as_safetensors(open_checkpoint(path), out) == ()
    opened = open_network(out)
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(opened.module(image), network(image))
    assert opened.card.labels[6] == "frog"
    assert open_checkpoint(out).candidates[0].rule == "metadata"


def test_tensors_without_a_network_keep_their_names_and_values(tmp_path):
    path, out = tmp_path / "things.pt", tmp_path / "out.safetensors"
    shared = torch.rand(6)
    state = {
        "model": {"a": shared[:3], "b": shared[3:], "tied": shared[:3]},
        "turned": torch.rand(2, 3).T,
        "number": torch.tensor(3, dtype=torch.int16),
        "half": torch.rand(2).bfloat16(),
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "sparse": torch.eye(3).to_sparse(),
    }
    torch.save(state, path)
    assert save_as_safetensors(open_checkpoint(path), out) == ("sparse",)
    written = safetensors.torch.load_file(out)
    assert set(written) == {"model.a", "model.b", "model.tied", "turned", "number", "half", "conjugate"}
    assert torch.equal(written["model.b"], shared[3:])
    assert torch.equal(written["turned"], state["turned"])
    assert torch.equal(written["conjugate"], torch.tensor([1 - 2j]))
    assert written["half"].dtype == torch.bfloat16


def test_a_failure_leaves_what_was_there(saved, tmp_path, monkeypatch):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"old")
    opened = open_checkpoint(saved[1])

    def disk_full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(CheckpointError, match=r"cannot be written \(No space left on device\)"):
        save_as_safetensors(opened, out)
    assert out.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["net.pt", "out.safetensors"]


def test_other_endings_and_unreadable_files_are_refused(saved, tmp_path):
    with pytest.raises(CheckpointError, match=r"does not end in \.safetensors"):
        save_as_safetensors(open_checkpoint(saved[1]), tmp_path / "out.pt")
    (tmp_path / "empty.pt").touch()
    for save, name in ((save_as_safetensors, "o.safetensors"), (save_as_csv, "o.csv")):
        with pytest.raises(CheckpointError, match="has no tensors that could be"):
            save(open_checkpoint(tmp_path / "empty.pt"), tmp_path / name)


def test_the_table_has_a_line_for_each_tensor(tmp_path):
    path, out = tmp_path / "t.pt", tmp_path / "t.csv"
    values = torch.tensor([[0.0, 3.0, -4.0], [torch.nan, torch.inf, 0.0]])
    state = {"=1+1": torch.ones(2), "a,b": values, "empty": torch.zeros(0), "bits": torch.tensor([True, False])}
    torch.save(state, path)
    save_as_csv(open_checkpoint(path), out)
    with out.open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"'=1+1", "a,b", "empty", "bits"}
    row = rows["a,b"]
    assert (row["shape"], row["dtype"], row["numbers"], row["zeros"], row["not finite"]) == (
        "2×3",
        "float32",
        "6",
        "2",
        "2",
    )
    assert float(row["norm"]) == 5
    assert float(row["mean"]) == -0.25
    assert float(row["std"]) == pytest.approx(torch.tensor([0.0, 3, -4, 0]).std(correction=0).item(), rel=1e-5)
    assert rows["bits"]["mean"] == "0.5"
    assert rows["empty"]["mean"] == ""
