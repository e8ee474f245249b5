import builtins
import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from cnnviz.checkpoints import identify, reader
from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.identify import read_card
from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.save import save_network


@pytest.fixture
def path(module, card, tmp_path):
    path = tmp_path / "digits.safetensors"
    save_network(module, card, path)
    return path


def rewrite(path, card, state):
    path.write_bytes(safetensors.torch.save(state, card.to_metadata()))


def test_what_was_saved_is_opened_and_computes_the_same(module, card, path):
    opened = open_network(path)
    image = torch.rand(2, 2, 28, 28)
    assert torch.equal(opened.module(image), module(image))
    assert not opened.module.training
    assert opened.card == card
    assert (opened.name, opened.path, opened.non_finite) == ("digits", path, 0)
    assert open_network(str(path)).card == card


def test_an_opened_network_can_be_trained_on(path):
    opened = open_network(path)
    opened.module(torch.rand(1, 2, 28, 28)).sum().backward()
    assert all(weights.grad is not None for weights in opened.module.parameters())


def test_weights_that_are_not_finite_are_counted(module, card, path):
    state = module.state_dict()
    state["conv1.weight"][0, 0, 0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    state["fc2.bias"][1] = torch.nan
    rewrite(path, card, state)
    opened = open_network(path)
    assert opened.non_finite == 4
    assert opened.module.get_submodule("conv1").weight[0, 0, 0, 1] == torch.inf


def test_half_precision_weights_become_float32(module, card, path):
    rewrite(path, card, {name: tensor.half() for name, tensor in module.state_dict().items()})
    weight = open_network(path).module.get_submodule("fc1").weight
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, module.fc1.weight, atol=1e-3, rtol=0)


def without(state, name):
    return {key: tensor for key, tensor in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: without(state, "conv2.bias"), "lacks the weights 'conv2.bias'"),
        (lambda state: state | {"conv3.bias": torch.zeros(1)}, "holds weights 'conv3.bias'"),
        (lambda state: state | {"conv1.bias": torch.zeros(9)}, r"'conv1.bias' has shape \(9,\), \(4,\) is expected"),
        (lambda state: state | {"conv1.bias": torch.zeros(4).long()}, "'conv1.bias' holds torch.int64"),
        (lambda state: state | {"conv1.bias": torch.zeros(4) * 1j}, "'conv1.bias' holds torch.complex64"),
    ],
)
def test_weights_that_do_not_fit_are_named(module, card, path, change, message):
    rewrite(path, card, change(module.state_dict()))
    with pytest.raises(CheckpointError, match=message) as caught:
        open_network(path)
    assert str(path) in str(caught.value)
    assert "cnnviz train" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "lenet9"}, "no architecture 'lenet9'"),
        ({"config": {"depth": 1}}, "no setting 'depth'"),
        ({"config": {"widths": [65536, 65536], "hidden": 65536}}, "cannot be built|'conv1.weight' has shape"),
        ({"labels": ("a", "b")}, "2 labels for 3 outputs"),
        ({"input_size": (2, 65536, 65536)}, "cannot be built"),
        ({"input_size": (1, 28, 28), "mean": (0.5,), "std": (0.5,)}, "cannot be built"),
    ],
)
def test_a_card_that_does_not_fit_its_weights_is_refused(module, card, path, change, message):
    rewrite(path, card.model_copy(update=change), module.state_dict())
    with pytest.raises(CheckpointError, match=message):
        open_network(path)


class RunsCode:
    def __reduce__(self):
        return (exec, ("import builtins; builtins.was_unpickled = True",))


def write_pytorch_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(RunsCode()))


@pytest.mark.parametrize("name", ["network.pt", "network.safetensors"])
@pytest.mark.parametrize("write", [lambda path: path.write_bytes(pickle.dumps(RunsCode())), write_pytorch_zip])
def test_a_pickled_network_is_refused_unopened(tmp_path, name, write):
    write(tmp_path / name)
    with pytest.raises(CheckpointError, match="exec"):
        open_network(tmp_path / name)
    assert not hasattr(builtins, "was_unpickled")


def test_other_files_are_refused_in_a_sentence_that_says_what_to_do(tmp_path, path):
    whole = path.read_bytes()
    foreign = safetensors.torch.save({"weight": torch.zeros(2)}, {"format": "pt"})
    cases = {
        "empty": (b"", "it is empty; get the file again"),
        "text": (b"hello, this is no network", "cannot be read: .*; get the file again"),
        "short": (b"abc", "cannot be read: .*; get the file again"),
        "header": (whole[:40], "cannot be read: .*; get the file again"),
        "truncated": (whole[:-4], "cannot be read: .*; get the file again"),
        "huge": ((2**62).to_bytes(8, "little") + whole[8:], "cannot be read: .*; get the file again"),
        "foreign": (foreign, "is not a whole network because"),
        "newer": (whole.replace(b'"cnnviz_format":"1"', b'"cnnviz_format":"9"'), "install a newer cnnviz"),
    }
    for name, (content, message) in cases.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=message) as caught:
            open_network(file)
        assert str(file) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no network or file 'minst-lenet'; give one of mnist-lenet, cifar-net"):
        open_network("minst-lenet")
    with pytest.raises(CheckpointError, match="is a folder; give the file of weights in it"):
        open_network(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_network("nul\0byte")


def test_the_card_is_read_without_the_weights(path, card):
    assert read_card(path) == card


def test_what_claims_to_be_the_programs_own_is_parsed_in_a_process_of_its_own_all_the_same(path, monkeypatch):
    def not_here(*_arguments, **_named):
        raise AssertionError("parsed in the program's own process")

    parsed = []
    plan_of = reader.plan_of
    monkeypatch.setattr(safetensors.torch, "load", not_here)
    monkeypatch.setattr(reader, "plan_of", lambda *arguments: parsed.append(arguments[1]) or plan_of(*arguments))
    assert open_network(path).name == "digits"
    assert parsed == [str(path)]
    open_network(path)
    assert len(parsed) == 1  # it has not changed since


def test_a_header_that_is_longer_than_the_programs_own_is_not_parsed_here(path, monkeypatch):
    """One of 99 MB that says it is the program's own would take a gigabyte."""
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = whole[8 : 8 + size]
    assert identify.is_own(path)
    for length, own in ((identify._LARGEST_HEADER, True), (identify._LARGEST_HEADER + 8, False)):
        path.write_bytes(length.to_bytes(8, "little") + header.ljust(length) + whole[8 + size :])
        assert identify.is_own(path) == own
