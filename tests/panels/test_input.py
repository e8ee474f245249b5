"""Input: what the network gets, in words, and the pixels that reach a unit."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QAbstractButton
from torch import nn

from cnnviz.data.pixel_order import pixel_permutation
from cnnviz.data.samples import sample_drawing
from cnnviz.data.source import SamplePhoto
from cnnviz.panels.input_view import InputView
from cnnviz.scene.document import Document
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.colour_swatch import ColourSwatch
from cnnviz.ui.controls import Segmented, Toggle

SIZE = (1, 8, 8)


def support(network: nn.Module, layer: nn.Module, size, row: int, column: int):
    """First row and column, height and width of the input pixels with a gradient into a unit of ``layer``."""
    image = torch.rand(1, *size, requires_grad=True)
    kept = []
    handle = layer.register_forward_hook(lambda *given: kept.append(given[2]))
    network(image)
    handle.remove()
    kept[0][0, :, row, column].abs().sum().backward()
    rows, columns = np.nonzero(image.grad[0].abs().sum(0).numpy())
    return rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1


@pytest.fixture
def linear():
    """Without ReLU and with average pooling, where the gradient's support is the receptive field."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.AvgPool2d(2), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 2)
    )


@pytest.mark.parametrize(("layer", "row", "column"), [(0, 5, 9), (1, 3, 2), (2, 2, 3), (2, 1, 1)])
def test_the_field_of_the_selected_unit_is_the_support_of_its_gradient(computed, linear, layer, row, column):
    size = (1, 16, 16)
    edits = {"selection.layer": str(layer), "selection.row": row, "selection.column": column}
    field = computed("input", linear, size, edits).field
    assert (field.row, field.column, field.height, field.width) == support(linear, linear[layer], size, row, column)


def test_at_the_border_the_field_reaches_into_the_padding(computed, linear):
    edits = {"selection.layer": "0", "selection.row": 0, "selection.column": 15}
    field = computed("input", linear, (1, 16, 16), edits).field
    assert (field.row, field.column, field.height, field.width) == (-1, 14, 3, 3)


def test_the_unit_under_the_pointer_comes_before_the_selected_one(computed, linear):
    pointer = {"layer": "1", "channel": 0, "row": 2, "column": 3}
    field = computed("input", linear, (1, 16, 16), {"selection.layer": "0", "pointer": pointer}).field
    assert (field.row, field.column, field.height, field.width) == (3, 5, 4, 4)


def test_a_pointer_into_another_network_is_passed_over(computed, small):
    pointer = {"layer": "gone", "channel": 0, "row": 2, "column": 3}
    field = computed("input", small, SIZE, {"pointer": pointer}).field
    assert (field.row, field.column) == (3, 3)


def test_a_vector_has_no_field_and_none_is_shown_when_it_is_not_asked_for(computed, small):
    assert computed("input", small, SIZE, {"selection.layer": "head"}).field is None
    assert computed("input", small, SIZE, {"panels.input.show_field": False}).field is None


def test_what_is_done_to_the_picture_is_said(computed, small):
    result = computed("input", small, SIZE, {"input.base": SamplePhoto(name="chelsea")}, mean=(0.25,), std=(0.5,))
    assert (result.channels, result.height, result.width) == SIZE
    assert "451" in result.description
    assert "300" in result.description
    assert "8×8" in result.description
    assert "0.25" in result.description
    assert "0.5" in result.description
    assert "grey" in result.description


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("base", [{"kind": "blank", "value": 0.5}, {"kind": "sample", "name": "chelsea"}])
def test_networks_of_any_number_of_channels_get_an_input(delivered, channels, base):
    network = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 2))
    delivery = delivered(network, (channels, 8, 8), {"input.base": base})
    assert dict(delivery.errors) == {}
    image = delivery.results["input"].rendered.edited
    assert image.shape == (channels, 8, 8)
    assert image.max() > 0.3


def test_a_drawing_is_seen_in_every_channel(delivered):
    network = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 2))
    edits = {"input.drawing": {"height": 8, "width": 8, "strokes": ({"points": ((4.0, 0.0), (4.0, 8.0))},)}}
    image = delivered(network, (2, 8, 8), edits).results["input"].rendered.edited
    assert (image[:, 3:5, 1:-1] > 0.9).all()
    assert image[:, 0].max() == 0


def test_a_network_of_permuted_pixels_gets_the_canvas_permuted_and_it_can_be_shown_in_order(qtbot, delivered):
    order = pixel_permutation(8, 8)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    edits = {"input.base": {"kind": "blank"}, "input.drawing": sample_drawing("digit-5-first")}
    known = {"permuted_at": (8, 8)}
    delivery = delivered(network, (1, 8, 8), edits, ("input", "prediction"), **known)
    result = delivery.results["input"]
    drawn = result.rendered.drawn
    np.testing.assert_array_equal(result.rendered.edited.ravel(), drawn.ravel()[order])
    with torch.no_grad():
        wanted = network(torch.from_numpy(drawn.ravel()[order]).reshape(1, 1, 8, 8)).softmax(1)[0]
    scores = {score.index: score.probability for score in delivery.results["prediction"].scores}
    assert [scores[index] for index in range(3)] == pytest.approx(wanted.tolist(), rel=1e-5)
    document = Document()
    view = InputView(document)
    qtbot.addWidget(view)
    view.show_result(result)
    assert "pixels permuted" in view.subtitle
    (toggle,) = [each for each in view.findChildren(Toggle) if "in order" in each.text()]
    assert not toggle.isHidden()
    toggle.click()
    assert document.scene.panel("input").in_order
    view.show_result(result)
    assert "permuted" not in view.subtitle
    view.show_result(delivered(network, (1, 8, 8), edits, ("input",)).results["input"])
    assert toggle.isHidden()


@pytest.mark.parametrize(("width", "height"), [(262, 340), (262, 490), (420, 500), (430, 240), (1200, 600)])
def test_the_sliders_have_their_share_whatever_the_size(on_screen, qtbot, delivered, small, width, height):
    view = on_screen(InputView(Document()), width, height)
    view.show_result(delivered(small, SIZE, {}, ("input",)).results["input"])
    inside = [slider for slider in view.findChildren(BoundSlider) if not slider.visibleRegion().isEmpty()]
    assert len(inside) >= (4 if height > 300 else 2)
    assert view.canvas.height() >= 0.5 * min(width, height)
    if width == 1200:
        qtbot.waitUntil(lambda: view.canvas.height() == height)  # with tools and sliders beside it
    buttons = [button for button in view.findChildren(QAbstractButton) if button.isVisible() and button.y() > 0]
    assert all(button.mapTo(view, button.rect().bottomRight()).x() <= width for button in buttons)


def test_the_tools_stand_in_two_rows_where_they_do_not_fit_in_one(on_screen, qtbot):
    view = on_screen(InputView(Document()), 300, 400)

    def rows():
        return {view.findChild(part).mapTo(view, QPoint()).y() for part in (ColourSwatch, Segmented)}

    assert len(rows()) == 1
    least = view.minimumSizeHint().width()
    assert least < 200
    view.resize(least, 400)
    qtbot.waitUntil(lambda: len(rows()) == 2)


def test_the_title_speaks_of_the_pixel_under_the_pen(on_screen, delivered, small):
    result = delivered(small, SIZE, {"input.base": {"kind": "blank", "value": 0.25}}, ("input",)).results["input"]
    view = on_screen(InputView(Document()), 300, 420)
    view.show_result(result)
    view.canvas.pointed.emit((0, 0))
    for row, column, words in ((3.5, 4.2, "row 3, column 4: 0.25"), (3.5, 8.4, "1×8×8"), (-0.5, 4, "1×8×8")):
        view.canvas.pen_moved.emit(row, column)
        view.show_result(result)
        assert view.subtitle == words
