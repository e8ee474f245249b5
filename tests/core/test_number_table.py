"""Tables of numbers: their colours, column by column, and as a file."""

import csv
import io

import numpy as np
import pytest

from cnnviz.core.number_table import NumberTable, TableColumn


def table(columns, values, **named):
    values = np.array(values, float)
    names = tuple(f"row {row}" for row in range(len(values)))
    return NumberTable("Table", "what", tuple(columns), names, values, np.isnan(values), **named)


def test_each_column_is_coloured_from_zero_or_around_it():
    columns = [TableColumn("a", kind="unsigned"), TableColumn("b", kind="signed")]
    found = table(columns, [[0, -2], [1, 0], [4, 1]]).indices()
    assert found.tolist() == [[0, 0], [63, 126], [252, 189]]


def test_columns_of_one_scale_share_their_colours_and_totals_take_no_part():
    columns = [TableColumn("a", kind="unsigned", scale="s"), TableColumn("b", kind="unsigned", scale="s")]
    found = table(columns, [[1, 2], [0, 0.5], [100, 100]], totals=1).indices()
    assert found[:2].tolist() == [[126, 252], [0, 63]]


def test_what_is_no_number_has_colours_of_its_own():
    found = table([TableColumn("a", kind="unsigned")], [[np.inf], [1.0], [np.nan]]).indices()
    assert found[:, 0].tolist() == [254, 252, 253]


def test_numbers_that_are_written_as_zeros_look_like_zeros():
    columns = [TableColumn("a", kind="unsigned"), TableColumn("b", kind="unsigned", wide_range=True)]
    assert table(columns, [[1e-9, 1e-9]]).indices().tolist() == [[0, 252]]


def test_a_file_has_all_figures_words_and_gaps():
    made = table([TableColumn("a"), TableColumn("b, in m")], [[1 / 3, np.nan], [2, 5]], words={(1, 1): "five"})
    rows = list(csv.reader(io.StringIO(made.to_csv())))
    assert rows == [["what", "a", "b, in m"], ["row 0", repr(1 / 3), ""], ["row 1", "2.0", "five"]]


def test_names_have_to_fit_the_numbers():
    with pytest.raises(ValueError, match=r"\(1, 1\) names, but values of \(1, 2\)"):
        table([TableColumn("a")], [[1, 2]])
