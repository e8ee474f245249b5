"""Real files end as their nature says."""

import pytest
import torch

from cnnviz.checkpoints.natural_order import natural
from cnnviz.checkpoints.reader import RefusedFile, read_checkpoint


@pytest.fixture
def samples(shared_data):
    return shared_data / "checkpoints"


def test_a_pickled_network_of_2018_shows_its_weights_modules_and_source(samples):
    contents = read_checkpoint(samples / "vdsr" / "model_epoch_50.pth")
    assert contents.format == "PyTorch legacy pickle"
    assert len(contents.entries) == 20
    assert sum(contents.load(entry.name).numel() for entry in contents.entries) == 664_704
    assert contents.entries[0].name == "model.input.weight"
    assert contents.entry("model.residual_layer.0.conv.weight").shape == (64, 64, 3, 3)
    assert contents.refused == ("vdsr.Net", "vdsr.Conv_ReLU_Block")
    assert contents.metadata == {"epoch": 50}
    assert contents.sources["vdsr.Net"].startswith("class Net(nn.Module):")
    modules = {module.path: module for module in contents.modules}
    assert (contents.modules[0].path, contents.modules[0].kind) == ("model", "vdsr.Net")
    assert modules["model.input"].kind == "torch.nn.modules.conv.Conv2d"
    assert modules["model.input"].settings["padding"] == [1, 1]
    assert modules["model.relu"].settings["inplace"] is True


def test_a_checkpoint_of_a_training_run_keeps_its_accuracy(samples):
    contents = read_checkpoint(samples / "akamaster" / "resnet20-12fca82f.th")
    assert contents.metadata["best_prec1"] == pytest.approx(91.78)
    weights = [entry for entry in contents.entries if "running" not in entry.name]
    assert all(entry.name.startswith("state_dict.module.") for entry in contents.entries)
    assert sum(contents.load(entry.name).numel() for entry in weights) == 269_722


def test_one_network_in_two_formats_has_the_same_names_and_shapes(samples):
    first, second = (read_checkpoint(samples / "burn" / f"mnist.{ending}") for ending in ("pt", "safetensors"))
    assert [(entry.name, entry.shape) for entry in first.entries] == [(e.name, e.shape) for e in second.entries]
    assert any(not torch.equal(first.load(e.name), second.load(e.name)) for e in first.entries)


@pytest.mark.parametrize(
    ("name", "words"), [("misc/zero_bytes.pt", "is empty"), ("burn-tests/test_data__broken.pt", "no kind")]
)
def test_what_is_no_checkpoint_is_told(name, words, samples):
    with pytest.raises(RefusedFile, match=words) as refusal:
        read_checkpoint(samples / name)
    assert refusal.value.refused == ()


def test_a_bare_tensor_and_an_array_have_names_too(samples):
    assert [entry.name for entry in read_checkpoint(samples / "misc" / "0_png.pt").entries] == ["tensor"]
    array = read_checkpoint(samples / "bioimageio" / "unet2d_fixed_shape" / "test_input.npy")
    assert [entry.name for entry in array.entries] == ["array"]


def test_names_are_compared_as_people_count():
    names = ["a.10.w", "a.9.w", "a.b", "a.9", "a10", "a2", ""]
    assert sorted(names, key=natural) == ["", "a2", "a10", "a.9", "a.9.w", "a.10.w", "a.b"]
