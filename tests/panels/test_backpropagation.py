"""Backpropagation: what is shown, against torch's own backward; a step back and forth in the view."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QPushButton
from torch import nn

from cnnviz.core.network_changes import Silence
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.panels.backpropagation_depth_view import GradientDepth
from cnnviz.panels.backpropagation_view import BackpropagationView
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ComboBox, IconButton
from cnnviz.ui.sheet import Sheet

TARGET = {"panels.backpropagation.target": 1}
SIZE = (1, 8, 8)


def stages(small, image):
    """What each layer gives, kept on the graph, with the loss against class 1."""
    values = {"input": image.clone().requires_grad_()}
    values["conv"] = small.conv(values["input"])
    values["relu"] = small.relu(values["conv"])
    values["pool"] = small.pool(values["relu"])
    values["flatten"] = values["pool"].flatten(1)
    values["head"] = small.head(values["flatten"])
    for value in values.values():
        value.retain_grad()
    nn.functional.cross_entropy(values["head"], torch.tensor([1])).backward()
    gradients = {name: value.grad for name, value in values.items()}
    weights = {name: each.grad.clone() for name, each in small.named_parameters()}
    small.zero_grad()
    return values, gradients, weights


def test_every_layer_is_shown_with_torchs_gradients(computed, small, noisy, seen):
    result = computed("backpropagation", small, SIZE, noisy | TARGET | {"selection.layer": "relu"})
    values, gradients, weights = stages(small, seen(SIZE, noisy))
    assert [each.layer for each in result.signals] == list(values)
    for signal in result.signals:
        gradient = gradients[signal.layer]
        assert signal.norm == pytest.approx(float(gradient.norm()), rel=1e-4)
        assert signal.zeros == pytest.approx(float((gradient == 0).float().mean()))
    by_name = {each.layer: each for each in result.signals}
    own = torch.cat([weights["conv.weight"].flatten(), weights["conv.bias"]])
    assert by_name["conv"].weight_norm == pytest.approx(float(own.norm()), rel=1e-4)
    assert by_name["relu"].weight_norm is None
    assert by_name["relu"].off == pytest.approx(float((values["relu"] == 0).float().mean()))
    np.testing.assert_allclose(result.maps.gradient_values, gradients["relu"][0].numpy(), rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(result.maps.values, values["relu"][0].detach().numpy(), rtol=1e-4)
    assert result.maps.gradients.high == pytest.approx(float(gradients["relu"].abs().max()), rel=1e-4)
    assert all(each.grad is None for each in small.parameters())
    # colours: 126 is zero, the largest gradient has an end of the table
    shown = result.maps.gradients
    tile = shown.tile_rect(2)
    cells = shown.indices[tile[0] : tile[0] + 8, tile[1] : tile[1] + 8].astype(int) - 126
    expected = gradients["relu"][0, 2].numpy() / shown.high * 126
    assert np.abs(cells - expected).max() <= 0.51


def test_the_classes_have_p_minus_y(computed, small, noisy, seen):
    result = computed("backpropagation", small, SIZE, noisy | TARGET)
    with torch.no_grad():
        p = small(seen(SIZE, noisy)).softmax(1)[0]
    assert [row.probability for row in result.classes] == pytest.approx(p.tolist(), rel=1e-5)
    assert [row.gradient for row in result.classes] == pytest.approx((p - torch.tensor([0.0, 1, 0])).tolist(), rel=1e-4)
    assert result.loss == pytest.approx(-float(p[1].log()), rel=1e-5)
    assert result.target == 1
    assert result.loss_words.startswith("L = −log p(class 1) = ")


def test_by_default_the_predicted_class_is_right_and_the_curve_has_the_norms(computed, small, noisy, seen):
    result = computed("backpropagation", small, SIZE, noisy)
    with torch.no_grad():
        assert result.target == int(small(seen(SIZE, noisy)).argmax())
    outputs, weights = result.curves.series
    assert outputs.y == pytest.approx([each.norm for each in result.signals])
    assert weights.x.tolist() == [1, 5]
    assert result.curves.logarithmic
    assert result.curves.x_names[5] == "head"


@pytest.mark.parametrize("loss", ["square-error", "logit"])
def test_other_losses(computed, small, noisy, seen, loss):
    edits = noisy | TARGET | {"panels.backpropagation.loss": loss}
    result = computed("backpropagation", small, SIZE, edits)
    image = seen(SIZE, noisy).requires_grad_()
    output = small(image)
    y = torch.tensor([[0.0, 1, 0]])
    value = output[0, 1] if loss == "logit" else (output.softmax(1) - y).square().sum()
    (gradient,) = torch.autograd.grad(value, image)
    assert result.loss == pytest.approx(float(value.detach()), rel=1e-5)
    assert result.signals[0].norm == pytest.approx(float(gradient.norm()), rel=1e-4)


def test_an_answer_of_maps_has_a_loss_at_every_place(computed, noisy, seen):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))
    result = computed("backpropagation", module, SIZE, noisy | TARGET)
    image = seen(SIZE, noisy).requires_grad_()
    loss = nn.functional.cross_entropy(module(image), torch.ones(1, 8, 8, dtype=torch.int64))
    (gradient,) = torch.autograd.grad(loss, image)
    assert result.loss == pytest.approx(float(loss.detach()), rel=1e-5)
    assert result.signals[0].norm == pytest.approx(float(gradient.norm()), rel=1e-4)
    assert result.classes == ()


def test_what_has_no_gradient_says_so(refused):
    class Counts(nn.Module):
        def forward(self, x):
            return (x > 0.5).float().flatten(1)

    assert "does not depend on its input" in refused("backpropagation", Counts(), SIZE)


@pytest.fixture
def shown(qtbot, computed, small, noisy):
    """The view alone, on a result."""
    document = Document()
    document.edit("selection.layer", "relu")
    view = BackpropagationView(document)
    qtbot.addWidget(view)
    for control in view.header_controls():
        control.setParent(view)  # as the title bar does
    view.resize(700, 520)
    result = computed("backpropagation", small, SIZE, noisy | TARGET | {"selection.layer": "relu"})
    view.show_result(result)
    view.show()
    return view, document, result


def press(view, words):
    (button,) = [each for each in view.findChildren(IconButton) if words in each.toolTip()]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_signal_goes_back_a_layer_at_a_time(shown, pixels):
    view, document, _ = shown
    strip = view._strip

    def column(index):
        box = strip.column_rect(index).toRect().adjusted(12, 34, -12, -20)
        return pixels(strip.canvas())[box.top() : box.bottom(), box.left() : box.right()]

    everywhere = [column(index) for index in range(6)]
    press(view, "Begin at the loss")
    assert document.scene.panel("backpropagation").reached == 0
    assert all((column(index) != everywhere[index]).any() for index in range(6))
    press(view, "One layer back")
    press(view, "One layer back")
    assert document.scene.panel("backpropagation").reached == 2
    assert document.scene.selection.layer == "flatten"
    assert [bool((column(index) != everywhere[index]).any()) for index in range(6)] == [True] * 4 + [False] * 2
    press(view, "One layer forward")
    assert document.scene.panel("backpropagation").reached == 1
    document.undo()
    assert document.scene.panel("backpropagation").reached == 2
    for _ in range(4):
        press(view, "One layer back")
    assert document.scene.panel("backpropagation").reached is None


def test_a_click_in_the_strip_selects_the_layer_and_the_channel(shown):
    view, document, result = shown
    columns = view._strip.canvas()
    box = columns.column_rect(1)
    tile = columns.tile_rects(box, result.signals[1])[2].center().toPoint()
    QTest.mouseClick(columns, Qt.MouseButton.LeftButton, pos=tile)
    assert document.scene.selection.layer == "conv"
    assert document.scene.selection.channel == result.signals[1].channels[2]
    QTest.mouseClick(columns, Qt.MouseButton.LeftButton, pos=QPoint(int(columns.column_rect(5).center().x()), 10))
    assert document.scene.selection.layer == "head"
    QTest.keyClick(columns, Qt.Key.Key_Right)  # from the layer that the result shows, the third
    assert document.scene.selection.layer == "pool"
    QTest.keyClick(columns, Qt.Key.Key_Left)
    assert document.scene.selection.layer == "conv"


def test_loss_and_class_are_chosen_and_a_stale_result_says_so(shown):
    view, document, result = shown
    boxes = {each.accessibleName(): each for each in view.findChildren(ComboBox)}
    boxes["Right class"].setCurrentIndex(3)
    boxes["Right class"].activated.emit(3)
    assert document.scene.panel("backpropagation").target == 2
    boxes["Loss"].setCurrentIndex(1)
    boxes["Loss"].activated.emit(1)
    assert document.scene.panel("backpropagation").loss == "square-error"
    view.show_result(replace(result, stale=True))
    assert view.state == "stale"
    view.show_result(result)
    assert view.state == "fresh"
    (figure,) = view.figures()
    assert "conv" in figure.csv()


@pytest.fixture
def written_out(handed, tmp_path, noisy):
    """The last result of the page that writes one weight's gradient out."""

    def compute(module, edits):
        document = Document()
        document.edit("network.source", handed(module, SIZE, 3))
        document.edit_many(noisy | TARGET | {"panels.backpropagation.page": "weight"} | edits)
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
        request = Request(document.scene, document.version, frozenset({"backpropagation"}))
        *_, last = computation.run(request, lambda: False, lambda: False)
        return last.results["backpropagation"]

    return compute


def test_the_chain_of_one_weight_of_a_convolution(written_out, small, noisy, seen):
    place = {"panels.backpropagation.row": 2, "panels.backpropagation.column": 0, "selection.channel": 3}
    words = written_out(small, place | {"selection.layer": "relu"}).weight
    _, gradients, weights = stages(small, seen(SIZE, noisy))
    assert (words.layer, words.index) == ("conv", (3, 0, 2, 0))
    np.testing.assert_allclose(words.delta.values, gradients["conv"][0, 3].numpy(), rtol=1e-4, atol=1e-8)
    met = nn.functional.pad(seen(SIZE, noisy), (1, 1, 1, 1))[0, 0, 2:10, 0:8]
    np.testing.assert_allclose(words.inputs.values, met.numpy())
    np.testing.assert_allclose(words.products.values.sum(), float(weights["conv.weight"][3, 0, 2, 0]), rtol=1e-4)
    assert words.sentence.count(f"{float(weights['conv.weight'][3, 0, 2, 0]):.3f}".replace("-", "−")) == 2
    assert words.sentence.endswith("(rounding).")
    assert [row.unit.partition("[")[0] for row in words.links] == ["conv", "relu", "pool", "flatten", "head"]
    assert words.links[-1].terms == "∂L/∂z, the derivative of the loss itself"
    assert words.links[3].terms.endswith("(3 terms of head)")


def test_the_chain_of_a_weight_that_reads_flattened_maps(written_out, small, noisy, seen):
    place = {"panels.backpropagation.input_channel": 2, "panels.backpropagation.row": 1, "selection.channel": 1}
    words = written_out(small, place | {"panels.backpropagation.column": 3, "selection.layer": "head"}).weight
    _, _, weights = stages(small, seen(SIZE, noisy))
    assert words.shape == (3, 4, 4, 4)
    assert float(words.products.values.item()) == pytest.approx(float(weights["head.weight"][1, 2 * 16 + 4 + 3]))
    assert [row.unit for row in words.links] == ["head[1]"]


def test_the_chain_of_a_weight_of_a_grouped_transposed_convolution(written_out, noisy, seen):
    torch.manual_seed(0)
    stem, up = nn.Conv2d(1, 4, 2, stride=2), nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2)
    module = nn.Sequential(stem, up, nn.Flatten(), nn.Linear(6 * 64, 3))
    place = {"panels.backpropagation.input_channel": 1, "panels.backpropagation.row": 2, "selection.channel": 4}
    words = written_out(module, place | {"panels.backpropagation.column": 1, "selection.layer": "1"}).weight
    maps = stem(seen(SIZE, noisy)).detach()
    nn.functional.cross_entropy(module[1:](maps), torch.tensor([1])).backward()
    # output channel 4 is the second of the second group, whose second input channel is the fourth of all
    assert words.shape == (6, 2, 3, 3)
    np.testing.assert_allclose(words.kernel.values, up.weight[3, 1].detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(words.inputs.values, maps[0, 3].numpy(), rtol=1e-5)
    expected = float(up.weight.grad[3, 1, 2, 1])
    np.testing.assert_allclose(words.products.values.sum(), expected, rtol=1e-4)
    assert words.links[0].unit.startswith("1[4, ")
    row, column = np.unravel_index(np.abs(words.products.values).argmax(), (4, 4))
    assert words.links[0].unit == f"1[4, {2 * row + 1}, {2 * column}]"
    assert words.delta_words == "δ of 1[4], as painted"


def test_a_network_without_weights_of_that_kind_says_so(written_out):
    torch.manual_seed(0)
    words = written_out(nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.BatchNorm1d(4)), {}).weight
    assert words.kernel is None
    assert "has no kernels" in words.problem


def test_a_convolution_that_is_pooled_in_the_place_of_its_stride_says_how_its_sum_is_seen(written_out):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(18, 3))
    place = {"selection.layer": "0", "changes": ({"change": "swap-pooling", "kind": "blur_average"},)}
    result = written_out(module, place)
    assert result.weight.problem == "0 is pooled in the place of its stride; put the stride back to see the sum."
    assert result.weight.products is None
    assert written_out(module, place | {"changes": ()}).weight.products is not None


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3, padding=1)
        self.block = nn.ModuleList([nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)])
        self.head = nn.Linear(3 * 64, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        for conv in self.block:
            x = torch.relu(conv(x) + x)
        return self.head(x.flatten(1))


def test_a_silent_branch_leaves_the_identity_and_the_curves_of_both_are_shown(written_out, noisy, seen):
    torch.manual_seed(0)
    module = Residual()
    silence = {"changes": ({"change": "silence", "layer": "add"},), "panels.backpropagation.page": "depth"}
    result = written_out(module, silence)
    rows = {row.layer: row for row in result.blocks}
    assert rows.keys() == {"add", "add_1"}
    assert (rows["add"].state, rows["add"].difference) == ("branch silent", 0.0)
    assert rows["add_1"].state == "as loaded"
    with torch.no_grad():
        x = torch.relu(module.stem(seen(SIZE, noisy)))  # what the first block hands on
        branch = module.block[1](x)
    assert rows["add_1"].share == pytest.approx(float(branch.norm() / x.norm()), rel=1e-4)
    assert rows["add_1"].difference == pytest.approx(float(branch.abs().max()), rel=1e-4)
    own, _, before, _ = result.curves.series
    assert before.name == "‖∂L/∂output‖ as loaded, from the same start"
    assert before.y[-1] == pytest.approx(own.y[-1])
    plain = written_out(module, {"panels.backpropagation.page": "depth"})
    norms = np.array([each.norm for each in plain.signals])
    np.testing.assert_allclose(before.y, norms * own.y[-1] / norms[-1], rtol=1e-5)
    by_name = {each.layer: each for each in result.signals}
    assert not by_name["block.0"].reached
    assert by_name["block.0"].norm == 0


def test_what_of_a_block_is_silent_is_chosen_in_its_row_and_taken_back(qtbot, written_out):
    torch.manual_seed(0)
    result = written_out(Residual(), {"panels.backpropagation.page": "depth"})
    document = Document()
    view = BackpropagationView(document)
    qtbot.addWidget(view)
    for control in view.header_controls():
        control.setParent(view)
    view.show_result(result)
    (sheet,) = [each for each in view.findChildren(Sheet) if each.accessibleName() == "Residual blocks"]
    sheet.edited.emit(1, "state", "shortcut silent")
    assert document.scene.changes == (Silence("add_1", "shortcut"),)
    buttons = {each.text(): each for each in view.findChildren(QPushButton)}
    buttons["all branches silent"].click()
    assert document.scene.changes == (Silence(),)
    document.undo()
    assert document.scene.changes == (Silence("add_1", "shortcut"),)
    silent = (replace(result.blocks[0], state="branch silent"), result.blocks[1])
    view.show_result(replace(result, blocks=silent))
    sheet.edited.emit(1, "state", "branch silent")
    assert document.scene.changes == (Silence("add"), Silence("add_1"))
    buttons["as loaded"].click()
    assert document.scene.changes == ()


def test_the_curves_over_depth_are_seen_whole_whenever_their_page_is_opened(shown):
    view, document, result = shown
    view.resize(830, 500)
    depth = view.findChild(GradientDepth)
    for page in ("depth", "weight", "maps", "depth"):
        document.edit("panels.backpropagation.page", page)
        view.show_result(result)
        QApplication.processEvents()
        if page == "depth":
            assert depth.isVisible()
            assert depth.verticalScrollBar().maximum() == 0
            assert depth.plot.mapTo(view, depth.plot.rect().bottomLeft()).y() <= view.height()
