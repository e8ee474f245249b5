"""What is laid over the input for a unit that is pointed at, and over the maps for a pixel that is."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QEvent, QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication
from torch import nn

from cnnviz.core.trace import prepare
from cnnviz.panels.shared import rest_before_refining
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.controls import IconButton
from cnnviz.ui.theme import theme


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def point_at_pixel(program, row, column):
    canvas = program.window.docks["input"].view.canvas
    QTest.mouseMove(canvas, canvas.point_of(row + 0.5, column + 0.5).toPoint())


def inside(view, tile, row, column, rows=8, columns=8):
    """A point in a unit of a map, beside its middle."""
    rect = view.tile_rect(tile)
    return rect.topLeft() + QPoint(
        int((column + 0.3) * rect.width() / columns), int((row + 0.3) * rect.height() / rows)
    )


def changed(before, after, at):
    return before[at.y(), at.x()] != after[at.y(), at.x()]


def test_a_pixel_lights_the_units_that_see_it_in_every_map(program, settle, named, pixels, latest):
    maps = named(program.window, "Feature maps")
    mosaic, before = latest["activations"].mosaic, pixels(maps)
    point_at_pixel(program, 3, 0)
    settle(program)
    assert program.document.scene.pointer.layer == "input"
    after = pixels(maps)
    for tile in (1, 3):
        for row, column in ((2, 0), (3, 1), (4, 1)):
            assert changed(before, after, inside(maps, tile, row, column))
        for row, column in ((1, 0), (5, 1), (3, 2)):
            assert not changed(before, after, inside(maps, tile, row, column))
    assert latest["activations"].mosaic is mosaic, "a hover computes no maps anew"
    assert latest["input"].field.text == "3×3 px, stride 1"
    assert not program.document.can_undo
    canvas = program.window.docks["input"].view.canvas
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert program.document.scene.pointer is None
    np.testing.assert_array_equal(pixels(maps), before)


def test_the_diagram_and_the_selected_map_light_them_too(program, settle, named, pixels):
    diagram = program.window.docks["network"].view.diagram
    large = named(program.window, "The selected map")
    before = pixels(diagram), pixels(large)
    point_at_pixel(program, 7, 7)
    settle(program)
    mark = theme().colour("mark").rgb()
    assert (pixels(diagram) == mark).sum() > (before[0] == mark).sum()
    assert changed(before[1], pixels(large), inside(large, 0, 7, 7))
    assert not changed(before[1], pixels(large), inside(large, 0, 4, 1))


def test_drawing_points_at_nothing(program, settle):
    point_at_pixel(program, 3, 3)
    canvas = program.window.docks["input"].view.canvas
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=canvas.point_of(3.5, 3.5).toPoint())
    assert program.document.scene.pointer is None
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=canvas.point_of(3.5, 3.5).toPoint())


def test_a_unit_of_the_large_map_has_its_box_and_its_crop_while_it_is_pointed_at(program, settle, named, latest):
    large = named(program.window, "The selected map")
    QTest.mouseMove(large, inside(large, 0, 0, 7))
    settle(program)
    field, unit = latest["input"].field, latest["unit"]
    assert (field.row, field.column, field.height, field.width) == (-1, 6, 3, 3)
    assert unit.pointed == (0, 7)
    assert (unit.row, unit.column) == (4, 4)
    assert unit.value == unit.values[0, 7]
    np.testing.assert_array_equal(unit.crop, latest["input"].rendered.edited[:, :2, 6:])
    QApplication.sendEvent(large, QEvent(QEvent.Type.Leave))
    settle(program)
    assert latest["unit"].value == unit.values[4, 4]


def test_the_heat_is_the_gradient_of_the_unit_under_the_pointer(program, settle, small, latest):
    assert latest["input"].heat is None
    (switch,) = [
        each for each in program.window.docks["input"].findChildren(IconButton) if each.toolTip().startswith("Heat")
    ]
    QTest.mouseClick(switch, Qt.MouseButton.LeftButton)
    program.document.edit("pointer", {"layer": "pool", "channel": 2, "row": 0, "column": 3})
    settle(program)
    image = torch.from_numpy(latest["input"].rendered.edited)[None].requires_grad_()
    small.pool(small.relu(small.conv(image)))[0, 2, 0, 3].backward()
    wanted = image.grad[0, 0].abs().numpy()
    if wanted.any():
        np.testing.assert_allclose(latest["input"].heat.shares, wanted / wanted.max(), atol=1e-6)
    else:
        assert "no pixel changes it" in latest["input"].heat.words
    program.document.edit("pointer", {"layer": "conv", "channel": 1, "row": 4, "column": 4})
    settle(program)
    weights = small.conv.weight[1, 0].detach().abs().numpy()
    heat = latest["input"].heat.shares
    np.testing.assert_allclose(heat[3:6, 3:6], weights / weights.max(), atol=1e-6)
    assert heat.sum() == pytest.approx((weights / weights.max()).sum(), rel=1e-5)
    program.document.undo()
    settle(program)
    assert latest["input"].heat is None


def test_no_heat_is_measured_while_strokes_come(program, settle, monkeypatch):
    from cnnviz.core import effective_field

    # on a busy machine any time can pass between two strokes
    monkeypatch.setattr(rest_before_refining, "AFTER_STROKE_S", 600.0)
    measured = []
    found = effective_field.effective_field
    monkeypatch.setattr(effective_field, "effective_field", lambda *a, **k: measured.append(1) or found(*a, **k))
    program.document.edit("panels.input.show_heat", True)
    settle(program)
    before = len(measured)
    actions.use_blank(program.document)
    for step in range(12):
        program.document.append("input.drawing.strokes", {"points": ((1.0 + step / 4, 1.0), (6.0, 6.0))})
        QTest.qWait(20)
    assert len(measured) == before
    monkeypatch.setattr(rest_before_refining, "AFTER_STROKE_S", 0.05)
    program.document.append("input.drawing.strokes", {"points": ((4.0, 1.0), (6.0, 6.0))})
    settle(program)
    assert len(measured) == before + 1


NETWORKS = [
    ("akamaster/resnet20-12fca82f.th", "layer2.1.conv2", (0, 9)),
    ("akamaster/resnet20-12fca82f.th", "layer1.0.relu2", (31, 5)),
    ("bioimageio/unet2d_fixed_shape/weights.pt", "encoder.poolers.0", (3, 127)),
]


@pytest.mark.parametrize(("file", "layer", "place"), NETWORKS)
def test_boxes_in_opened_checkpoints_are_the_gradients_hull(shared_data, tmp_path, file, layer, place):
    from cnnviz.engine.network_host import NetworkHost
    from cnnviz.panels.shared.field_box import unit_field

    path = shared_data / "checkpoints" / file
    if not path.exists():
        pytest.skip("the public checkpoints are not there")
    document = Document()
    document.edit("network.source", f"file:{path}")
    network = NetworkHost().load(document.scene.network)
    field = unit_field(network, layer, *place)
    # positive weights and nothing that looks at the map: what is not reached has no gradient, and all that is has one
    module = network.module
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, nn.Conv2d | nn.ConvTranspose2d):
                each.weight.abs_().add_(0.1)
    for name, each in list(module.named_modules()):
        if isinstance(each, nn.InstanceNorm2d | nn.BatchNorm2d | nn.ReLU):
            module.set_submodule(name, nn.Identity())
        elif isinstance(each, nn.MaxPool2d):
            module.set_submodule(name, nn.AvgPool2d(each.kernel_size, each.stride, each.padding))
    image = torch.rand(1, *network.card.input_size, requires_grad=True)
    traced = prepare(module, image.detach())
    traced.output_of(layer, image)[0, :, *place].sum().backward()
    rows, columns = np.nonzero(image.grad[0].abs().sum(0).numpy())
    assert field.clipped == (rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert field.padding, "a unit at the border was asked for"
