import os

import pytest
import safetensors
import torch

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.save import save_network


def test_the_file_holds_the_weights_and_the_card(module, card, tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(module.to(memory_format=torch.channels_last), card, path)
    with safetensors.safe_open(path, framework="pt") as file:
        assert set(file.keys()) == set(module.state_dict())
        for name, tensor in module.state_dict().items():
            assert torch.equal(file.get_tensor(name), tensor)
        assert "größer" in file.metadata()["cnnviz_card"]
    assert os.listdir(tmp_path) == ["network.safetensors"]


def test_a_failure_leaves_the_old_file_and_nothing_else(module, card, tmp_path, monkeypatch):
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"old")

    def disk_full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(CheckpointError, match=r"cannot be written \(No space left on device\); choose another place"):
        save_network(module, card, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["network.safetensors"]


def test_a_folder_is_not_overwritten(module, card, tmp_path):
    (tmp_path / "network.safetensors").mkdir()
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_network(module, card, tmp_path / "network.safetensors")
    assert os.listdir(tmp_path) == ["network.safetensors"]
