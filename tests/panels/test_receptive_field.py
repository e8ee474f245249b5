"""Receptive field: what the table, the curve and the measured field say, against gradients taken directly."""

import csv
import io

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.data.samples import sample_drawing, samples
from cnnviz.data.strokes import Rasteriser
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.panels.receptive_field_heat_view import HeatFigure, share_texts, share_words
from cnnviz.panels.receptive_field_lines import EFFECTIVE
from cnnviz.scene.document import Document
from cnnviz.ui.figure import rendered

SIZE = (1, 24, 24)
PANEL = "receptive-field"


@pytest.fixture
def steps(tmp_path, handed):
    """All results of the panel, coarse to fine."""

    def compute(module, size=SIZE, edits=None, **known):
        document = Document()
        document.edit("network.source", handed(module.eval(), size, 3, **known))
        document.edit_many(edits or {})
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
        request = Request(document.scene, document.version, frozenset({PANEL}))
        deliveries = list(computation.run(request, lambda: False, lambda: False))
        errors = [error for delivery in deliveries for error in delivery.errors.values()]
        return errors or [delivery.results[PANEL] for delivery in deliveries]

    return compute


@pytest.fixture
def chain():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 144, 3),
    )  # fmt: skip


def at(layer, **more):
    return {"selection.layer": layer, **{f"selection.{name}": value for name, value in more.items()}}


def test_the_table_is_there_at_once(steps, chain):
    first = steps(chain, edits=at("3"))[0]
    cells = [(line.layer, line.size, line.stride, line.padding, line.centre) for line in first.lines[:5]]
    # worked out by hand: r = 3, 3, 4, 4 + 4·2 = 12; step 1, 1, 2, 2
    assert cells == [
        ("input", "1×1", "1", "0 | 0", "0, 0"),
        ("0", "3×3", "1", "1 | 1", "0, 0"),
        ("1", "3×3", "1", "1 | 1", "0, 0"),
        ("2", "4×4", "2", "1 | 1", "0.5, 0.5"),
        ("3", "12×12", "2", "5 | 5", "0.5, 0.5"),
    ]
    assert first.lines[first.selected].layer == "3"
    said = "A unit of 3 sees 12×12 pixels of the input, and the next unit sees as many 2 px further on."
    assert first.lines[first.selected].sentence == said
    assert first.lines[-1].sentence == "", "all its units share one field"
    assert first.lines[-1].stride == "shared"
    assert first.measuring
    assert first.heat is None


@pytest.mark.parametrize(
    ("layers", "size", "stride", "note"),
    [
        ((nn.Conv2d(1, 2, 3, 2), nn.Upsample(scale_factor=4)), "3×3", "varies, 0 … 2", "the stride is 1/2 on average"),
        ((nn.Conv2d(1, 2, (3, 5), (2, 1)),), "3×5", "2 × 1", ""),
        ((nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2)), "whole (3×3)", "1", "1 looks at the whole map: the field is"),
        ((nn.AdaptiveAvgPool2d(5),), "varies, 5×5 … 6×6", "varies, 9/2 … 5", "24/5 on average"),
        ((nn.Conv2d(1, 2, 31, padding=15),), "31×31", "1", "larger than the input, 24×24 px"),
        ((nn.FractionalMaxPool2d(2, 12),), "not known", "", "FractionalMaxPool2d"),
    ],
)
def test_what_the_table_says_of_uncommon_fields(steps, layers, size, stride, note):
    module = nn.Sequential(*layers)
    line = steps(module, edits={**at(str(len(layers) - 1)), "panels.receptive-field.show": "table"})[0].lines[-1]
    assert (line.size, line.stride) == (size, stride)
    assert note in line.note


def test_the_curve_says_that_theory_leaves_whole_map_layers_apart(steps):
    layers = (nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2), nn.Conv2d(2, 2, 3))
    result = steps(nn.Sequential(*layers, nn.Flatten()), SIZE)[0]
    (theory,) = result.curves.series[:1]
    assert theory.name == "by theory, whole-map layers apart"
    assert theory.y.tolist() == [3, 5]


def test_how_much_of_the_gradient_lies_outside_of_the_picture_is_told(steps):
    """Normalisation looks at the whole map, and the picture shows the 3×3 pixels beside that alone."""
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2), nn.Flatten())
    heat = steps(nn.Sequential(*layers), edits={**at("1"), "panels.receptive-field.show": "table"})[-1].heat
    top, left, height, width = heat.box
    assert (height, width) == (3, 3)
    share = heat.heat[top : top + 3, left : left + 3].sum() / heat.heat.sum()
    assert 0.2 < share < 0.99
    assert share_words(heat) == f"They hold {100 * share:.0f} % of Σ|g|, all others the rest."
    whole = {**at("1"), "panels.receptive-field.show": "table", "panels.receptive-field.whole": True}
    assert share_words(steps(nn.Sequential(*layers), edits=whole)[-1].heat) == ""


def test_branches_of_different_strides_are_told(steps):
    class Unaligned(nn.Module):
        def __init__(self):
            super().__init__()
            self.fine, self.coarse = nn.Conv2d(1, 2, 3), nn.MaxPool2d(4)

        def forward(self, x):
            return self.fine(x)[:, :, :6, :6] + self.coarse(x)

    line = steps(Unaligned())[0].lines[-1]
    assert line.stride == "none in common"
    assert "stride" in line.note


def test_the_measured_field_is_the_gradient(steps, chain, seen, noisy):
    last = steps(chain, edits=noisy | at("4", channel=2, row=5, column=7))[-1]
    image = seen(SIZE, noisy).requires_grad_()
    chain[:4](image)[0, 2, 5, 7].backward()  # before the ReLU
    wanted = image.grad[0, 0].abs().double().numpy()
    np.testing.assert_allclose(last.heat.heat, wanted, rtol=1e-5, atol=1e-9)
    assert last.heat.before_non_linearity
    assert last.heat.box == last.heat.theory == (5, 9, 12, 12)
    assert last.heat.mosaic.tile_shape == (12, 12)
    assert last.measuring == ""
    falling = np.sort(wanted.ravel())[::-1].cumsum() / wanted.sum()
    for share in last.heat.shares:
        area = int(np.argmax(falling >= share.share - 1e-12)) + 1
        assert (share.area, share.ratio) == (area, pytest.approx(area / 144))
        assert share_texts(share)[1:3] == (f"{area} px", f"{area**0.5:.1f} px")


def test_over_the_samples_it_is_the_mean_over_the_digits(steps, chain):
    edits = at("0") | {"panels.receptive-field.over": "samples", "panels.receptive-field.unit": "centre"}
    results = steps(nn.Sequential(*chain[:3]), (1, 28, 28), edits)
    total = np.zeros((28, 28))
    drawings = [each.name for each in samples() if each.kind == "drawing"]
    for name in drawings:
        picture = Rasteriser().render(np.zeros((1, 28, 28), np.float32), sample_drawing(name))
        image = torch.from_numpy(picture)[None].requires_grad_()
        maps = chain[0](image)[0, :, 14, 14]
        for value in maps:
            (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
            total += gradient[0, 0].abs().double().numpy() / 3
    assert results[-1].heat.images == len(drawings) == 20
    np.testing.assert_allclose(results[-1].heat.heat, total / 20, rtol=1e-5, atol=1e-9)
    assert [result.heat.images for result in results[1:]] == [1, 8, 16, 20]


def test_the_curve_grows_layer_by_layer_beside_theory(steps, chain, noisy, seen):
    last = steps(chain, edits=noisy | {"panels.receptive-field.show": "curve"} | at("4"))[-1]
    theory, effective = last.curves.series
    assert last.curves.x_names == last.curve_layers == ("0", "2", "3")
    assert theory.y.tolist() == [3, 4, 12]
    assert (effective.name, effective.x.tolist()) == (EFFECTIVE, [0, 1, 2])
    image = seen(SIZE, noisy).requires_grad_()
    (gradient,) = torch.autograd.grad(chain[0](image)[0, 1, 12, 12], image)
    assert 1 <= effective.y[0] <= 3
    assert effective.y[2] < 12
    assert (gradient != 0).sum() == 9
    assert last.place == 2, "the ReLU stands at the convolution before it"
    assert last.curves.marks == ()


def test_while_the_input_changes_the_last_measurement_stays_and_says_so(tmp_path, handed, chain, noisy):
    document = Document()
    document.edit("network.source", handed(chain.eval(), SIZE, 3))
    document.edit_many(noisy | at("3"))
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

    def ask():
        request = Request(document.scene, document.version, frozenset({PANEL}))
        return [each.results[PANEL] for each in computation.run(request, lambda: False, lambda: False)]

    before = ask()[-1].heat
    document.edit("input.base", {"kind": "sample", "name": "chelsea"})
    first, *_, last = ask()
    assert (first.heat.of_now, last.heat.of_now) == (False, True)
    np.testing.assert_array_equal(first.heat.heat, before.heat)
    assert not np.array_equal(last.heat.heat, before.heat)
    document.edit("panels.receptive-field.show", "curve")
    assert all(result.heat.heat is last.heat.heat for result in ask()), "the unit and the input are the same"


def test_a_unit_that_nothing_reaches_is_all_dark(steps, chain):
    with torch.no_grad():
        chain[0].bias.fill_(-100.0)
    heat = steps(chain, edits=at("3", channel=0))[-1].heat
    assert not heat.heat.any()
    assert [share.area for share in heat.shares] == [0, 0, 0]


def test_weights_that_are_no_numbers_are_said_beside_the_table(steps, chain):
    with torch.no_grad():
        chain[0].weight[0, 0, 0, 0] = float("nan")
    last = steps(chain, edits=at("0", channel=0))[-1]
    assert last.lines[1].size == "3×3"
    # the convolution's own gradient is its weights, of which one is none
    assert "not a number" in last.problem
    assert last.heat is None


def test_a_network_without_maps_is_told_what_to_open(refused):
    words = refused(PANEL, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), (1, 8, 8))
    assert "No layer of" in words
    assert "Open a network with convolutions" in words


def test_the_saved_table_has_every_pixel_and_the_picture_can_be_drawn(steps, chain, qapp):
    heat = steps(chain, edits=at("3"))[-1].heat
    rows = list(csv.reader(io.StringIO(HeatFigure(heat).csv())))
    assert len(rows) == 25
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], float), heat.heat)
    assert rendered(HeatFigure(heat), ".png").startswith(b"\x89PNG")
    assert b"of theory" in rendered(HeatFigure(heat), ".svg")
