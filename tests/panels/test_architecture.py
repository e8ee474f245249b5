"""The architecture panel: what real clicks and keys do to it."""

import csv
from io import StringIO

import pytest
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

import cnnviz.panels  # noqa: F401  registers the parameters
from cnnviz.nets.layer_table import (
    LAYER_TABLE,
    ConvolutionRow,
    FlattenRow,
    LayerTable,
    LinearRow,
    PoolingRow,
    ResidualRow,
)
from cnnviz.nets.table_file import read_table
from cnnviz.nets.table_network import TableNetwork
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.panels.architecture import ArchitectureResult, OpenNetwork, data_of, worked_out
from cnnviz.panels.architecture_view import CURRENT, TABLE, ArchitectureView
from cnnviz.panels.architecture_words import row_words
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ComboBox, Toggle
from cnnviz.ui.value_edit import ValueEdit


def params_of(document):
    return document.scene.panel("architecture")


def names(document):
    return [row.name for row in params_of(document).table.layers]


@pytest.fixture
def panel(qtbot):
    """The view alone; what the engine would compute is handed to it at each change."""
    document = Document()
    view = ArchitectureView(document)
    for widget in (view, *view.header_controls()):
        qtbot.addWidget(widget)

    def compute(*_):
        data, shape, classes = data_of(document.scene)
        opened = OpenNetwork("net", TABLE_PRESETS["perceptron"].table)
        view.show_result(ArchitectureResult(*worked_out(params_of(document).table, shape, classes), data, opened))

    document.changed.connect(compute)
    compute()
    view.resize(420, 700)
    view.show()
    qtbot.waitExposed(view)
    return document, view


def click(view, row, x=120):
    """On a row's line, by its place in the table; that of the input is −1."""
    rect = view._list.line_rect(row)
    QTest.mouseClick(view._list, Qt.MouseButton.LeftButton, pos=QPoint(x, rect.center().y()))
    QApplication.processEvents()


def typed(view, field, text):
    edit = view._list.editor.control(field)
    QTest.mouseClick(edit, Qt.MouseButton.LeftButton)
    edit.selectAll()
    QTest.keyClicks(edit, text)
    return edit


def test_a_click_opens_the_settings_of_a_row_and_another_closes_them(panel):
    document, view = panel
    click(view, 0)
    assert params_of(document).current == "conv1"
    assert view._list.editor.isVisible()
    assert view._list.editor.control("channels").text() == "16"
    click(view, 0)
    assert params_of(document).current == ""
    assert not view._list.editor.isVisible()
    assert not document.can_undo  # what is open is no change of the document


def test_what_is_typed_counts_at_once_and_is_undone_as_one(panel):
    document, view = panel
    click(view, 0)
    typed(view, "channels", "24")
    assert params_of(document).table.layers[0].channels == 24
    assert view._result.plan.rows[0].output == (24, 8, 8)
    network = TableNetwork(params_of(document).table, (1, 8, 8), 10)
    assert view.subtitle == f"10 layers, {sum(weight.numel() for weight in network.parameters()):,} weights"
    QTest.mouseClick(view._list.editor.control("kernel_size"), Qt.MouseButton.LeftButton)
    typed(view, "kernel_size", "3×5")
    assert params_of(document).table.layers[0].kernel_size == (3, 5)
    document.undo()
    assert params_of(document).table.layers[0].kernel_size == (5, 5)
    assert params_of(document).table.layers[0].channels == 24
    document.undo()
    assert params_of(document).table == TABLE_PRESETS["lenet"].table
    assert not document.can_undo


def test_an_impossible_size_is_told_at_the_row_with_a_button_that_mends_it(panel):
    document, view = panel
    click(view, 3)
    typed(view, "kernel_size", "13")
    planned = view._result.plan.rows
    assert planned[3].problem.startswith(
        "A 13×13 window does not fit a 4×4 map, padded to 8×8: make the window smaller"
    )
    assert all(row.waits for row in planned[4:])
    assert not view._train.isEnabled()
    assert view._list.remedy.isVisible()
    assert view._list.remedy.text() == "Make the window 8×8"
    below = view._list.line_rect(3).bottom()
    assert view._list.remedy.geometry().top() > below
    view.resize(420, 460)
    QApplication.processEvents()
    assert view._list.visibleRegion().contains(view._list.remedy.geometry())  # it was scrolled to
    QTest.mouseClick(view._list.remedy, Qt.MouseButton.LeftButton)
    assert params_of(document).table.layers[3].kernel_size == (8, 8)
    assert view._result.plan.rows[5].problem.startswith("A 2×2 window does not fit a 1×1 map")  # the next in line
    assert view._list.remedy.text() == "Make the window 1×1"
    QTest.mouseClick(view._list.remedy, Qt.MouseButton.LeftButton)
    assert not view._list.remedy.isVisible()
    assert view._train.isEnabled()
    document.undo()
    document.undo()
    assert params_of(document).table.layers[3].kernel_size == (13, 13)


def test_the_end_is_told_below_with_a_button(panel):
    document, view = panel
    document.edit(TABLE, LayerTable(layers=(ConvolutionRow(name="conv1", channels=4),)))
    assert view._problem.text() == "It ends in maps of 4×6×6, and has to give 10 numbers, one for each class."
    QTest.mouseClick(view._remedy, Qt.MouseButton.LeftButton)
    assert names(document) == ["conv1", "flatten", "fc1"]
    assert view._problem.text() == ""
    assert view._train.isEnabled()


def test_rows_are_added_duplicated_moved_and_removed_by_buttons_and_each_is_undone(panel):
    document, view = panel
    before = names(document)
    click(view, 2)
    action = next(each for each in view._add.entries.actions() if each.text() == "Residual block")
    action.trigger()
    assert names(document) == [*before[:3], "block1", *before[3:]]
    assert params_of(document).current == "block1"
    QTest.mouseClick(view._down, Qt.MouseButton.LeftButton)
    assert names(document) == [*before[:4], "block1", *before[4:]]
    QTest.mouseClick(view._up, Qt.MouseButton.LeftButton)
    QTest.mouseClick(view._duplicate, Qt.MouseButton.LeftButton)
    assert names(document) == [*before[:3], "block1", "block2", *before[3:]]
    QTest.mouseClick(view._remove, Qt.MouseButton.LeftButton)
    QTest.mouseClick(view._remove, Qt.MouseButton.LeftButton)
    assert "block2" not in names(document)
    for _ in range(6):
        document.undo()
    assert names(document) == before


def test_the_keyboard_does_the_same(panel, qtbot):
    document, view = panel
    before = names(document)
    rows = view._list
    rows.setFocus()
    QTest.keyClick(rows, Qt.Key.Key_Down)
    assert params_of(document).current == "input"
    QTest.keyClick(rows, Qt.Key.Key_Down)
    QTest.keyClick(rows, Qt.Key.Key_Down)
    assert params_of(document).current == "relu1"
    QTest.keyClick(rows, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert names(document)[:3] == ["conv1", "pool1", "relu1"]
    QTest.keyClick(rows, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert names(document)[:4] == ["conv1", "pool1", "relu1", "act1"]
    QTest.keyClick(rows, Qt.Key.Key_Delete)
    QTest.keyClick(rows, Qt.Key.Key_Escape)
    assert params_of(document).current == ""
    document.undo()
    document.undo()
    document.undo()
    assert names(document) == before
    click(view, 0)
    QTest.keyClick(rows, Qt.Key.Key_Return)
    qtbot.waitUntil(rows.editor.control("channels").hasFocus)


def test_a_row_is_dragged_to_another_place(panel):
    document, view = panel
    rows = view._list
    start, end = rows.line_rect(0).center(), rows.line_rect(2).center()
    QTest.mousePress(rows, Qt.MouseButton.LeftButton, pos=start)
    for y in range(start.y(), end.y() + 8, 4):
        QTest.mouseMove(rows, QPoint(start.x(), y))
        QApplication.processEvents()
    QTest.mouseRelease(rows, Qt.MouseButton.LeftButton, pos=QPoint(start.x(), end.y() + 8))
    assert names(document)[:3] == ["relu1", "pool1", "conv1"]
    document.undo()
    assert names(document)[:3] == ["conv1", "relu1", "pool1"]


def test_a_block_shows_its_layers_when_it_is_unfolded(panel):
    document, view = panel
    document.edit(TABLE, TABLE_PRESETS["residual-20"].table)
    click(view, 3, x=10)
    assert params_of(document).unfolded == ("block1_1",)
    parts = [line.part.name for line in view._list._lines.lines if line.what == "part"]
    assert parts == [layer.name for layer in view._result.plan.rows[3].layers]
    assert "block1_1.body.conv2" in parts
    click(view, 3, x=10)
    assert params_of(document).unfolded == ()


def test_controls_of_every_kind_change_their_field(panel):
    document, view = panel
    pool = PoolingRow(name="pool1", ceil_mode=True)
    document.edit_many({TABLE: LayerTable(layers=(pool, FlattenRow(name="f"), LinearRow(name="o"))), CURRENT: "pool1"})
    editor = view._list.editor
    kind = editor.control("pooling")
    assert isinstance(kind, ComboBox)
    kind.setCurrentIndex(kind.findData("weighted"))
    kind.activated.emit(kind.currentIndex())
    assert params_of(document).table.layers[0].pooling == "weighted"
    assert editor.control("sigma").isVisible()  # which only weighted pooling has
    assert not editor.control("taps").isVisible()
    typed(view, "sigma", "0.5")
    assert params_of(document).table.layers[0].sigma == 0.5
    kind.setCurrentIndex(kind.findData("strided"))
    kind.activated.emit(kind.currentIndex())
    assert params_of(document).table.layers[0].ceil_mode is False
    document.edit(CURRENT, "o")
    typed(view, "features", "cl")
    assert params_of(document).table.layers[2].features is None
    bias = editor.control("bias")
    assert isinstance(bias, Toggle)
    QTest.mouseClick(bias, Qt.MouseButton.LeftButton)
    assert params_of(document).table.layers[2].bias is False
    document.edit(CURRENT, "input")
    edit = typed(view, "height_width", "12x20")
    assert isinstance(edit, ValueEdit)
    assert view._result.plan.input == (1, 12, 20)


def test_all_of_a_residual_block_is_set_at_its_row_and_counts_at_once(panel):
    document, view = panel
    block = ResidualRow(name="block1", channels=8)
    document.edit_many(
        {TABLE: LayerTable(layers=(block, FlattenRow(name="f"), LinearRow(name="o"))), CURRENT: "block1"}
    )
    for field, text in (("channels", "4"), ("convolutions", "3"), ("stride", "2")):
        typed(view, field, text)
    for field, key in (("kernel_size", "5"), ("normalisation", "none"), ("function", "tanh")):
        combo = view._list.editor.control(field)
        combo.setCurrentIndex(combo.findData(key))
        combo.activated.emit(combo.currentIndex())
    row = params_of(document).table.layers[0]
    assert row == ResidualRow(
        name="block1", channels=4, convolutions=3, stride=2, kernel_size=5, normalisation="none", function="tanh"
    )
    planned = view._result.plan.rows[0]
    channels, height, width = planned.given
    assert planned.output == (4, -(-height // 2), -(-width // 2))
    branch = 4 * channels * 25 + 4 + 2 * (4 * 4 * 25 + 4)  # biases, since nothing normalises
    assert planned.weights == branch + 4 * channels + 4


def test_a_block_becomes_a_bottleneck_at_its_row(panel):
    document, view = panel
    block = ResidualRow(name="block1", channels=8, convolutions=5)
    document.edit_many(
        {TABLE: LayerTable(layers=(block, FlattenRow(name="f"), LinearRow(name="o"))), CURRENT: "block1"}
    )
    assert view._list.editor.control("inner").parentWidget().isHidden()
    combo = view._list.editor.control("form")
    combo.setCurrentIndex(combo.findData("bottleneck"))
    combo.activated.emit(combo.currentIndex())
    typed(view, "inner", "2")
    row = params_of(document).table.layers[0]
    assert (row.form, row.inner, row.channels) == ("bottleneck", 2, 8)
    assert row_words(row) == "2 → 8, 3×3, batch, ReLU"
    channels = view._result.plan.rows[0].given[0]
    branch = channels * 2 + 2 * 2 * 9 + 2 * 8 + 2 * (2 + 2 + 8)
    shortcut = 0 if channels == 8 else channels * 8 + 16
    assert view._result.plan.rows[0].weights == branch + shortcut
    assert view._list.editor.control("convolutions").parentWidget().isHidden()  # a bottleneck has three


def test_a_new_name_stays_open_and_a_taken_one_is_not_accepted(panel):
    document, view = panel
    click(view, 0)
    edit = typed(view, "name", "relu1")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert edit.property("wrong") is True
    assert names(document)[0] == "conv1"
    edit.selectAll()
    QTest.keyClicks(edit, "first")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert names(document)[0] == "first"
    assert params_of(document).current == "first"
    document.undo()
    assert names(document)[0] == "conv1"


def entry(view, *words):
    menu = view._start.button.entries
    view._start.fill()
    for word in words:
        action = next(each for each in menu.actions() if each.text() == word)
        menu = action.menu()
    return action


def test_presets_the_open_network_and_changes_throughout_are_in_the_menu(panel):
    document, view = panel
    entry(view, "Worked count").trigger()
    assert params_of(document).table == TABLE_PRESETS["worked-count"].table
    entry(view, "The layers of net").trigger()
    assert params_of(document).table == TABLE_PRESETS["perceptron"].table
    entry(view, "LeNet").trigger()
    entry(view, "Change every layer", "Batch normalisation before activations").trigger()
    assert "norm1" in names(document)
    entry(view, "Change every layer", "Pooling", "average").trigger()
    assert {row.pooling for row in params_of(document).table.layers if row.kind == "pooling"} == {"average"}
    for _ in range(5):
        document.undo()
    assert params_of(document).table == TABLE_PRESETS["lenet"].table


def test_a_table_is_kept_in_a_file(panel, tmp_path, monkeypatch):
    document, view = panel
    path = tmp_path / "mine.json"
    dialog = "cnnviz.panels.architecture_menus_view.QFileDialog"
    monkeypatch.setattr(f"{dialog}.getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    entry(view, "Save the table…").trigger()
    assert read_table(path) == params_of(document).table
    monkeypatch.setattr(f"{dialog}.getOpenFileName", lambda *_: (str(path), ""))
    entry(view, "Tiny VGG").trigger()
    entry(view, "Open a table…").trigger()
    assert params_of(document).table == TABLE_PRESETS["lenet"].table
    path.write_text("{}")
    entry(view, "Open a table…").trigger()
    assert "holds no table of layers" in view._problem.text()


def test_it_becomes_the_network_of_the_next_run(panel, qtbot):
    document, view = panel
    with qtbot.waitSignal(view.panel_wanted) as wanted:
        QTest.mouseClick(view._train, Qt.MouseButton.LeftButton)
    assert wanted.args == ["training"]
    start = document.scene.panel("training").settings.network
    assert start.name == LAYER_TABLE
    assert LayerTable.model_validate(start.config) == params_of(document).table
    assert view._train.text() == "Go to training"
    click(view, 0)
    typed(view, "channels", "9")
    assert view._train.text() == "Train this"


def test_the_table_is_saved_as_a_figure_and_in_numbers(panel):
    _, view = panel
    (figure,) = view.figures()
    lines = list(csv.DictReader(StringIO(figure.csv())))
    network = TableNetwork(TABLE_PRESETS["lenet"].table, (1, 8, 8), 10)
    for line in lines:
        weights = sum(weight.numel() for weight in network.get_submodule(line["layer"]).parameters())
        assert int(line["weights"]) == weights
    assert lines[0]["output"] == "16x8x8"
    assert network.fc1(torch.zeros(1, 128)).shape == (1, int(lines[7]["output"]))
