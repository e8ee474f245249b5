"""The widget of units over samples: what is drawn, what the pointer says, and what clicks ask for."""

import csv
import io

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QImage, QPainter
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QPushButton

from cnnviz.core.unit_statistics import unit_statistics
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.panels.shared.labelled_samples import DataChoice, LabelledSamples
from cnnviz.panels.units_over_samples import PairSide, UnitsOverSamplesResult
from cnnviz.panels.units_over_samples_matrix_view import MatrixContent, UnitMatrix, frame_of
from cnnviz.panels.units_over_samples_passes import Columns
from cnnviz.panels.units_over_samples_pictures import Look, pictures
from cnnviz.panels.units_over_samples_view import UnitsOverSamplesView
from cnnviz.panels.units_over_samples_words import number_texts, verdict
from cnnviz.scene.document import Document
from cnnviz.ui.figure import rendered
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.theme import theme

PATH = "panels.units-over-samples"
COUNT, UNITS = 24, 6


def look(values, name="relu", kind="ReLU", cells=None):
    labels = np.arange(len(values)) % 3
    pixels = (np.arange(len(values) * 16, dtype=np.uint32) % 256).astype(np.uint8).reshape(-1, 1, 4, 4)
    images = LabelledImages(pixels, labels, ("ape", "bee", "cat"))
    samples = LabelledSamples(
        DataChoice("digits"), images.images, labels, np.arange(len(values)) + 100, images.class_names
    )
    return Look(
        "net", name, kind, np.float32(values), Columns(np.arange(values.shape[1]), cells, values.shape[1]), samples
    )


@pytest.fixture
def values():
    random = np.random.default_rng(0)
    made = np.maximum(random.normal(size=(COUNT, UNITS)), 0)
    made[:, 2] = 0  # silent
    made[:, 4] = 1 + made[:, 4]  # always on
    return made


@pytest.fixture
def view(qtbot):
    document = Document()
    made = UnitsOverSamplesView(document)
    qtbot.addWidget(made)
    made.resize(820, 500)
    made.show()
    return made


@pytest.fixture
def shown(view, values):
    (picture,) = pictures([look(values)], "as-is")
    view.show_result(UnitsOverSamplesResult(DataChoice("digits"), picture, done=COUNT, total=COUNT))
    return view, picture


def matrix(view, named, name="Units over samples"):
    return named(view, name)


def colour(pixels, widget, row, column):
    place = widget.point_of(row, column)
    return int(pixels[int(place.y()), int(place.x())])


def words(view):
    return " ".join(each.text() for each in view.findChildren(QLabel) if each.isVisible())


def test_each_cell_has_the_colour_of_its_value(shown, named, pixels, values):
    view, _ = shown
    view.document.edit("selection.layer", "elsewhere")
    widget = matrix(view, named)
    seen = pixels(widget)
    rows = np.argsort(np.arange(COUNT) % 3, kind="stable")
    table = theme().table("unsigned")
    for row in (0, 5, COUNT - 1):
        for column in range(UNITS):
            index = round(252 * values[rows[row], column] / values.max())
            near = {int(table[each]) for each in range(max(index - 1, 0), min(index + 2, 253))}
            assert colour(seen, widget, row, column) in near


def test_striking_units_are_marked_named_and_counted(shown, named, pixels):
    view, _ = shown
    widget = matrix(view, named)
    assert [label for label, _ in widget.content.strips] == ["always on", "silent", "ignoring"]
    seen, frame = pixels(widget), widget.frame()
    middle = frame.body.top() - 1.5 * frame.strip_height  # of the strip of silent ones
    marked = [
        int(seen[int(middle), int(frame.column_rect(column).center().x())]) == theme().colour("warning").rgb()
        for column in range(UNITS)
    ]
    assert marked == [False, False, True, False, False, False]
    assert "Silent: 2" in words(view)
    assert "Always on: 4" in words(view)


def test_pointing_says_unit_value_and_sample(shown, named, values):
    view, _ = shown
    widget = matrix(view, named)
    QTest.mouseMove(widget, widget.point_of(9, 4).toPoint())
    (card,) = [each for each in view.window().findChildren(HoverCard) if each.isVisible()]
    number = int(np.argsort(np.arange(COUNT) % 3, kind="stable")[9])
    assert "unit 4" in card.text()
    assert f"{values[number, 4]:.3f} for “bee”" in card.text()
    assert f"test image {100 + number}" in card.text()
    assert "always on" in card.text()


def test_a_click_selects_the_unit_and_a_double_click_asks_for_the_sample(shown, named, qtbot):
    view, picture = shown
    widget = matrix(view, named)
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.point_of(3, 5).toPoint())
    selection = view.document.scene.selection
    assert (selection.layer, selection.channel) == ("relu", 5)
    with qtbot.waitSignal(view.image_wanted) as wanted:
        QTest.mouseDClick(widget, Qt.MouseButton.LeftButton, pos=widget.point_of(0, 1).toPoint())
    array, name, label = wanted.args
    np.testing.assert_array_equal(array, picture.images.images[0, 0])
    assert (name, label) == ("Digits, test image 100", "ape")
    beside = QPoint(round(widget.frame().body.left()) - 12, widget.point_of(COUNT - 1, 0).toPoint().y())
    with qtbot.waitSignal(view.image_wanted) as wanted:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=beside)
    assert wanted.args[2] == "cat"


def test_keys_go_from_unit_to_unit(shown, named):
    view, _ = shown
    widget = matrix(view, named)
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.point_of(0, 0).toPoint())
    QTest.keyClick(widget, Qt.Key.Key_Right)
    QTest.keyClick(widget, Qt.Key.Key_Right)
    assert view.document.scene.selection.channel == 2


def test_a_single_unit_of_a_map_is_selected_with_its_place(view, named, values):
    cells = np.stack([np.arange(UNITS), np.arange(UNITS) + 1], 1)
    (picture,) = pictures([look(values, cells=cells)], "as-is")
    view.show_result(UnitsOverSamplesResult(DataChoice("digits"), picture, done=COUNT, total=COUNT))
    widget = matrix(view, named)
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.point_of(3, 5).toPoint())
    selection = view.document.scene.selection
    assert (selection.channel, selection.row, selection.column) == (5, 5, 6)


def test_the_selected_unit_is_framed(shown, named):
    view, _ = shown
    view.document.edit_many({"selection.layer": "relu", "selection.channel": 3})
    assert matrix(view, named)._marked == (3,)
    view.document.edit("selection.layer", "other")
    assert matrix(view, named)._marked == ()


def test_neighbours_of_the_selected_channel_stand_in_one_frame_that_hides_none(qtbot, pixels):
    widget = UnitMatrix("thin")
    qtbot.addWidget(widget)
    widget.resize(301, 120)
    widget.set_content(MatrixContent(np.full((4, 100), 200, np.uint8), "unsigned"))
    widget.set_marked((10, 11, 12, 13, 14, 60))
    seen = pixels(widget)
    mark, cell = theme().colour("mark").rgb(), int(theme().table("unsigned")[200])
    for column in (11, 12, 13):
        assert colour(seen, widget, 1, column) == cell
    across = [int(each) for each in seen[60]]
    assert across.count(cell) > 280
    assert mark in across[int(widget.point_of(0, 10).x()) - 4 : int(widget.point_of(0, 10).x()) + 1]
    assert mark in across[int(widget.point_of(0, 60).x()) - 4 : int(widget.point_of(0, 60).x()) + 4]


def test_correlations_are_said_and_constant_units_left_empty(shown, named, values, pixels):
    view, _ = shown
    view.document.edit(f"{PATH}.page", "correlation")
    widget = named(view, "Correlation of units")
    QTest.mouseMove(widget, widget.point_of(0, 5).toPoint())
    (card,) = [each for each in view.window().findChildren(HoverCard) if each.isVisible()]
    r = np.corrcoef(values[:, 0], values[:, 5])[0, 1]
    assert f"r = {abs(r):.2f}" in card.text().replace("−", "")
    QTest.mouseMove(widget, widget.point_of(2, 5).toPoint())
    assert "unit 2 constant: no correlation" in card.text()
    assert "1 constant units" in words(view)
    view.document.edit("selection.layer", "elsewhere")
    seen = pixels(widget)
    assert colour(seen, widget, 2, 5) == theme().colour("panel").rgb()
    assert colour(seen, widget, 0, 0) == int(theme().table("signed")[252])


def test_a_picture_that_is_old_says_so_and_one_on_its_way_can_be_cancelled(view, values, named):
    (picture,) = pictures([look(values)], "as-is")
    view.show_result(UnitsOverSamplesResult(DataChoice("digits"), picture, done=COUNT, total=200))
    assert "24 of 200 samples" in words(view)
    (cancel,) = [each for each in view.findChildren(QPushButton) if each.text() == "Cancel" and each.isVisible()]
    QTest.mouseClick(cancel, Qt.MouseButton.LeftButton)
    assert view.document.scene.panel("units-over-samples").stopped
    assert cancel.text() == "Go on"
    assert view.state == "fresh"
    view.show_result(UnitsOverSamplesResult(DataChoice("digits"), picture, total=200, stale=True))
    assert view.state == "stale"
    assert "earlier weights" in words(view)


def test_a_good_and_a_bad_training_stand_side_by_side_with_their_numbers(view, values, named):
    view.document.edit(f"{PATH}.page", "pair")
    bad = np.repeat(values[:, :1], UNITS, 1)
    drawn = pictures([look(values, "hidden"), look(bad, "hidden")], "as-is")
    sides = tuple(
        PairSide(title, f"{title} words", picture, f"live:{title}")
        for title, picture in zip(("good", "bad"), drawn, strict=True)
    )
    view.show_result(UnitsOverSamplesResult(DataChoice("digits"), sides=sides, done=1, total=1, message="Why."))
    assert "Strongly correlated." in words(view)
    table = view._of_pair._table.rows()
    assert table["mean |r|"][1] == "1.00"
    assert table["silent"] == ("1 of 6", "0 of 6")
    strips = [named(view, f"Units of the {name} network").content.strips for name in ("first", "second")]
    assert [label for label, _ in strips[0]] == [label for label, _ in strips[1]]
    opens = [each for each in view.findChildren(QPushButton) if each.text() == "Open" and each.isVisible()]
    QTest.mouseClick(opens[1], Qt.MouseButton.LeftButton)
    assert view.document.scene.network.source == "live:bad"


def test_the_train_button_trains_cancels_and_trains_again(view):
    view.document.edit(f"{PATH}.page", "pair")
    view.show_result(UnitsOverSamplesResult(message="Press Train both."))
    (button,) = [each for each in view.findChildren(QPushButton) if each.text() == "Train both"]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    params = view.document.scene.panel("units-over-samples")
    assert params.training
    assert button.text() == "Cancel"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not view.document.scene.panel("units-over-samples").training
    view.show_result(UnitsOverSamplesResult(done=3, total=3))
    assert not button.isVisible()
    assert view._again.isVisible()
    QTest.mouseClick(view._again, Qt.MouseButton.LeftButton)
    assert view.document.scene.panel("units-over-samples").seed == 1


def test_figures_hold_the_picture_and_its_numbers(shown, values):
    view, _ = shown
    units, correlation = view.figures()
    rows = list(csv.reader(io.StringIO(units.csv())))
    assert rows[0][:3] == ["test image", "class", "unit 0"]
    assert rows[1][:2] == ["100", "ape"]
    np.testing.assert_allclose(np.float64(rows[1][2:]), values[0], rtol=1e-6)
    table = list(csv.reader(io.StringIO(correlation.csv())))
    assert table[3][1:] == [""] * UNITS
    assert float(table[1][2]) == pytest.approx(np.corrcoef(values[:, 0], values[:, 1])[0, 1])
    for figure in (units, correlation):
        image = QImage.fromData(rendered(figure, ".png"))
        colours = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
        assert len(colours) > 20


# the matrix where there is little room


def test_more_rows_than_pixels_draw_every_so_manieth(qtbot):
    content = MatrixContent(np.arange(300, dtype=np.int64).reshape(300, 1).astype(np.uint8) % 200, "unsigned")
    widget = UnitMatrix("many")
    qtbot.addWidget(widget)
    widget.resize(60, 120)
    widget.set_content(content)
    frame = widget.frame()
    assert frame.step == (3, 1)
    rows = {frame.cell_at(QPointF(5, y + 0.5))[0] for y in range(int(frame.body.height()))}
    assert rows == set(range(0, 300, 3))
    image = QImage(60, 120, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    widget.render(painter, QPoint())
    painter.end()
    for row in (0, 30, 150, 297):
        y = int(frame.row_rect(row).center().y())
        assert image.pixel(10, y) == int(theme().table("unsigned")[int(content.indices[row, 0])])


def test_a_low_picture_keeps_its_height_for_the_cells(qtbot):
    from PyQt6.QtCore import QRectF

    content = MatrixContent(np.zeros((4, 4), np.uint8), "unsigned", bars=np.ones(4), bars_full=1.0, x_label="four")
    assert frame_of(content, QRectF(0, 0, 200, 300)).bars_height > 0
    low = frame_of(content, QRectF(0, 0, 200, 110))
    assert (low.bars_height, low.labelled) == (0, False)
    assert low.body.height() == 109


# in words


def test_verdicts_on_units_whose_kind_is_known():
    random = np.random.default_rng(0)
    sparse = np.where(random.random((200, 30)) < 0.15, random.random((200, 30)), 0)
    assert verdict(unit_statistics(sparse)) == "sparse over units and over samples, hardly correlated"
    stuck = np.tile(random.random(30), (200, 1)) + 0.001 * random.random((200, 30))
    assert verdict(unit_statistics(stuck, 0.5)).startswith("nearly all units ignore the input, many units are")
    assert (
        verdict(unit_statistics(random.random((200, 1)) * np.ones((1, 30))))
        == "all units are always on, strongly correlated"
    )
    assert verdict(unit_statistics(random.normal(size=(200, 30)))) == "not sparse, hardly correlated"
    texts = number_texts(unit_statistics(sparse))
    assert texts["exactly zero"] == f"{100 * (sparse == 0).mean():.1f} %"
    assert texts["constant"] is None


# in the window


def test_a_sample_becomes_the_input(start, scene_of, small, settle, latest, qtbot, named):
    program = start(scene_of(small))
    program.window.show_panel("units-over-samples")
    settle(program)
    program.document.edit_many({"selection.layer": "relu", f"{PATH}.samples": 40})
    settle(program)
    result = latest["units-over-samples"]
    assert result.finished
    view = program.window.docks["units-over-samples"].view
    assert view.subtitle == "relu · 40 samples × 4"
    widget = named(view, "Units over samples")
    QTest.mouseDClick(widget, Qt.MouseButton.LeftButton, pos=widget.point_of(7, 1).toPoint())
    qtbot.waitUntil(lambda: program.document.scene.input.base.kind == "photo")
    settle(program)
    sample = result.picture.images.images[result.picture.samples[7]]
    seen = program.stage.wait_until_idle(60) and latest["input"].rendered.edited
    np.testing.assert_allclose(seen, sample / 255, atol=0.01)
    # so that the network says of it on the canvas what the picture says
    with torch.no_grad():
        expected = small.relu(small.conv(torch.from_numpy(np.float32(seen))[None])).mean((2, 3))[0]
    np.testing.assert_allclose(result.picture.values[7], expected, atol=0.02)
