"""The panels' widgets in the real window: what a click does, and what is drawn."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QSlider
from torch import nn

from cnnviz.scene import actions
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, Segmented, Toggle
from cnnviz.ui.theme import theme


def view(program, panel):
    return program.window.docks[panel].view


def button(parent, words):
    (found,) = [each for each in parent.findChildren(IconButton) if words in each.toolTip()]
    return found


def click(widget, at=None):
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at if at is not None else widget.rect().center())


def wheel(widget, at, steps, modifiers=Qt.KeyboardModifier.NoModifier):
    at = QPointF(at)
    event = QWheelEvent(
        at, widget.mapToGlobal(at), QPoint(), QPoint(0, 120 * steps), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


@pytest.fixture
def coloured(start, scene_of):
    """Sees colour; its second convolution reads three channels too."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU()),
        nn.Flatten(),
        nn.Linear(5 * 36, 3),
    )
    return start(scene_of(network, (3, 8, 8)))


# Samples


def test_a_click_on_a_sample_puts_it_on_the_canvas_and_marks_it(program, settle, named, latest):
    strip = named(view(program, "samples"), "Samples")
    assert latest["samples"].thumbnails[strip.selected].name == actions.FIRST_SAMPLE
    click(strip, strip.tile_rect(3).center())
    settle(program)
    assert strip.selected == 3
    assert actions.sample_on_canvas(program.document.scene) == latest["samples"].thumbnails[3].name
    program.document.append("input.drawing.strokes", {"points": ((1.0, 1.0),)})
    assert strip.selected is None


# Input


def test_tools_clear_and_field(program, settle):
    panel = view(program, "input")
    (tools,) = [each for each in panel.findChildren(Segmented) if each.value() == "brush"]
    click(tools.button("fill"))
    assert program.document.scene.panel("input").tool == "fill"
    program.document.edit("panels.input.tool", "move")
    assert tools.value() == "move"
    click(button(panel, "Clear what was drawn"))
    assert program.document.scene.input.drawing.strokes == ()
    program.document.undo()
    assert program.document.scene.input.drawing.strokes


def test_what_is_under_the_pointer_is_said(program, latest):
    panel = view(program, "input")
    assert panel.subtitle == "1×8×8"
    place = panel.canvas.point_of(3.5, 4.5).toPoint()
    QTest.mouseMove(panel.canvas, place)
    assert panel.subtitle.startswith("row 3, column 4: ")
    value = float(panel.subtitle.rpartition(" ")[2].replace("−", "-"))
    assert value == pytest.approx(float(latest["input"].rendered.edited[0, 3, 4]), abs=0.006)
    QApplication.sendEvent(panel.canvas, QEvent(QEvent.Type.Leave))
    assert panel.subtitle == "1×8×8"


def test_how_a_photo_was_fitted_is_said_in_the_title(coloured, settle):
    panel = view(coloured, "input")
    for fit, words in (("crop", "cropped"), ("resize", "stretched"), ("pad", "padded")):
        coloured.document.edit("input.fit.size", fit)
        settle(coloured)
        assert panel.subtitle == f"3×8×8, {words} from 451×300"
    actions.use_blank(coloured.document)
    settle(coloured)
    assert panel.subtitle == "3×8×8"


def test_switches_and_choices_edit_the_chain(program, settle, latest):
    panel = view(program, "input")
    before = latest["input"].rendered.edited
    (mirror,) = [each for each in panel.findChildren(Toggle) if each.text() == "mirror ↔"]
    mirror.click()
    settle(program)
    np.testing.assert_allclose(latest["input"].rendered.edited, before[:, :, ::-1], atol=1e-5)
    program.document.undo()
    assert mirror.value() is False
    (border,) = [each for each in panel.findChildren(ComboBox) if each.findText("wrapped") >= 0]
    QTest.keyClick(border, Qt.Key.Key_End)
    assert program.document.scene.input.edits.border == "wrap"
    program.document.edit("input.edits.rotation", 30)
    click(button(panel, "Reset all edits"))
    assert program.document.scene.input.edits.rotation == 0
    program.document.undo()
    assert program.document.scene.input.edits.rotation == 30


def occluder(panel, name):
    (found,) = [each for each in panel.findChildren(QSlider) if each.accessibleName() == name]
    return found


def test_the_cover_can_go_to_every_pixel_of_every_network(program, settle, scene_of):
    panel = view(program, "input")
    assert not occluder(panel, "cover x").isVisible()
    program.document.edit("input.edits.occlude", True)
    assert occluder(panel, "cover x").isVisible()
    large = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    program.document.edit("network", scene_of(large, (1, 100, 60), 2).network)
    settle(program)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    for name, field, length in (("cover x", "occluder_column", 60), ("cover y", "occluder_row", 100)):
        QTest.keyClick(occluder(panel, name), Qt.Key.Key_End)
        assert getattr(program.document.scene.input.edits, field) == length


# Prediction


def test_the_likeliest_classes_are_bars(program, pixels):
    panel = view(program, "prediction")
    accent = theme().colour("accent").rgb()
    assert (pixels(panel) == accent).any()
    assert panel.subtitle == "softmax"


def test_an_answer_that_is_no_number_is_drawn_without_a_fault(start, scene_of, small, settle):
    with torch.no_grad():
        small.head.bias[0] = float("nan")
    program = start(scene_of(small))
    for panel in ("prediction", "network"):
        assert view(program, panel).state == "fresh"
        assert not view(program, panel).grab().isNull()
    assert program.window.notices.texts() == []


# Activations


def test_one_scale_or_each_its_own(program, settle, latest):
    dock = program.window.docks["activations"]
    (scale,) = [each for each in dock.findChildren(Segmented) if each.value() == "shared"]
    click(scale.button("own"))
    settle(program)
    assert isinstance(latest["activations"].mosaic.high, np.ndarray)
    program.document.undo()
    assert scale.value() == "shared"


def test_the_value_under_the_pointer_follows_the_input(program, settle, named, latest):
    from cnnviz.ui.hover_card import HoverCard

    maps = named(program.window, "Feature maps")
    rect = maps.tile_rect(1)
    QTest.mouseMove(maps, rect.topLeft() + QPoint(rect.width() * 5 // 16, rect.height() * 7 // 16))
    (card,) = [each for each in program.window.findChildren(HoverCard) if each.isVisible()]

    def said():
        return float(card.text().split()[-1].replace("−", "-"))

    assert "conv, channel 1" in card.text()
    assert "row 3, column 2" in card.text()
    assert said() == pytest.approx(float(latest["activations"].values[1, 3, 2]), abs=0.01)
    program.document.edit("input.edits.invert", True)
    settle(program)
    assert said() == pytest.approx(float(latest["activations"].values[1, 3, 2]), abs=0.01)
    QApplication.sendEvent(maps, QEvent(QEvent.Type.Leave))
    assert not card.isVisible()


def test_values_that_are_not_finite_are_counted_in_words(start, scene_of, small, named):
    with torch.no_grad():
        small.conv.weight[2, 0, 1, 1] = float("nan")
    program = start(scene_of(small))
    from cnnviz.ui.colour_bar import ColourBar

    words = " ".join(bar.text() for bar in view(program, "activations").findChildren(ColourBar))
    assert "64" in words
    assert "NaN" in words
    assert "1 not finite" in view(program, "filters").subtitle
    assert program.window.notices.texts() == []


# Filters


def test_paging_goes_through_the_input_channels(coloured, settle, latest):
    program, panel = coloured, view(coloured, "filters")
    program.document.edit("selection.layer", "1.0")
    settle(program)
    assert latest["filters"].input_channel == 0
    after, before = button(panel, "Next input channel"), button(panel, "Input channel before")
    for expected in (1, 2, 3, 3):
        click(after)
        settle(program)
        assert latest["filters"].input_channel == expected
    for expected in (2, 1, 0, None, None):
        click(before)
        settle(program)
        assert latest["filters"].input_channel == expected
    program.document.undo()
    assert program.document.scene.panel("filters").input_channel in (0, "all")


def test_kernels_are_drawn_in_their_colours_and_a_click_selects_one(coloured, settle, named, pixels, latest):
    program = coloured
    kernels = named(program.window, "Kernels")
    shown = {int(word) for word in np.unique(pixels(kernels))}
    colours = latest["filters"].colours
    words = {0xFF000000 | int(r) << 16 | int(g) << 8 | int(b) for r, g, b in colours[:3, :3].reshape(-1, 3)}
    assert words <= shown
    click(kernels, kernels.tile_rect(2).center())
    settle(program)
    assert (program.document.scene.selection.layer, program.document.scene.selection.channel) == ("0.0", 2)
    assert kernels.selected == 2


# Unit


def test_a_click_in_the_selected_map_selects_the_unit(program, settle, named, latest):
    the_map = named(program.window, "The selected map")
    rect = the_map.tile_rect(0)
    click(the_map, rect.topLeft() + QPoint(rect.width() * 3 // 16, rect.height() * 13 // 16))
    settle(program)
    assert (latest["unit"].row, latest["unit"].column) == (6, 1)
    assert (latest["input"].field.row, latest["input"].field.column) == (5, 0)
    values = [label.text() for label in view(program, "unit").findChildren(ElidedLabel)]
    number = next(
        float(text.replace("−", "-")) for text in values if text.replace("−", "-").replace(".", "").strip("-").isdigit()
    )
    assert number == pytest.approx(latest["unit"].value, rel=0.02, abs=0.01)


# Network


def test_zooming_keeps_what_is_under_the_pointer_and_dragging_moves(program, pixels, settle, drag):
    diagram = view(program, "network").diagram
    plain = pixels(diagram)
    at = QPoint(diagram.width() // 2, diagram.height() // 2)
    wheel(diagram, at, 4, Qt.KeyboardModifier.ControlModifier)
    zoomed = pixels(diagram)
    assert (zoomed != plain).mean() > 0.05
    before = program.document.scene
    drag(diagram, [(at.x(), at.y()), (at.x() - 60, at.y()), (at.x() - 120, at.y())])
    assert (pixels(diagram) != zoomed).mean() > 0.02
    assert program.document.scene.selection == before.selection, "a drag selects nothing"
    for _ in range(10):
        wheel(diagram, at, -4, Qt.KeyboardModifier.ControlModifier)
    QApplication.sendEvent(diagram, QEvent(QEvent.Type.Leave))
    assert (pixels(diagram) == plain).mean() > 0.99


def test_a_double_click_folds_a_block_and_unfolds_it(coloured, settle, latest):
    program = coloured
    diagram = view(program, "network").diagram
    count = len(latest["network"].columns)

    def double_click_until(condition):
        for x in range(40, diagram.width(), 20):
            QTest.mouseDClick(diagram, Qt.MouseButton.LeftButton, pos=QPoint(x, 40))
            settle(program)
            if condition():
                return
        pytest.fail("no column can be folded")

    double_click_until(lambda: len(latest["network"].columns) == count - 1)
    (folded,) = program.document.scene.panel("network").folded
    assert folded in ("0", "1")
    program.document.undo()
    settle(program)
    assert len(latest["network"].columns) == count


def test_a_map_in_the_diagram_is_pointed_at_and_selected(program, settle, latest):
    diagram = view(program, "network").diagram
    found = None
    for x in range(60, diagram.width(), 6):
        QTest.mouseMove(diagram, QPoint(x, diagram.height() // 2 + 20))
        pointer = program.document.scene.pointer
        if pointer is not None and pointer.layer == "pool":
            found = x
            break
    assert found is not None, "no map of the pooling layer is where the diagram's middle is"
    click(diagram, QPoint(found, diagram.height() // 2 + 20))
    settle(program)
    selection = program.document.scene.selection
    assert (selection.layer, selection.channel) == ("pool", pointer.channel)
    assert (selection.row, selection.column) == (pointer.row, pointer.column)
    QApplication.sendEvent(diagram, QEvent(QEvent.Type.Leave))
    assert program.document.scene.pointer is None
