import json
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.open import open_network
from cnnviz.cli import main
from cnnviz.nets.registry import build

KEYS = {"status", "format", "architecture", "confidence", "parameters", "tensors", "layers", "refused", "message"}


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "net.pth"
    torch.manual_seed(0)
    torch.save({"state_dict": build("cifar-resnet20", {}).state_dict(), "epoch": 7}, path)
    return path


@pytest.fixture
def unnamed(tmp_path):
    path = tmp_path / "digits.pth"
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(784, 3))
    torch.save(layers.state_dict(), path)
    return path


def inspect(capsys, *arguments):
    """Exit status, what was printed, what was complained about."""
    status = main(["inspect", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def as_json(capsys, *arguments):
    status, out, _ = inspect(capsys, *arguments, "--json")
    return status, json.loads(out.splitlines()[-1])


def test_a_known_network_ends_with_0_and_a_table(known, capsys):
    status, out, _ = inspect(capsys, known)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split() == ["layer", "type", "output", "weights", "multiply-adds"]
    assert lines[1].split() == ["conv1", "Conv2d", "16×32×32", "432", "442,368"]
    assert "beside it: epoch" in lines
    assert lines[-1].startswith(f"opened: {known} is CIFAR ResNet-20, with 269,722 weights.")


def test_the_json_has_the_documented_keys(known, capsys):
    status, found = as_json(capsys, known)
    assert status == 0
    assert found.keys() >= KEYS
    assert (found["status"], found["format"], found["architecture"]) == ("opened", "PyTorch zip", "cifar-resnet20")
    assert (found["parameters"], found["refused"]) == (269_722, [])
    assert 0.9 <= found["confidence"] <= 1
    state = torch.load(known)["state_dict"]
    assert {tensor["name"]: tensor["shape"] for tensor in found["tensors"]} == {
        f"state_dict.{name}": list(tensor.shape) for name, tensor in state.items()
    }
    assert {tensor["dtype"] for tensor in found["tensors"]} == {"float32", "int64"}
    assert found["layers"][0] == {
        "name": "conv1",
        "type": "Conv2d",
        "output_shape": [16, 32, 32],
        "parameters": 432,
        "macs": 32 * 32 * 16 * 27,
    }


def test_a_guess_ends_with_3_until_it_is_accepted(unnamed, capsys):
    status, found = as_json(capsys, unnamed)
    assert (status, found["status"], found["architecture"]) == (3, "partial", "chain")
    assert found["layers"][0] == {"name": "0", "type": "Conv2d", "output_shape": None, "parameters": 104, "macs": None}
    status, out, _ = inspect(capsys, unnamed)
    assert "answer 1: a chain of 2 layers for images of 1×28×28" in out
    assert "take it with --accept" in out.splitlines()[-1]
    status, out, _ = inspect(
        capsys, unnamed, "--accept", "--set", "mean=0.5", "--set", "std=0.25", "--set", "labels=a,b,c"
    )
    assert status == 0
    assert "The answer is kept in" in out
    card = open_network(unnamed).card
    assert (card.mean, card.std, card.labels) == ((0.5,), (0.25,), ("a", "b", "c"))
    # What was accepted is corrected step by step.
    assert inspect(capsys, unnamed, "--accept", "--set", "0.activation=tanh")[0] == 0
    assert open_network(unnamed).card.mean == (0.5,)
    assert isinstance(open_network(unnamed).module[1], nn.Tanh)


def test_statistics_of_a_known_network_are_answered(tmp_path, capsys):
    path = tmp_path / "net.pth"
    torch.save(build("cifar-resnet20", {"classes": 3}).state_dict(), path)
    status, found = as_json(capsys, path)
    assert (status, found["status"]) == (0, "opened")
    assert "How are its images normalised?" in found["message"]
    assert inspect(capsys, path, "--accept", "--set", "mean=0.5,0.4,0.3", "--set", "std=0.2")[0] == 0
    assert open_network(path).card.mean == (0.5, 0.4, 0.3)
    assert open_network(path).card.std == (0.2, 0.2, 0.2)


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        (["mean"], "not of the form WHAT=VALUE"),
        (["mean=0"], "both mean and std"),
        (["mean=0", "std=0"], "std is above 0"),
        (["mean=nan", "std=1"], "mean is finite"),
        (["mean=0,0", "std=1"], "has 2 numbers for 1 channels"),
        (["mean=dark", "std=1"], "give one number"),
        (["0.padding=far"], "cannot be used"),
        (["9.padding=1"], "one of the layers 0, 4 with"),
        (["activation=exec"], "cannot be used"),
        (["0.weights=1"], "cannot be used"),
        (["input=1x10x10"], "cannot be opened as a chain of 2 layers"),
    ],
)
def test_corrections_that_cannot_be_used_are_told(unnamed, capsys, corrections, message):
    words = [word for correction in corrections for word in ("--set", correction)]
    status, out, error = inspect(capsys, unnamed, "--accept", *words)
    assert (status, out) == (2, "")
    assert message in error
    assert open_checkpoint(unnamed).status == "partial"


def test_another_answer_than_the_best_is_taken_by_its_number(unnamed, capsys):
    size = open_checkpoint(unnamed).candidates[1].input_size
    assert inspect(capsys, unnamed, "--accept", "--answer", "2")[0] == 0
    assert open_checkpoint(unnamed).input_size == size
    assert "There is no answer 99" in inspect(capsys, unnamed, "--accept", "--answer", "99")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "mean=0"], "give --accept with them"),
        (["--answer", "1"], "give --accept with them"),
        (["--accept", "--model", "a:b"], "give one of them"),
        (["other.pt", "--save-as", "x.safetensors"], "Two files are compared only"),
        (["--try", "mnist", "--json"], "leave out --json"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(known, capsys, arguments, message):
    status, _, error = inspect(capsys, known, *arguments)
    assert status == 2
    assert message in error


def test_a_callable_that_ends_the_program_is_told(known, capsys):
    status, out, error = inspect(capsys, known, "--model", "sys:exit")
    assert (status, out) == (2, "")
    assert error == "cnnviz: --model sys:exit ends the program instead of making a network; correct it.\n"


def test_what_cannot_be_read_ends_with_2(tmp_path, capsys):
    (tmp_path / "empty.pt").touch()
    for name in ("empty.pt", "missing.pt"):
        status, found = as_json(capsys, tmp_path / name)
        assert (status, found["status"], found["tensors"], found["parameters"]) == (2, "refused", [], 0)
        assert found.keys() >= KEYS


def test_two_files_are_compared(known, tmp_path, capsys):
    state = torch.load(known)["state_dict"]
    other = tmp_path / "other.pth"
    torch.save({name: tensor * 2 if name == "linear.weight" else tensor for name, tensor in state.items()}, other)
    status, out, _ = inspect(capsys, known, other)
    assert status == 0
    assert out.splitlines()[0].split() == ["layer", "relative", "change"]
    assert out.splitlines()[1].split()[0] == "linear"
    assert "same names, other values (269,722 and 269,722 weights)" in out.splitlines()[-1]
    status, found = as_json(capsys, known, known)
    assert found["verdict"] == "same names, same values"
    assert {layer["relative_change"] for layer in found["layers"]} == {0}
    (tmp_path / "empty.pt").touch()
    assert inspect(capsys, known, tmp_path / "empty.pt")[0] == 2


def test_tensors_are_saved_in_harmless_forms(known, tmp_path, capsys):
    out, table = tmp_path / "out.safetensors", tmp_path / "out.csv"
    assert inspect(capsys, known, "--save-as", out, "--csv", table)[0] == 0
    assert open_network(out).card.architecture == "cifar-resnet20"
    assert len(table.read_text().splitlines()) == 1 + len(torch.load(known)["state_dict"])


def test_chains_are_tried_on_labelled_images(unnamed, tmp_path, capsys):
    from PIL import Image

    for name in ("a", "b", "c"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(2):
            pixels = np.random.default_rng(index).integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.png")
    status, out, _ = inspect(capsys, unnamed, "--try", f"folder:{tmp_path / 'set'}")
    assert status == 3
    assert "right  answer  activation  pooling  mean" in out
    assert "choices were tried" in out.splitlines()[-1]


def test_names_in_a_file_do_not_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "bad.pt"
    torch.save({"\x1b[2J\x1b]0;owned\x07.weight": torch.rand(2, 3, 3, 3), "other.weight": torch.rand(2, 5, 1, 1)}, path)
    _, out, _ = inspect(capsys, path)
    assert "owned" in out
    assert not any(ord(character) < 32 and character != "\n" for character in out)


def test_qt_is_not_started(known):
    code = (
        "import sys; from cnnviz.cli import main; "
        f"print(main(['inspect', {str(known)!r}]), [name for name in sys.modules if name.startswith('PyQt6')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250, check=True)
    assert run.stdout.splitlines()[-1] == "0 []"


def test_the_graph_of_a_live_network_is_drawn(known, unnamed, tmp_path, capsys):
    drawing = tmp_path / "graph.svg"
    assert inspect(capsys, known, "--svg", drawing)[0] == 0
    root = ElementTree.parse(drawing).getroot()
    drawn = [group.get("data-layer") for group in root.iter() if group.get("class") == "layer"]
    assert drawn == ["input", *(layer.name for layer in open_checkpoint(known).layers)]
    status, _, complaint = inspect(capsys, unnamed, "--svg", tmp_path / "none.svg")
    assert status == 2
    assert "only a live network has a graph" in complaint
    assert not (tmp_path / "none.svg").exists()
