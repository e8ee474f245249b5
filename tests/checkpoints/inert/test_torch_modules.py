"""What the reader makes of networks that were saved whole, with their code or as code."""

import json
import pickle
import zipfile

import pytest
import torch
from torch import nn

from cnnviz.checkpoints.reader import read_checkpoint

from .comparing import same


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8, 2))
        self.register_buffer("mean", torch.zeros(1))
        self.depth = 3


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_a_whole_module_is_a_tree_with_the_names_of_its_state_dict(old, saved, tmp_path):
    net = Net()
    path = tmp_path / "whole.pt"
    path.write_bytes(saved({"model": net, "epoch": 3}, old))
    contents = read_checkpoint(path)
    state = {f"model.{name}": tensor for name, tensor in net.state_dict().items()}
    assert {entry.name for entry in contents.entries} == set(state)
    for name, tensor in state.items():
        same(contents.load(name), tensor)
    kinds = {module.path: module.kind for module in contents.modules}
    assert kinds["model"].endswith("test_torch_modules.Net")
    assert kinds["model.head.1"] == "torch.nn.modules.linear.Linear"
    assert contents.modules[0].path == "model"
    settings = {module.path: module.settings for module in contents.modules}
    assert settings["model.conv"]["padding"] == [1, 1]
    assert settings["model.conv"]["kernel_size"] == [3, 3]
    assert settings["model"]["depth"] == 3
    assert settings["model.head.1"]["in_features"] == 8
    assert contents.refused == (kinds["model"],)
    assert contents.metadata == {"epoch": 3}


def test_arrays_and_scalars_of_numpy_inside_a_checkpoint_are_read(saved, tmp_path):
    numpy = pytest.importorskip("numpy")
    arrays = {
        "plain": numpy.arange(6, dtype="f4").reshape(2, 3),
        "fortran": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
        "reversed": numpy.arange(3, dtype=">i4"),
        "long": numpy.arange(5000, dtype="i8"),
    }
    for protocol in (2, 3, 4, 5):
        path = tmp_path / f"arrays{protocol}.pkl"
        content = {**arrays, "loss": numpy.float32(0.5), "count": numpy.int64(7), "words": numpy.array(["a"])}
        path.write_bytes(pickle.dumps(content, protocol))
        contents = read_checkpoint(path)
        assert {entry.name for entry in contents.entries} == set(arrays)
        for name, array in arrays.items():
            assert numpy.array_equal(contents.load(name).numpy(), array)
        assert contents.metadata["loss"] == 0.5
        assert contents.metadata["count"] == 7
        assert contents.refused == ()


@pytest.mark.filterwarnings("ignore")
def test_scripts_and_exported_programs_show_their_weights_and_their_code(tmp_path):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()).eval()
    image = torch.zeros(1, 1, 4, 4)
    torch.jit.trace(net, image).save(tmp_path / "script.pt")
    torch.export.save(torch.export.export(net, (image,)), tmp_path / "program.pt2")
    for name, form in (("script.pt", "TorchScript"), ("program.pt2", "torch.export")):
        contents = read_checkpoint(tmp_path / name)
        assert contents.format == form
        for key, tensor in net.state_dict().items():
            same(contents.load(key), tensor)
        assert any("conv" in text for text in contents.sources.values())
        assert contents.refused == ()


@pytest.mark.filterwarnings("ignore")
def test_the_older_layout_of_exported_programs_is_read_too(tmp_path):
    """As torch 2.1 to 2.6 laid it out: what torch's own serialiser makes, under the names that it had then."""
    from torch._export.serde.serialize import serialize

    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten()).eval()
    made = serialize(torch.export.export(net, (torch.zeros(1, 1, 4, 4),)))
    path = tmp_path / "old.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("version", "5.3")
        archive.writestr("serialized_exported_program.json", made.exported_program)
        archive.writestr("serialized_state_dict.pt", made.state_dict)
        archive.writestr("serialized_constants.pt", made.constants)
        archive.writestr("serialized_example_inputs.pt", made.example_inputs)
    contents = read_checkpoint(path)
    assert contents.format == "torch.export"
    assert {entry.name for entry in contents.entries} == net.state_dict().keys()
    for key, tensor in net.state_dict().items():
        same(contents.load(key), tensor)
    assert any("conv" in text for text in contents.sources.values())
    assert "conv2d" in json.dumps(contents.metadata["graph"])
    assert contents.refused == ()
