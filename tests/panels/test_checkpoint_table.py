"""The table of tensors and layers: sorted by numbers as numbers, filtered, and copied as it is shown."""

import pytest
from PyQt6.QtCore import QItemSelectionModel, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cnnviz.core.tensor_statistics import TensorStatistics
from cnnviz.panels.checkpoint import LayerRow, TensorRow
from cnnviz.panels.checkpoint_table_view import LAYER_COLUMNS, TENSOR_COLUMNS, SortableTable

TITLES = [column.title for column in TENSOR_COLUMNS]


def tensor(name, values, mean=None):
    statistics = None if mean is None else TensorStatistics(abs(mean), mean, 0.5, 3, 0)
    return TensorRow(name, (values,), "float32", "", values, values / 100, statistics)


@pytest.fixture
def tensors(qtbot):
    table = SortableTable(TENSOR_COLUMNS, "tensors")
    qtbot.addWidget(table)
    table.resize(900, 300)
    table.show()
    table.set_rows((tensor("conv9", 9, -4.0), tensor("conv10", 100), tensor("conv1", 20, 0.5), tensor("fc", 3, -0.25)))
    return table


@pytest.fixture
def layers(qtbot):
    table = SortableTable(LAYER_COLUMNS, "layers")
    qtbot.addWidget(table)
    macs = {"a": 7, "b": 5_000_000_000, "c": None, "d": 3_000_000_000, "e": 0}
    table.set_rows(
        tuple(LayerRow(name, "Conv2d", None if value is None else (1,), 1, value, 1, 1) for name, value in macs.items())
    )
    return table


def names(table):
    return [line.split("\t")[0] for line in table.copied_text().splitlines()[1:]]


def click_heading(table, title):
    header, column = table.horizontalHeader(), TITLES.index(title)
    at = header.sectionViewportPosition(column) + 12
    viewport = header.viewport()
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=viewport.rect().center().__class__(at, 8))


def test_it_is_in_the_order_that_it_was_given_until_a_heading_is_clicked(tensors):
    assert names(tensors) == ["conv9", "conv10", "conv1", "fc"]
    click_heading(tensors, "shape")
    assert names(tensors) == ["fc", "conv9", "conv1", "conv10"]
    click_heading(tensors, "shape")
    assert names(tensors) == ["conv10", "conv1", "conv9", "fc"]


def test_names_are_sorted_as_people_count(tensors):
    tensors.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert names(tensors) == ["conv1", "conv9", "conv10", "fc"]


def test_statistics_are_sorted_by_their_value_and_what_is_not_measured_yet_is_at_the_end(tensors):
    tensors.sortByColumn(TITLES.index("mean"), Qt.SortOrder.DescendingOrder)
    assert names(tensors) == ["conv1", "fc", "conv9", "conv10"]
    rows = (tensor("conv9", 9, -4.0), tensor("conv10", 100, 2.0), tensor("conv1", 20, 0.5), tensor("fc", 3, -0.25))
    tensors.set_rows(rows)  # measured meanwhile
    assert names(tensors) == ["conv10", "conv1", "fc", "conv9"]


def test_numbers_beyond_32_bits_and_missing_ones_have_their_place(layers):
    column = [each.title for each in LAYER_COLUMNS].index("multiply-adds")
    layers.sortByColumn(column, Qt.SortOrder.AscendingOrder)
    assert names(layers) == ["c", "e", "a", "d", "b"]
    layers.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    assert names(layers) == ["b", "d", "a", "e", "c"]


def test_a_filter_leaves_the_rows_that_hold_the_words(tensors):
    tensors.set_filter("CONV1")
    assert names(tensors) == ["conv10", "conv1"]
    tensors.set_filter("conv[")
    assert tensors.shown() == 0
    tensors.set_filter("")
    assert tensors.shown() == 4


def test_the_chosen_rows_are_copied_with_tabs_as_they_are_shown(tensors):
    tensors.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    rows = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in (3, 1):
        tensors.selectionModel().select(tensors.model().index(row, 0), rows)
    QTest.keyClick(tensors, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    heading, first, second = (line.split("\t") for line in QApplication.clipboard().text().splitlines())
    assert heading == TITLES
    assert first == ["conv9", "9", "float32", "9.0 %", "4.000", "−4.000", "0.500", "3", "0"]
    assert second[0] == "fc"
