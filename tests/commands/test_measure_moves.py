"""``cnnviz measure``: the options that say how images are moved."""

import csv
import io
import json

import pytest
import torch
from PIL import Image

from cnnviz.checkpoints.open import open_network
from cnnviz.cli import main


@pytest.fixture
def measure(capsys):
    def run(*arguments):
        status = main(["measure", *map(str, arguments)])
        printed = capsys.readouterr()
        assert (status, printed.err) == (0, "")
        return printed.out

    return run


def test_flips_as_a_table(measure):
    out = measure("cifar-net", "--what", "equivariance", "--transform", "flip", "--layer", "conv1", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["layer"], row["strength"]) for row in rows] == [("conv1", "0.0"), ("conv1", "1.0")]
    weight = open_network("cifar-net").module.get_submodule("conv1").weight
    assert not torch.allclose(weight, weight.flip(3), atol=0.1)
    assert all(float(row["mean"]) > 0.3 for row in rows)


def test_strengths_direction_border_and_cells(measure):
    words = ("--what", "equivariance", "--images", 2, "--layer", "pool1", "--json")
    found = json.loads(measure("mnist-lenet", *words, "--strengths=-2:2:0.5", "--direction", "rows"))
    assert found["strengths"] == [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
    assert found["direction"] == "rows"
    inside = json.loads(measure("mnist-lenet", *words, "--strengths", "0,2", "--border", "edge", "--cells", "inside"))
    layer = inside["layers"]["pool1"]
    assert max(layer["mean"]) < 1e-5
    assert 0 < layer["compared"][1] < layer["compared"][0] < 1


def test_every_layer_is_told_in_words(measure):
    out = measure("mnist-lenet", "--what", "equivariance", "--images", 2)
    lines = out.splitlines()
    assert lines[0].startswith("mnist-lenet, shift to the right (input pixels), border wrap: relative error over 2")
    assert [line.split()[1] for line in lines if line.startswith("pool")] == ["2", "4"]
    assert "flatten, fc1, relu3, fc2: There is no map: f(Tx) is compared with f(x) itself." in lines


def test_consistency_of_windows(measure, tmp_path):
    path = tmp_path / "grey.png"
    Image.new("L", (50, 50), 90).save(path)
    words = ("--what", "consistency", "--data", path, "--border", "crop", "--largest-shift", 2)
    assert json.loads(measure("mnist-lenet", *words, "--json"))["consistency"] == 1
    assert "no interval from a single image" in measure("mnist-lenet", *words)
    drawn = json.loads(measure("mnist-lenet", "--what", "consistency", "--pairs", 5, "--images", 3, "--json"))
    assert (drawn["pairs_per_image"], drawn["images"]) == (5, 3)
    assert drawn["low"] <= drawn["consistency"] <= drawn["high"]


def test_curves_as_a_table_in_a_file(measure, tmp_path):
    path = tmp_path / "errors.csv"
    measure("mnist-lenet", "--what", "equivariance", "--layer", "conv1", "--strengths", "0,1", "--out", path)
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith("conv1,0.0,0.0,")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("equivariance", "--border", "crop"), "The border crop is for consistency"),
        (("equivariance", "--transform", "flip", "--strengths", "2"), "A flip is 0 (horizontal) or 1 (vertical)"),
        (("equivariance", "--transform", "zoom", "--strengths", "0"), "a zoom above 0"),
        (("consistency", "--layer", "conv1"), "--layer is of receptive-field and effective-field and equivariance"),
        (("consistency", "--transform", "rotate"), "--transform is of equivariance, not of consistency; leave it away"),
        (("pooling", "--border", "zeros"), "--border is of equivariance and consistency, not of pooling"),
        (("equivariance", "--largest-shift", "2"), "--largest-shift is of consistency, not of equivariance"),
        (("equivariance", "--pairs", "2"), "--pairs is of consistency"),
        (("receptive-field", "--data", "digits"), "not of receptive-field; leave it away"),
    ],
)
def test_what_does_not_fit_is_told(capsys, monkeypatch, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["measure", "mnist-lenet", "--what", *words]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("strengths", ["1:2", "a,b", "1:2:0", "0:1e9:0.001", ""])
def test_strengths_that_are_none(capsys, strengths):
    with pytest.raises(SystemExit):
        main(["measure", "mnist-lenet", "--what", "equivariance", f"--strengths={strengths}"])
    assert "is neither a list such as -1,0,1 nor FIRST:LAST:STEP" in capsys.readouterr().err
