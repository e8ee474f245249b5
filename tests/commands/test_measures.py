"""``cnnviz measure``: what it prints agrees with the network itself, and what cannot be measured is said."""

import argparse
import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.checkpoints.open import OpenedNetwork, open_network
from cnnviz.cli import main
from cnnviz.commands.measures.effective_field import measure_effective_field
from cnnviz.commands.measures.images import measured_images
from cnnviz.commands.measures.pooling import measure_pooling
from cnnviz.commands.measures.receptive_field import measure_receptive_field
from cnnviz.data.fit import Fit, fit_picture
from cnnviz.data.samples import sample_picture


@pytest.fixture
def measure(capsys):
    def run(*arguments):
        status = main(["measure", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def answer(measure):
    """The object that ``--json`` prints."""

    def run(*arguments):
        status, out, err = measure(*arguments, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return run


def first_digit():
    opened = open_network("mnist-lenet")
    pixels = fit_picture(sample_picture("digit-0-first").pixels, 1, 28, 28, Fit())
    image = (torch.from_numpy(pixels) - opened.card.mean[0]) / opened.card.std[0]
    return opened.module, image[None]


def test_fields_of_every_layer(answer):
    found = answer("mnist-lenet", "--what", "receptive-field")
    layers = found["layers"]
    assert layers["conv1"]["size"] == [5, 5]
    assert (layers["pool2"]["size"], layers["pool2"]["stride"], layers["pool2"]["padding"]) == (
        [16, 16],
        [4, 4],
        [6, 6],
    )
    assert found["changes"] == []


def test_the_effective_field_is_the_gradient(answer):
    found = answer("mnist-lenet", "--what", "effective-field", "--layer", "conv2", "--images", 1)
    module, image = first_digit()
    image.requires_grad_()
    maps = module.conv2(module.pool1(torch.relu(module.conv1(image))))
    row, column = found["unit"]
    heat = sum(
        torch.autograd.grad(maps[0, channel, row, column], image, retain_graph=True)[0].abs()[0, 0]
        for channel in found["channels"]
    )
    ordered = np.sort(heat.double().numpy(), axis=None)[::-1]
    held = np.cumsum(ordered) / ordered.sum()
    assert [each["area"] for each in found["shares"]] == [int((held < share).sum()) + 1 for share in (0.5, 0.9, 0.95)]
    assert [each["share"] for each in found["shares"]] == [0.5, 0.9, 0.95]


def test_the_error_of_a_convolution_under_a_shift(answer):
    found = answer("mnist-lenet", "--what", "equivariance", "--layer", "conv1", "--images", 1)
    module, image = first_digit()
    errors = dict(zip(found["strengths"], found["layers"]["conv1"]["mean"], strict=True))
    assert errors[0.0] == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        maps = module.conv1(image)
        moved = module.conv1(image.roll(3, -1))
    wanted = float((moved - maps.roll(3, -1)).norm() / maps.norm())  # a wrapped shift leaves no cell out
    assert errors[3.0] == pytest.approx(wanted, rel=1e-4)


def test_with_periodic_padding_a_convolution_moves_along(answer):
    found = answer("mnist-lenet", "--what", "equivariance", "--layer", "conv1", "--padding", "circular", "--images", 2)
    assert found["changes"]
    whole = [error for shift, error in zip(found["strengths"], found["layers"]["conv1"]["mean"], strict=True)]
    assert max(whole) < 1e-5


def test_the_distance_behind_a_pooling(answer):
    found = answer("mnist-lenet", "--what", "pooling", "--layer", "pool1", "--images", 1)
    module, image = first_digit()
    with torch.no_grad():
        before, after = (torch.relu(module.conv1(each)) for each in (image, image.roll(1, -1)))
        ways = {
            "detector": lambda maps: maps,
            "max": lambda maps: functional.max_pool2d(maps, 2),
            "average": lambda maps: functional.avg_pool2d(maps, 2),
            "l2_sum": lambda maps: functional.lp_pool2d(maps, 2, 2),
        }
        at = found["shifts"].index(1)
        for kind, way in ways.items():
            wanted = float((way(after) - way(before)).norm() / way(before).norm())
            assert found["distance"][kind][at] == pytest.approx(wanted, rel=1e-4), kind
            assert found["distance"][kind][found["shifts"].index(0)] == pytest.approx(0, abs=1e-6)


def test_consistency_counts_equal_answers(answer):
    found = answer("mnist-lenet", "--what", "consistency", "--images", 1, "--largest-shift", 1)
    module, image = first_digit()
    shifts = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    with torch.no_grad():
        tops = [int(module(image.roll(shift, (-2, -1))).argmax()) for shift in shifts]
    agreeing = [one == other for index, one in enumerate(tops) for other in tops[index + 1 :]]
    assert found["pairs_per_image"] == len(agreeing) == 36
    assert found["consistency"] == pytest.approx(np.mean(agreeing))


def test_a_table_and_a_figure(measure, tmp_path):
    figure = tmp_path / "fields.svg"
    status, out, _ = measure("mnist-lenet", "--what", "receptive-field", "--csv", "--out", figure)
    assert status == 0
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0][:5] == ["layer", "rows", "columns", "row stride", "column stride"]
    assert rows[3] == ["pool1", "6", "6", "2.0", "2.0", "2", "2", "False"]
    words = "".join(ElementTree.fromstring(figure.read_bytes()).itertext())
    assert "Receptive field of mnist-lenet" in words


def test_an_image_of_ones_own(answer, tmp_path):
    path = tmp_path / "white.png"
    Image.fromarray(np.full((40, 30), 255, np.uint8)).save(path)
    found = answer("mnist-lenet", "--what", "consistency", "--data", path)
    assert found["images"] == 1
    assert found["consistency"] == 1  # wrapped shifts of an even image are the image


def opened(module, size):
    card = NetworkCard(
        architecture="", config={}, labels=("one",), input_size=size, mean=(0.0,), std=(1.0,), dataset=""
    )
    return OpenedNetwork("own", module.eval(), card, Path("own.pt"))


def test_a_field_of_the_whole_map_is_told_with_the_one_apart_from_it():
    arguments = argparse.Namespace(layer=None)
    module = nn.Sequential(nn.InstanceNorm2d(1), nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.MaxPool2d(2))
    report = measure_receptive_field(opened(module, (1, 16, 16)), arguments)
    last = report.values["layers"]["2"]
    assert (last["apart_size"], last["apart_stride"], last["apart_padding"]) == ((5, 5), [4.0, 4.0], (1, 1))
    assert "16×16      –" in report.lines[-1]
    assert report.lines[-1].endswith("because of 0 and apart from that 5×5, stride 4×4, padding 1×1")


def test_a_few_pixels_of_a_large_field_are_some_percent_of_it():
    torch.manual_seed(0)
    module = nn.Conv2d(1, 2, 3, dilation=100)
    arguments = argparse.Namespace(layer=None, data="samples", images=1, data_dir=None)
    report = measure_effective_field(opened(module, (1, 256, 256)), arguments)
    shares = [float(line.rsplit(", ", 1)[1].split("%")[0]) for line in report.lines[1:]]
    assert len(shares) == 3
    for share, each in zip(shares, report.values["shares"], strict=True):
        assert share == pytest.approx(each["area"] / 201**2 * 100, rel=0.05)
    assert 0 < shares[0] < 0.02


def test_distances_in_the_place_of_a_stride():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU())
    arguments = argparse.Namespace(layer=None, data="samples", images=1, data_dir=None, direction="columns")
    network = opened(module, (1, 16, 16))
    report = measure_pooling(network, arguments)
    images, _ = measured_images("samples", 1, network.card, None)
    dense = [
        functional.conv2d(each, module[0].weight, module[0].bias, padding=1) for each in (images, images.roll(1, 3))
    ]
    at = report.values["shifts"].index(1)
    for kind, pooled in (
        ("max", lambda maps: functional.max_pool2d(maps, 2)),
        ("strided", lambda maps: maps[..., ::2, ::2]),
    ):
        one, other = (pooled(each).detach() for each in dense)
        wanted = float((one - other).norm() / one.norm())
        assert report.values["distance"][kind][at] == pytest.approx(wanted, rel=1e-4)
    assert "before pooling (0 at stride 1)" in report.lines[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mnist-lenet", "--what", "equivariance", "--layer", "nowhere"), "no layer 'nowhere'"),
        (("mnist-lenet", "--what", "pooling", "--layer", "conv1"), "does not pool"),
        (("mnist-lenet", "--what", "pooling", "--layer", "nowhere"), "mnist-lenet pools in pool1, pool2"),
        (("mnist-lenet", "--what", "receptive-field", "--out", "figure.pdf"), "does not end in .png"),
        (("tiny-vgg", "--what", "receptive-field", "--padding", "circular"), "padding"),
        (("nowhere.pt", "--what", "pooling"), "nowhere.pt"),
        (("mnist-lenet", "--what", "consistency", "--largest-shift", "1000"), "shift by at most 28"),
        (("mnist-lenet", "--what", "consistency", "--data", "no-such-set"), "no-such-set"),
    ],
)
def test_what_cannot_be_measured_is_one_line(measure, arguments, words):
    status, out, err = measure(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert err.startswith("cnnviz: ")
    assert err.count("\n") == 1


WHAT = ("receptive-field", "effective-field", "equivariance", "pooling", "consistency")
FEW = {"equivariance": ("--strengths=-2,0,2", "--layer", "pool1"), "consistency": ("--largest-shift", "1")}


@pytest.mark.parametrize("what", WHAT)
def test_every_measure_in_every_format(measure, tmp_path, what):
    images = () if what == "receptive-field" else ("--images", "2")
    words = ("mnist-lenet", "--what", what, *images, *FEW.get(what, ()))
    pictures = {suffix: tmp_path / f"figure{suffix}" for suffix in (".png", ".svg", ".csv")}
    status, said, _ = measure(*words, "--out", pictures[".png"])
    assert status == 0
    assert said.strip()
    status, table, _ = measure(*words, "--csv", "--out", pictures[".svg"])
    assert status == 0
    status, answer, _ = measure(*words, "--json", "--out", pictures[".csv"])
    assert status == 0
    with Image.open(pictures[".png"]) as picture:
        assert picture.size == (1800, 1120)
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 5
    drawing = ElementTree.fromstring(pictures[".svg"].read_bytes())
    assert "mnist-lenet" in "".join(drawing.itertext())
    assert list(drawing.iter("{http://www.w3.org/2000/svg}polyline"))
    titles, *rows = csv.reader(io.StringIO(table))
    assert pictures[".csv"].read_text(encoding="utf-8") == table
    assert all(len(row) == len(titles) for row in rows)
    assert not titles[0].replace(".", "").isdigit()
    assert json.loads(answer)["network"] == "mnist-lenet"


def test_the_table_of_the_effective_field_is_its_heat(measure, answer):
    words = ("mnist-lenet", "--what", "effective-field", "--layer", "conv1", "--images", 1)
    _, table, _ = measure(*words, "--csv")
    channels = answer(*words)["channels"]
    rows = list(csv.reader(io.StringIO(table)))[1:]
    heat = np.array([[float(cell) for cell in row[1:]] for row in rows])
    module, _ = first_digit()
    held = np.zeros((28, 28))
    kernel = module.get_submodule("conv1").weight[channels].detach().abs().mean((0, 1)).numpy()
    held[12:17, 12:17] = kernel
    assert heat.shape == (28, 28)
    np.testing.assert_allclose(heat, held, rtol=1e-4, atol=1e-9)


def test_the_distance_under_a_shift_downwards(answer):
    found = answer("mnist-lenet", "--what", "pooling", "--direction", "rows", "--images", 1, "--layer", "pool1")
    module, image = first_digit()
    with torch.no_grad():
        one, other = (module.relu1(module.conv1(each)) for each in (image, image.roll(3, 2)))
        pooled = [functional.max_pool2d(each, 2) for each in (one, other)]
    expected = float((pooled[1] - pooled[0]).norm() / pooled[0].norm())
    place = found["shifts"].index(3)
    assert found["distance"]["max"][place] == pytest.approx(expected, rel=1e-5)


def test_the_examples_of_the_help_work(measure, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["measure", "--help"])
    examples = " ".join(capsys.readouterr().out.partition("example:")[2].split()).split(";")
    assert len(examples) == 2
    for example in examples:
        program, command, *words = example.split()
        assert (program, command) == ("cnnviz", "measure")
        status, said, error = measure(*words, "--images", 1)  # of the same words with less work
        assert (status, error) == (0, "")
        assert said
    assert (tmp_path / "pool2.svg").exists()
