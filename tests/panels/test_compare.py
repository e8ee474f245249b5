"""Compare two: what changed, against NumPy, and what both make of the input, against the modules themselves."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.core.mosaic import ZERO
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.panels.compare_pair_view import PairView
from cnnviz.panels.compare_sides import colours_side_by_side
from cnnviz.scene.document import Document

GREY = {"input.base": {"kind": "blank", "value": 0.5}, "input.edits.noise": 0.2}


def net(seed, channels=1, cells=36, filters=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(channels, filters, 3), nn.ReLU(), nn.Flatten(), nn.Linear(filters * cells, 2)).eval()


@pytest.fixture
def compared(tmp_path):
    """All that the panel is given, one after the other: results, or the words with which it refuses."""

    def run(first, second, edits=None):
        document = Document()
        document.edit_many(GREY | {"network.source": first, "panels.compare.other": {"source": second}} | (edits or {}))
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
        request = Request(document.scene, document.version, frozenset({"compare"}))
        deliveries = list(computation.run(request, lambda: False, lambda: False))
        return [{**each.results, **each.errors}["compare"] for each in deliveries if each.results or each.errors]

    return run


def test_layers_are_told_by_how_much_they_changed(compared, handed):
    first, second = net(0), net(1)
    opening, *_, last = compared(handed(first, classes=2), handed(second, classes=2))
    assert opening.opening
    assert (last.verdict, last.left) == ("same names, other values", 0)
    expected = {}
    for path in ("0", "3"):
        ours, theirs = (
            np.concatenate([each.detach().numpy().ravel() for each in module.get_submodule(path).parameters()])
            for module in (first, second)
        )
        expected[path] = np.linalg.norm((theirs - ours).astype(np.float64)) / np.linalg.norm(ours.astype(np.float64))
    assert {each.layer: each.relative_change for each in last.changes} == pytest.approx(expected, rel=1e-6)
    changes = [each.relative_change for each in last.changes]
    assert changes == sorted(changes, reverse=True)
    assert {each.selects for each in last.changes} == {"0", "3"}


def test_activations_of_both_share_a_scale_and_are_subtracted(compared, handed):
    first, second = net(0), net(1)
    last = compared(handed(first, classes=2), handed(second, classes=2))[-1]
    pictures = last.pictures
    with torch.no_grad():
        image = InputPipeline(None).render(with_edits(GREY).scene.input, 1, 8, 8).edited
        ours, theirs = (module[0](torch.from_numpy(image)[None])[0].numpy() for module in (first, second))
    np.testing.assert_allclose(pictures.first_values, ours, atol=1e-6)
    np.testing.assert_allclose(pictures.second_values, theirs, atol=1e-6)
    reach = max(np.abs(ours).max(), np.abs(theirs).max())
    assert (pictures.low, pictures.high) == pytest.approx((-reach, reach))
    assert pictures.reach == pytest.approx(np.abs(theirs - ours).max())
    difference = pictures.difference
    for tile in range(3):
        top, left, height, width = difference.tile_rect(tile)
        shown = difference.indices[top : top + height, left : left + width].astype(float) - ZERO
        np.testing.assert_allclose(shown / ZERO * pictures.reach, (theirs - ours)[tile], atol=pictures.reach / ZERO)
    chances = [torch.softmax(module(torch.from_numpy(image)[None]), 1).max().item() for module in (first, second)]
    for answer, chance in zip(last.answers, chances, strict=True):
        assert answer.endswith(f"({chance * 100:.1f} %)")


def with_edits(edits):
    document = Document()
    document.edit_many(edits)
    return document


def test_filters_of_both(compared, handed):
    first, second = net(0), net(1)
    edits = {"panels.compare.show": "filters"}
    last = compared(handed(first, classes=2), handed(second, classes=2), edits)[-1]
    np.testing.assert_array_equal(last.pictures.first_values, first[0].weight.detach().numpy()[:, 0])
    np.testing.assert_array_equal(last.pictures.second_values, second[0].weight.detach().numpy()[:, 0])
    assert last.weights_of == "0"


def test_colour_kernels_are_shown_in_colour_and_grey_where_equal():
    torch.manual_seed(0)
    first = torch.randn(4, 3, 5, 5)
    second = first.clone()
    second[1, 2, 3, 4] += 2
    pictures = colours_side_by_side(first, second)
    difference = pictures.difference.pixels.reshape(4, 5, 5, 3)
    assert pictures.reach == pytest.approx(2)
    assert tuple(difference[1, 3, 4]) == (128, 128, 255)
    assert (np.delete(difference.reshape(4, -1), 1, 0) == 128).all()
    low, high = float(torch.cat([first, second]).min()), float(torch.cat([first, second]).max())
    expected = (first.permute(0, 2, 3, 1).numpy() - low) / (high - low) * 255
    np.testing.assert_allclose(pictures.first.pixels.reshape(4, 5, 5, 3), expected, atol=0.51)


def test_networks_of_other_shapes_say_what_does_not_fit(compared, handed):
    last = compared(handed(net(0), classes=2), handed(net(1, 3, 100), (3, 12, 12), 2))[-1]
    words = " ".join(last.notes)
    assert "each gets the input fitted to its own size" in words
    assert "0.weight 3×1×3×3 | 3×3×3×3" in words
    assert last.verdict == "same names, other shapes"
    assert last.pictures.second_values.shape == (3, 10, 10)
    assert last.pictures.difference is None
    assert "cannot be subtracted" in last.pictures.note


def test_tensors_alone_are_compared_and_it_is_said_why_nothing_runs(compared, handed, tmp_path):
    first = net(0)
    path = tmp_path / "odd.pt"
    torch.save({"0.weight": first[0].weight.detach() * 2, "other.weight": torch.ones(5)}, path)
    last = compared(handed(first, classes=2), f"file:{path}", {"panels.compare.show": "filters"})[-1]
    assert [(each.layer, each.relative_change) for each in last.changes] == [("0", pytest.approx(1))]
    words = " ".join(last.notes)
    assert "Only in odd: other.weight." in words
    assert "0.bias" in words
    np.testing.assert_allclose(last.pictures.second_values, 2 * last.pictures.first_values)


def test_what_cannot_be_opened_is_one_sentence_and_is_not_tried_again_and_again(compared, handed):
    *_, words = compared(handed(net(0), classes=2), "file:/nowhere/net.pt")
    assert "/nowhere/net.pt" in words


def test_two_files_of_one_network(compared, shared_data):
    folder = shared_data / "checkpoints" / "burn"
    last = compared(f"file:{folder / 'mnist.pt'}", f"file:{folder / 'mnist.safetensors'}")[-1]
    assert last.verdict == "same names, other values"
    assert (last.first, last.second) == ("mnist.pt", "mnist.safetensors")
    state = torch.load(folder / "mnist.pt", map_location="cpu", weights_only=True)
    from safetensors.torch import load_file

    other = load_file(folder / "mnist.safetensors")
    state = state.get("model", state) if not any("conv1" in key for key in state) else state
    ours = {key.rpartition("conv1.")[2]: each for key, each in state.items() if "conv1." in key}
    theirs = {key.rpartition("conv1.")[2]: each for key, each in other.items() if "conv1." in key}
    top = sum(float((theirs[key].double() - ours[key].double()).square().sum()) for key in ours)
    below = sum(float(each.double().square().sum()) for each in ours.values())
    (change,) = [each.relative_change for each in last.changes if each.layer == "conv1"]
    assert change == pytest.approx((top / below) ** 0.5)


def test_the_window_chooses_points_and_selects(start, scene_of, small, handed, settle, named, latest):
    from PyQt6.QtCore import Qt
    from PyQt6.QtTest import QTest

    program = start(scene_of(small))
    view = program.window.docks["compare"].view
    program.window.show_panel("compare")
    settle(program)
    assert "Choose another network" in view.message
    torch.manual_seed(9)
    other = type(small)()
    program.document.edit("panels.compare.other", {"source": handed(other)})
    settle(program)
    first, second = named(view, "First network"), named(view, "Second network")
    QTest.mouseMove(first, first.tile_rect(2).center())
    place = first.place_at(first.tile_rect(2).center().toPointF())
    result = latest["compare"]
    words = view.findChild(PairView).words()
    for values in (result.pictures.first_values, result.pictures.second_values):
        assert f"{values[place]:.3f}".replace("-", "−") in words
    QTest.mouseClick(second, Qt.MouseButton.LeftButton, pos=second.tile_rect(1).center())
    assert program.document.scene.selection.channel == 1
    bars = named(view, "Relative change of each layer")
    row = [each.layer for each in result.changes].index("head")
    QTest.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(row).center().toPoint())
    assert program.document.scene.selection.layer == "head"
    settle(program)
    assert latest["compare"].layer == "head"
