"""What runs are called in the table and in the legend."""

import pytest

from cnnviz.panels.runs_names import NamedRun, curve_names, names_of
from cnnviz.training.run_changes import one_change
from cnnviz.training.run_label import RunLabel
from cnnviz.training.settings import checked_settings

BASE = checked_settings({"network": {"name": "lenet"}, "dataset": "digits", "batch_size": 64})


def duplicated(run_id, of, title, index=0):
    """A run as the menu Duplicate makes it: the one change of this title."""
    (group,) = [group for group in one_change(of.settings) if group.title == title]
    return NamedRun(run_id, group.changes[index].settings, RunLabel(base=of.id)), group.changes[index].words


@pytest.fixture
def family():
    first = NamedRun("a", BASE, RunLabel())
    between = NamedRun("b", BASE.changed({"dataset": "shapes", "epochs": 3}), RunLabel())
    normalised, words = duplicated("c", first, "Normalisation")
    batches, more = duplicated("d", first, "Batch size", 2)
    both, _ = duplicated("e", normalised, "Batch size", 2)
    return [first, between, normalised, batches, both], words, more


def test_a_duplicate_is_called_by_its_one_change_wherever_it_stands(family):
    runs, words, batches = family
    names = names_of(runs)
    assert words == "batch normalisation before the activation"
    assert batches == "batches of 32"
    assert (names["a"].name, names["a"].change) == ("lenet on digits", "")
    assert (names["b"].name, names["b"].change) == ("lenet on shapes", "")
    for run_id, change in (("c", words), ("d", batches), ("e", f"{words}, {batches}")):
        assert (names[run_id].name, names[run_id].change) == ("lenet on digits", change)
        assert names[run_id].beside == "lenet on digits"


def test_the_legend_says_what_the_table_says(family):
    runs, words, batches = family
    names = names_of(runs)
    of_one = [run for run in runs if run.id != "b"]
    assert list(curve_names(of_one, names).values()) == ["lenet on digits", words, batches, f"{words}, {batches}"]
    assert curve_names(runs[1:3], names) == {"b": "lenet on shapes", "c": f"lenet on digits, {words}"}


def test_a_name_of_ones_own_stays_and_a_lost_original_is_no_harm(family):
    runs, _, batches = family
    own = NamedRun("d", runs[3].settings, RunLabel(name="mine", base="a"))
    names = names_of([runs[0], own])
    assert (names["d"].name, names["d"].change, names["d"].beside) == ("mine", batches, "")
    assert curve_names([runs[0], own], names) == {"a": "lenet on digits", "d": "mine"}
    alone = names_of([runs[3]])["d"]
    assert (alone.name, alone.change, alone.beside) == ("lenet on digits", "", "")


def test_a_table_that_has_nothing_of_the_one_above_is_no_change_of_it():
    other = {"layers": [{"kind": "flatten", "name": "f"}, {"kind": "linear", "name": "out"}]}
    table = NamedRun("t", BASE.changed({"network": {"name": "layer-table", "config": other}}), RunLabel())
    names = names_of([NamedRun("a", BASE, RunLabel()), table])
    assert (names["t"].name, names["t"].change) == ("own layers on digits", "")
    slow = NamedRun("s", table.settings.changed({"learning_rate": 1e-4}), RunLabel())
    runs = [NamedRun("a", BASE, RunLabel()), slow]
    assert curve_names(runs, names_of(runs))["s"] == "own layers on digits, learning rate 0.0001"
